//! A unix socket as zbus reads it, with bounds: on a message's length, before anything is allocated for it, and on
//! the requests not yet answered. Only calls that expect an answer are let in, so each one read is one answered.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use mariasnap_dbus::limits::MAX_MESSAGE_BYTES;
use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;

/// Requests of one connection that may be unanswered; reading waits then.
const MAX_UNANSWERED: usize = 4;

/// Length of what every message begins with.
pub(crate) const HEADER_BYTES: usize = 16;
const METHOD_CALL: u8 = 1;
const NO_REPLY_EXPECTED: u8 = 1;

/// Both halves of the socket.
#[derive(Debug)]
pub(super) struct Stream(Reader, Writer);

/// Reads whole messages, one at a time.
#[derive(Debug)]
pub(super) struct Reader {
    socket: BufReader<OwnedReadHalf>,
    header: [u8; HEADER_BYTES],
    header_read: usize,
    body_left: usize,
    unanswered: Arc<Semaphore>,
}

/// Writes, and counts whole messages.
#[derive(Debug)]
pub(super) struct Writer {
    socket: OwnedWriteHalf,
    unanswered: Arc<Semaphore>,
}

impl Stream {
    pub(super) fn new(socket: BufReader<OwnedReadHalf>, write: OwnedWriteHalf) -> Self {
        let unanswered = Arc::new(Semaphore::new(MAX_UNANSWERED));
        let writer = Writer {
            socket: write,
            unanswered: unanswered.clone(),
        };
        Self(
            Reader {
                socket,
                header: [0; HEADER_BYTES],
                header_read: 0,
                body_left: 0,
                unanswered,
            },
            writer,
        )
    }
}

impl Socket for Stream {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        Split::new(self.0, self.1)
    }
}

impl Reader {
    /// Ends both ways, so that an answer that the client doesn't read isn't waited for once nothing comes from it.
    fn hang_up(&self) {
        // Refused only if the client has gone altogether.
        shutdown(self.socket.get_ref().as_ref().as_raw_fd(), Shutdown::Both).ok();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hang_up();
    }
}

#[async_trait]
impl ReadHalf for Reader {
    /// Never hands out bytes of two messages, nor of one that is refused: the connection ends instead. Descriptors
    /// that came along are closed by the kernel, as plain reads don't take them.
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let in_header = self.body_left == 0;
        if in_header && self.header_read == 0 {
            let place = self.unanswered.acquire().await.map_err(io::Error::other)?;
            place.forget();
        }
        let left = if in_header {
            HEADER_BYTES - self.header_read
        } else {
            self.body_left
        };
        let most = left.min(buffer.len());
        let read = self.socket.read(&mut buffer[..most]).await?;
        if read == 0 {
            self.hang_up();
        }
        if in_header {
            self.header[self.header_read..][..read].copy_from_slice(&buffer[..read]);
            self.header_read += read;
            if self.header_read == HEADER_BYTES {
                self.body_left = length_after(&self.header)?;
                self.header_read = 0;
            }
        } else {
            self.body_left -= read;
        }
        Ok((read, Vec::new()))
    }
}

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], _fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.socket.write(buffer).await
    }

    /// zbus calls it once for each whole message.
    async fn flush(&mut self) -> io::Result<()> {
        self.unanswered.add_permits(1);
        Ok(())
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

/// Bytes of a request that come after its fixed header.
fn length_after(header: &[u8; HEADER_BYTES]) -> io::Result<usize> {
    let [_, kind, flags, ..] = *header;
    if kind != METHOD_CALL || flags & NO_REPLY_EXPECTED != 0 {
        return Err(refused("not a call that expects an answer"));
    }
    match usize::try_from(message_bytes(header)?) {
        Ok(HEADER_BYTES) => Err(refused("no fields")),
        Ok(length) if length <= MAX_MESSAGE_BYTES => Ok(length - HEADER_BYTES),
        _ => Err(refused("too long")),
    }
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

    #[test]
    fn lengths() {
        assert_eq!(length_after(&header(10, 9)).ok(), Some(26));
        let most = u32::try_from(MAX_MESSAGE_BYTES - HEADER_BYTES - 8).unwrap();
        assert!(length_after(&header(most, 8)).is_ok());
        assert!(length_after(&header(most + 1, 8)).is_err());
        assert!(length_after(&header(u32::MAX, u32::MAX)).is_err());
        assert!(length_after(&header(0, 0)).is_err());
    }

    #[test]
    fn only_calls_that_expect_an_answer() {
        for (byte, value) in [(0, b'x'), (1, 2), (1, 4), (2, 1), (2, 3)] {
            let mut header = header(8, 8);
            header[byte] = value;
            assert!(length_after(&header).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_header_allows_more_than_the_limit(header: [u8; HEADER_BYTES]) {
            prop_assert!(length_after(&header).is_ok_and(|rest| rest + HEADER_BYTES <= MAX_MESSAGE_BYTES)
                || length_after(&header).is_err());
        }
    }
}
