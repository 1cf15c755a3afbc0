//! The D-Bus authentication exchange, server side: EXTERNAL only, in bounded space.
//!
//! zbus has one too, but it keeps whatever arrives without a line's end, and a first byte of `\n` makes it panic.
#![forbid(unsafe_code)]

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const MAX_LINE_BYTES: u64 = 256;
const MAX_LINES: usize = 16;

/// Greets a client whose uid the kernel says is `uid`. Returns once the client may send messages; any other end is
/// an error. Descriptor passing is refused.
pub(super) async fn greet<R, W>(read: &mut R, write: &mut W, uid: u32, guid: &str) -> io::Result<()>
where
    R: AsyncBufRead + AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if read.read_u8().await? != 0 {
        return Err(refused("the first byte isn't NUL"));
    }
    let mut state = State::Start;
    for _ in 0..MAX_LINES {
        let line = line(read).await?;
        let (next, answer) = state.step(&line, uid);
        if next == State::Begun {
            return Ok(());
        }
        state = next;
        let answer = if answer == "OK" {
            format!("OK {guid}\r\n")
        } else {
            format!("{answer}\r\n")
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Err(refused("no end of it"))
}

async fn line<R: AsyncBufRead + Unpin>(read: &mut R) -> io::Result<String> {
    let mut bytes = Vec::new();
    read.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).await?;
    let line = bytes
        .strip_suffix(b"\r\n")
        .ok_or_else(|| refused("a line without an end"))?;
    str::from_utf8(line)
        .map(str::to_owned)
        .map_err(|_| refused("a line that isn't text"))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("handshake: {why}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    WaitingForData,
    Authenticated,
    Begun,
}

impl State {
    /// The state after a line, and the answer to it.
    fn step(self, line: &str, uid: u32) -> (Self, &'static str) {
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        match (self, command) {
            (Self::Authenticated, "BEGIN") => (Self::Begun, ""),
            (Self::Authenticated, "NEGOTIATE_UNIX_FD") => (self, "ERROR no descriptors here"),
            (Self::Start, "AUTH") if argument == "EXTERNAL" => (Self::WaitingForData, "DATA"),
            (Self::Start, "AUTH") => match argument.strip_prefix("EXTERNAL ") {
                Some(claim) if is_uid(claim, uid) => (Self::Authenticated, "OK"),
                _ => (Self::Start, "REJECTED EXTERNAL"),
            },
            (Self::WaitingForData, "DATA") if argument.is_empty() || is_uid(argument, uid) => {
                (Self::Authenticated, "OK")
            }
            (_, "CANCEL" | "ERROR" | "DATA") => (Self::Start, "REJECTED EXTERNAL"),
            _ => (self, "ERROR"),
        }
    }
}

/// Whether `claim` is `uid` in decimal in hexadecimal.
fn is_uid(claim: &str, uid: u32) -> bool {
    let hex: String = uid.to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
    claim.eq_ignore_ascii_case(&hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn talk(input: &[u8]) -> (io::Result<()>, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut input, mut output) = (input, Vec::new());
        let result = runtime.block_on(greet(&mut input, &mut output, 1000, "g"));
        (result, String::from_utf8(output).unwrap())
    }

    #[test]
    fn greetings() {
        let (result, answer) = talk(b"\0AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
        assert!(
            result.is_ok() && answer == "OK g\r\nERROR no descriptors here\r\n",
            "{answer}"
        );
        let (result, answer) = talk(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
        assert!(result.is_ok() && answer == "DATA\r\nOK g\r\n", "{answer}");
        let (result, answer) = talk(b"\0AUTH\r\nAUTH ANONYMOUS\r\nAUTH EXTERNAL 30\r\nBEGIN\r\n");
        assert!(result.is_err() && !answer.contains("OK"), "{answer}");
        assert!(talk(b"\n").0.is_err() && talk(b"\0\n").0.is_err());
        assert!(talk(&[&[0][..], &[b'A'; 9999]].concat()).0.is_err());
    }

    proptest! {
        #[test]
        fn nobody_gets_in_without_the_right_uid(text in "(AUTH|EXTERNAL|CANCEL|BEGIN|30|[ A-Z0-9]|\r\n){0,60}") {
            let text = text.replace("DATA", "");
            let input = format!("\0{text}\r\n");
            prop_assert!(talk(input.as_bytes()).0.is_err());
        }
    }
}
