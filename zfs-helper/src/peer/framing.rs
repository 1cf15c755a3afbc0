//! A unix socket as zbus reads it, with bounds: on the greeting, on a message's length, before anything is allocated for
//! it, and on the requests not yet answered. Only calls that expect an answer are let in, so each one read is one answered.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use mariasnap_dbus::limits::MAX_MESSAGE_BYTES;
use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use zbus::Message;
use zbus::connection::socket::{BoxedSplit, ReadHalf, Split, WriteHalf};
use zbus::export::async_trait::async_trait;

/// Requests of one connection that may be unanswered; reading waits then.
const MAX_UNANSWERED: usize = 4;

/// Longest greeting: the way in by EXTERNAL takes 60 bytes.
const MAX_GREETING_BYTES: usize = 1024;

/// Length of what every message begins with.
pub(crate) const HEADER_BYTES: usize = 16;
const METHOD_CALL: u8 = 1;
const NO_REPLY_EXPECTED: u8 = 1;

/// Reads the greeting, then whole messages, one at a time.
#[derive(Debug)]
struct Reader {
    socket: Plain,
    unanswered: Arc<Semaphore>,
    greeting: usize,
    last: u8,
}

/// Descriptors that come along are closed by the kernel, as plain reads don't take them.
#[derive(Debug)]
struct Plain(BufReader<OwnedReadHalf>);

/// Writes, and counts the answers.
#[derive(Debug)]
struct Writer {
    socket: OwnedWriteHalf,
    unanswered: Arc<Semaphore>,
}

/// Both halves of a client's socket.
pub(super) fn bounded(stream: UnixStream) -> BoxedSplit {
    let (read, socket) = stream.into_split();
    let unanswered = Arc::new(Semaphore::new(MAX_UNANSWERED));
    let reader = Reader {
        socket: Plain(BufReader::with_capacity(4096, read)),
        unanswered: unanswered.clone(),
        greeting: 0,
        last: 0,
    };
    Split::new(Box::new(reader), Box::new(Writer { socket, unanswered }))
}

impl Drop for Reader {
    /// Ends both ways, so that an answer that the client doesn't read isn't waited for once nothing comes from it.
    fn drop(&mut self) {
        // Refused only if the client has gone altogether.
        shutdown(self.socket.0.get_ref().as_ref().as_raw_fd(), Shutdown::Both).ok();
    }
}

#[async_trait]
impl ReadHalf for Reader {
    /// An error, as after a message that is refused, ends the connection.
    async fn receive_message(&mut self, seq: u64, read: &mut Vec<u8>, fds: &mut Vec<OwnedFd>) -> zbus::Result<Message> {
        self.unanswered.acquire().await.map_err(io::Error::other)?.forget();
        let mut header = [0; HEADER_BYTES];
        self.socket.0.read_exact(&mut header).await?;
        check(&header)?;
        read.extend_from_slice(&header);
        self.socket.receive_message(seq, read, fds).await
    }

    /// For the greeting alone, a byte at a time, so that none of the first message is taken. zbus bounds its length in
    /// no way, and panics over a line's end that comes first.
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let byte = self.socket.0.read_u8().await?;
        self.greeting += 1;
        if self.greeting > MAX_GREETING_BYTES || (byte == b'\n' && self.last != b'\r') {
            return Err(refused("not a greeting"));
        }
        self.last = byte;
        let first = buffer.first_mut().ok_or(io::ErrorKind::InvalidInput)?;
        *first = byte;
        Ok((1, Vec::new()))
    }
}

/// zbus' own reading of a message.
#[async_trait]
impl ReadHalf for Plain {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        Ok((self.0.read(buffer).await?, Vec::new()))
    }
}

#[async_trait]
impl WriteHalf for Writer {
    async fn send_message(&mut self, message: &Message) -> zbus::Result<()> {
        self.socket.write_all(message.data()).await?;
        self.unanswered.add_permits(1);
        Ok(())
    }

    /// For the greeting alone.
    async fn sendmsg(&mut self, buffer: &[u8], _fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.socket.write(buffer).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.socket.shutdown().await
    }
}

/// Length of the whole message that begins like this.
pub(crate) fn message_bytes(header: &[u8; HEADER_BYTES]) -> io::Result<u64> {
    let [endian, _, _, _, b0, b1, b2, b3, _, _, _, _, f0, f1, f2, f3] = *header;
    let number: fn([u8; 4]) -> u32 = match endian {
        b'l' => u32::from_le_bytes,
        b'B' => u32::from_be_bytes,
        _ => return Err(refused("neither endianness")),
    };
    let (body, fields) = (u64::from(number([b0, b1, b2, b3])), u64::from(number([f0, f1, f2, f3])));
    Ok(HEADER_BYTES as u64 + fields.next_multiple_of(8) + body)
}

/// Refuses what isn't the beginning of a request within bounds.
fn check(header: &[u8; HEADER_BYTES]) -> io::Result<()> {
    let [_, kind, flags, ..] = *header;
    if kind != METHOD_CALL || flags & NO_REPLY_EXPECTED != 0 {
        return Err(refused("not a call that expects an answer"));
    }
    if message_bytes(header)? > MAX_MESSAGE_BYTES as u64 {
        return Err(refused("too long"));
    }
    Ok(())
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("message: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(body: u32, fields: u32) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&[b'l', METHOD_CALL, 0, 1]);
        header[4..8].copy_from_slice(&body.to_le_bytes());
        header[12..].copy_from_slice(&fields.to_le_bytes());
        header
    }

    /// How many bytes of a greeting that begins like this are read before it is refused.
    async fn greeting_bytes(sent: &[u8]) -> usize {
        let (mut client, server) = UnixStream::pair().unwrap();
        client.write_all(sent).await.unwrap();
        drop(client);
        let (mut read, mut reader) = (0, bounded(server).take().0);
        while reader.recvmsg(&mut [0; 64]).await.is_ok() {
            read += 1;
        }
        read
    }

    #[tokio::test]
    async fn a_greeting_is_bounded_and_its_lines_have_ends() {
        assert_eq!(greeting_bytes(b"\0AUTH\r\nBEGIN\r\n").await, 14);
        assert_eq!(greeting_bytes(b"\n").await, 0);
        assert_eq!(greeting_bytes(b"\0AUTH\r\n\nBEGIN\r\n").await, 7);
        assert_eq!(greeting_bytes(&[b'A'; 5000]).await, MAX_GREETING_BYTES);
    }

    #[test]
    fn lengths() {
        assert_eq!(message_bytes(&header(10, 9)).unwrap(), 42);
        let most = u32::try_from(MAX_MESSAGE_BYTES - HEADER_BYTES - 8).unwrap();
        assert!(check(&header(most, 8)).is_ok());
        assert!(check(&header(most + 1, 8)).is_err());
        assert!(check(&header(u32::MAX, u32::MAX)).is_err());
    }

    #[test]
    fn only_calls_that_expect_an_answer() {
        for (byte, value) in [(0, b'x'), (1, 2), (1, 4), (2, 1), (2, 3)] {
            let mut header = header(8, 8);
            header[byte] = value;
            assert!(check(&header).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_header_allows_more_than_the_limit(header: [u8; HEADER_BYTES]) {
            prop_assert!(check(&header).is_err() || message_bytes(&header).unwrap() <= MAX_MESSAGE_BYTES as u64);
        }
    }
}
