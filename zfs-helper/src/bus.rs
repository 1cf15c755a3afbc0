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

/// What is read at once.
const CHUNK: usize = 4096;

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

/// Reads messages, and throws those away that are too long, or that zbus can't read: ending the connection would let
/// anybody end the helper. dbus-daemon lets none of the latter through; dbus-broker passes on fields of the header that
/// nobody knows, and names that are none.
#[derive(Debug)]
struct Bounded(Stream);

#[async_trait]
impl ReadHalf for Bounded {
    async fn receive_message(&mut self, seq: u64, read: &mut Vec<u8>, fds: &mut Vec<OwnedFd>) -> zbus::Result<Message> {
        loop {
            self.0.fill(read, HEADER_BYTES, fds).await?;
            let length = read.first_chunk().ok_or(io::ErrorKind::InvalidData).map(message_bytes);
            let length = length.map_err(io::Error::from)??;
            match usize::try_from(length) {
                Ok(length) if length <= MAX_MESSAGE_BYTES => {
                    self.0.fill(read, length, fds).await?;
                    let mut whole = read.drain(..length).collect();
                    match self.0.receive_message(seq, &mut whole, fds).await {
                        Err(error) => tracing::debug!(%error, "threw a message away"),
                        message => return message,
                    }
                }
                _ => self.0.skip(read, length).await?,
            }
            fds.clear();
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
    /// Reads until there are so many bytes.
    async fn fill(&self, read: &mut Vec<u8>, bytes: usize, fds: &mut Vec<OwnedFd>) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        while read.len() < bytes {
            let most = CHUNK.min(bytes - read.len());
            let (got, passed) = self.read(&mut chunk[..most]).await?;
            read.extend_from_slice(&chunk[..got]);
            fds.extend(passed);
        }
        Ok(())
    }

    /// Throws so many bytes away, those that are read already first.
    async fn skip(&self, read: &mut Vec<u8>, mut left: u64) -> io::Result<()> {
        tracing::debug!("throws a message of {left} bytes away");
        let had = read.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        read.drain(..had);
        left -= had as u64;
        let mut chunk = [0; CHUNK];
        while left > 0 {
            let most = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            left -= self.read(&mut chunk[..most]).await?.0 as u64;
        }
        Ok(())
    }

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

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// As dbus-broker passes them on: a member that is no name, a header field that nobody knows.
    #[tokio::test]
    async fn what_zbus_cant_read_is_thrown_away_and_the_next_one_read() {
        let call = |member: &str| Message::method_call("/", member).build(&"body").unwrap();
        let (good, longer) = (call("Good").data().to_vec(), call("Wrong").data().to_vec());
        let at = longer.windows(5).position(|five| five == b"Wrong").unwrap();
        let mut no_name = longer.clone();
        no_name[at] = b'-';
        // The member's field is its code, its signature "s", and its length.
        let mut unknown = longer;
        unknown[at - 8] = 200;
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let stream = Arc::new(ours);
        let mut bounded = Bounded(Stream {
            stream,
            passes_fds: false,
        });
        theirs.write_all(&[no_name, unknown, good].concat()).await.unwrap();
        let read = bounded
            .receive_message(1, &mut Vec::new(), &mut Vec::new())
            .await
            .unwrap();
        assert_eq!(read.header().member().unwrap(), "Good");
        drop(theirs);
        bounded
            .receive_message(2, &mut Vec::new(), &mut Vec::new())
            .await
            .unwrap_err();
    }
}
