//! A connection to the bus with a bound on what is read: zbus alone takes 128 MiB from whoever sends it.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use mariasnap_dbus::limits::MAX_MESSAGE_BYTES;
use nix::sys::socket::{ControlMessage, MsgFlags, Shutdown, sendmsg, shutdown};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zbus::Message;
use zbus::connection::Builder;
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;

use crate::peer::framing::{HEADER_BYTES, message_bytes};

/// A connection to the bus at `path`, not yet greeted. Only one that `passes_fds` can send descriptors; those sent to
/// it are closed by the kernel, as plain reads don't take them.
pub(crate) async fn connect(path: &Path, passes_fds: bool) -> io::Result<Builder<'static>> {
    let stream = Arc::new(UnixStream::connect(path).await?);
    Ok(Builder::socket(Stream { stream, passes_fds }))
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

impl Socket for Stream {
    type ReadHalf = Bounded;
    type WriteHalf = Self;

    fn split(self) -> Split<Bounded, Self> {
        Split::new(Bounded(self.clone()), self)
    }
}

#[async_trait]
impl ReadHalf for Bounded {
    async fn receive_message(&mut self, seq: u64, read: &mut Vec<u8>, fds: &mut Vec<OwnedFd>) -> zbus::Result<Message> {
        loop {
            let mut chunk = [0; 4096];
            while read.len() < HEADER_BYTES {
                let missing = HEADER_BYTES - read.len();
                let got = self.0.read(&mut chunk[..missing]).await?;
                read.extend_from_slice(&chunk[..got]);
            }
            let length = read.first_chunk().ok_or(io::ErrorKind::InvalidData).map(message_bytes);
            let mut left = length.map_err(io::Error::from)??;
            if left <= MAX_MESSAGE_BYTES as u64 {
                return self.0.receive_message(seq, read, fds).await;
            }
            tracing::debug!("threw a message of {left} bytes away");
            let had = read.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            read.drain(..had);
            left -= had as u64;
            while left > 0 {
                let most = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
                left -= self.0.read(&mut chunk[..most]).await? as u64;
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
    /// At least one byte.
    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
        }
    }
}

/// zbus' own reading of a message.
#[async_trait]
impl ReadHalf for Stream {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.read(buffer).await.map(|read| (read, Vec::new()))
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
