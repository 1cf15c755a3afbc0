//! A connection to the bus with a bound on what is read: zbus alone takes 128 MiB from whoever sends it.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use mariasnap_dbus::limits::MAX_MESSAGE_BYTES;
use nix::sys::socket::{ControlMessage, MsgFlags, Shutdown, sendmsg, shutdown};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zbus::Message;
use zbus::connection::Builder;
use zbus::connection::socket::{BoxedSplit, ReadHalf, Split, WriteHalf};
use zbus::export::async_trait::async_trait;

use crate::peer::framing::{HEADER_BYTES, message_bytes};

/// Most descriptors that the kernel passes with one message (SCM_MAX_FD).
const MAX_FDS: usize = 253;

/// A connection to the bus at `path`, not yet greeted. Only one that `passes_fds` can send descriptors, and is sent any;
/// it takes them as zbus does, for a message whose descriptors are missing would end the connection.
pub(crate) async fn connect(path: &Path, passes_fds: bool) -> io::Result<Builder<'static>> {
    let stream = Arc::new(UnixStream::connect(path).await?);
    let stream = Stream { stream, passes_fds };
    let halves: BoxedSplit = Split::new(Box::new(Bounded(stream.clone())), Box::new(stream));
    Ok(Builder::socket(halves))
}

/// The socket, and what both its halves are: they share it.
#[derive(Debug, Clone)]
struct Stream {
    stream: Arc<UnixStream>,
    passes_fds: bool,
}

/// Reads messages, and throws those away that are too long: ending the connection would let anybody end the helper.
#[derive(Debug)]
struct Bounded(Stream);

#[async_trait]
impl ReadHalf for Bounded {
    async fn receive_message(&mut self, seq: u64, read: &mut Vec<u8>, fds: &mut Vec<OwnedFd>) -> zbus::Result<Message> {
        loop {
            let mut chunk = [0; 4096];
            while read.len() < HEADER_BYTES {
                let missing = HEADER_BYTES - read.len();
                let (got, passed) = self.0.read(&mut chunk[..missing]).await?;
                read.extend_from_slice(&chunk[..got]);
                fds.extend(passed);
            }
            let length = read.first_chunk().ok_or(io::ErrorKind::InvalidData).map(message_bytes);
            let mut left = length.map_err(io::Error::from)??;
            if left <= MAX_MESSAGE_BYTES as u64 {
                return self.0.receive_message(seq, read, fds).await;
            }
            tracing::debug!("threw a message of {left} bytes away");
            fds.clear();
            let had = read.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            read.drain(..had);
            left -= had as u64;
            while left > 0 {
                let most = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
                left -= self.0.read(&mut chunk[..most]).await?.0 as u64;
            }
        }
    }

    /// For the greeting, which zbus bounds.
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.0.recvmsg(buffer).await
    }

    fn can_pass_unix_fd(&self) -> bool {
        self.0.passes_fds
    }
}

impl Stream {
    /// At least one byte, and the descriptors that came with it.
    async fn read(&self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let receive = || self.receive(buffer);
        match self.stream.async_io(Interest::READABLE, receive).await? {
            (0, _) => Err(io::ErrorKind::UnexpectedEof.into()),
            received => Ok(received),
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(buffer)];
        let received = recvmsg(&*self.stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                fds.extend(passed);
            }
        }
        Ok((received.bytes, fds))
    }
}

/// zbus' own reading of a message.
#[async_trait]
impl ReadHalf for Stream {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.read(buffer).await
    }
}

#[async_trait]
impl WriteHalf for Stream {
    async fn sendmsg(&mut self, buffer: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let fds: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let send = || {
            let rights = [ControlMessage::ScmRights(&fds)];
            let control = if fds.is_empty() { &[][..] } else { &rights[..] };
            let (socket, bytes) = (self.stream.as_raw_fd(), [IoSlice::new(buffer)]);
            Ok(sendmsg::<()>(socket, &bytes, control, MsgFlags::MSG_NOSIGNAL, None)?)
        };
        self.stream.async_io(Interest::WRITABLE, send).await
    }

    async fn close(&mut self) -> io::Result<()> {
        shutdown(self.stream.as_raw_fd(), Shutdown::Both).map_err(io::Error::from)
    }

    fn can_pass_unix_fd(&self) -> bool {
        self.passes_fds
    }
}
