//! A pool's list of transaction groups as OpenZFS shows it in procfs, whose newest is open.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The list of one pool.
#[derive(Debug, Clone)]
pub struct FakePool(PathBuf);

impl FakePool {
    /// One in which `txg` is open, below `kstat`.
    pub fn create(kstat: &Path, pool: &str, txg: u64) -> Self {
        std::fs::create_dir_all(kstat.join(pool)).unwrap();
        let created = Self(kstat.join(pool).join("txgs"));
        created.open(txg);
        created
    }

    /// Group `txg` is opened.
    pub fn open(&self, txg: u64) {
        let header = "txg      birth            state ndirty       nread        nwritten\n";
        let row =
            |txg: u64, state: &str| format!("{txg:<8} {:<16} {state:<5} {:<12} {:<12} {:<12}\n", txg * 5, 0, 0, 0);
        self.say(&[header, &row(txg - 1, "C"), &row(txg, "O")].concat());
    }

    /// The list turns into this: in one write, so that nobody reads half of it if it is as long as it was.
    pub fn say(&self, text: &str) {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.0);
        file.unwrap().write_all_at(text.as_bytes(), 0).unwrap();
    }

    /// The list is gone.
    pub fn vanish(&self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}
