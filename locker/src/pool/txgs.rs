//! The pool's open transaction group, from the list that OpenZFS keeps in procfs.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

/// A list of 100 rows, which is how many there are unless an administrator wants more.
const USUAL_BYTES: usize = 16 * 1024;
/// Longest list that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// A pool's list, kept open while it is watched.
#[derive(Debug)]
pub(super) struct Txgs {
    file: File,
    text: Vec<u8>,
}

impl Txgs {
    /// The list in the file `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // Room for the usual list, so that each reading takes as few calls as there are pages in it.
        let text = Vec::with_capacity(USUAL_BYTES);
        Ok(Self { file, text })
    }

    /// A transaction group that had been opened by the time this returns, the newest there was when the list was read.
    /// `None` if the list can't be read or doesn't say.
    pub(super) fn open_txg(&mut self) -> Option<u64> {
        self.text.clear();
        self.file.rewind().ok()?;
        let read = (&self.file).take(MAX_BYTES).read_to_end(&mut self.text).ok()?;
        if read as u64 == MAX_BYTES {
            return None;
        }
        last_open(&self.text)
    }
}

/// The number in the last row, if it is that of a group in state `O`. OpenZFS adds a group's row only after it has
/// opened the group, so the row of group N shows that N or a later one is open.
fn last_open(list: &[u8]) -> Option<u64> {
    // A row that is cut short could have a number that is.
    let rows = list.strip_suffix(b"\n")?;
    let row = rows.rsplit(|byte| *byte == b'\n').next()?;
    let mut fields = str::from_utf8(row).ok()?.split_ascii_whitespace();
    let (txg, _birth, state) = (fields.next()?, fields.next()?, fields.next()?);
    if state == "O" { txg.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = "\
txg      birth            state ndirty       nread        nwritten     reads    writes   otime        qtime        wtime        stime       
20       6026112305       C     0            0            0            0        0        5119999412   3085         13915        1033066     
21       11146111717      S     4096         1024         98304        2        31       5120001117   3085         13915        0           
22       16266112834      O     0            0            0            0        0        0            0            0            0           
";

    #[test]
    fn the_last_row_tells() {
        assert_eq!(last_open(LIST.as_bytes()), Some(22));
        let (header, rows) = LIST.split_once('\n').unwrap();
        for bad in [
            "",
            "\n",
            header,
            &LIST[..LIST.len() - 1],
            &LIST.replace(" O ", " Q "),
            &LIST.replace("22 ", "x2 "),
            &LIST.replace("22 ", "-2 "),
            &LIST.replace("22 ", "99999999999999999999 "),
            &format!("{LIST}\n"),
            &format!("{LIST}{header}\n"),
        ] {
            assert_eq!(last_open(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(last_open(rows.as_bytes()), Some(22));
        assert_eq!(last_open(&[LIST.as_bytes(), b"23 \xff O\n"].concat()), None);
    }

    #[test]
    fn a_list_is_read_anew_each_time_and_not_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("txgs");
        assert!(Txgs::open(&path).is_err());
        std::fs::write(&path, LIST).unwrap();
        let mut txgs = Txgs::open(&path).unwrap();
        assert_eq!(txgs.open_txg(), Some(22));
        std::fs::write(&path, "23 1 O\n").unwrap();
        assert_eq!(txgs.open_txg(), Some(23));
        std::fs::write(&path, "24 1 O\n".repeat(20_000)).unwrap();
        assert_eq!(txgs.open_txg(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, row in "[0-9OQ \n]{0,40}") {
            last_open(&bytes);
            last_open(row.as_bytes());
        }
    }
}
