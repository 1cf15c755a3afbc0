//! A file of numbered records that grows without pause, for finding out which writes a snapshot holds.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Bytes of a record: its number eight times.
const RECORD: u64 = 64;

/// How far the writer is.
#[derive(Debug, Default)]
struct Progress {
    /// The last record whose write was begun.
    begun: AtomicU64,
    /// The last record whose write has returned.
    done: AtomicU64,
    stop: AtomicBool,
}

/// The writer, on a thread of its own until dropped.
#[derive(Debug)]
pub struct Appender {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Appender {
    /// Begins the file anew, and writes records 1, 2, 3... to it.
    pub fn start(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let progress = Arc::new(Progress::default());
        let shared = progress.clone();
        let thread = std::thread::spawn(move || append(file, &shared));
        Ok(Self {
            progress,
            thread: Some(thread),
        })
    }

    /// The last record of which it is known that its write has returned.
    pub fn done(&self) -> u64 {
        self.progress.done.load(Ordering::SeqCst)
    }

    /// The last record whose write can have begun: a later one begins after this call.
    pub fn begun(&self) -> u64 {
        self.progress.begun.load(Ordering::SeqCst)
    }

    /// Ends it; an error if a write failed.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.progress.stop.store(true, Ordering::SeqCst);
        match self.thread.take() {
            Some(thread) => thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the writer panicked"))),
            None => Ok(()),
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("the writer failed: {error}");
        }
    }
}

fn append(mut file: File, progress: &Progress) -> io::Result<()> {
    for number in 1u64.. {
        if progress.stop.load(Ordering::SeqCst) {
            break;
        }
        progress.begun.store(number, Ordering::SeqCst);
        file.write_all(&number.to_le_bytes().repeat(8))?;
        progress.done.store(number, Ordering::SeqCst);
    }
    Ok(())
}

/// The number of the last record of a copy; an error unless the copy is exactly the records up to it.
pub fn last_record(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let last = length / RECORD;
    // Whole in number and in its last stretch: records are appended in order, so what lies before is older.
    let stretch = last.min(1024);
    file.seek(SeekFrom::Start((last - stretch) * RECORD))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let expected: Vec<u8> = (last - stretch + 1..=last)
        .flat_map(|number| number.to_le_bytes().repeat(8))
        .collect();
    if length % RECORD != 0 || bytes != expected {
        return Err(io::Error::other(format!(
            "{} isn't whole: {length} bytes",
            path.display()
        )));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_has_its_number_and_a_torn_one_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let appender = Appender::start(&path).unwrap();
        while appender.done() < 3000 {
            std::thread::yield_now();
        }
        appender.finish().unwrap();
        assert!(last_record(&path).unwrap() >= 3000);
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(&[0; 64])
            .unwrap();
        assert!(last_record(&path).is_err(), "a record of zeros");
    }
}
