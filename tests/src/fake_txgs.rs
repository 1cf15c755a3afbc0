//! A pool's list of transaction groups as OpenZFS shows it in procfs, with a newest group that is open.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Environment: a [`Course`]'s word. Without it there is no list.
pub const COURSE: &str = "FAKE_TXGS";

/// What becomes of the list while a cut is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It moves on half-way, and twice more.
    MovesOn,
    /// It stays as it was.
    Stays,
    /// It moves on once the cut has returned.
    MovesOnLate,
    /// Half-way it turns into what is no list.
    Breaks,
    /// It never was a list.
    Broken,
    /// Whoever opens it waits for ever.
    Hangs,
}

impl Course {
    const ALL: [(&'static str, Self); 6] = [
        ("moves-on", Self::MovesOn),
        ("stays", Self::Stays),
        ("moves-on-late", Self::MovesOnLate),
        ("breaks", Self::Breaks),
        ("broken", Self::Broken),
        ("hangs", Self::Hangs),
    ];

    /// The word for [`COURSE`].
    pub fn word(self) -> String {
        let (word, _) = Self::ALL.iter().find(|(_, course)| *course == self).unwrap();
        (*word).to_owned()
    }

    /// As the environment says.
    pub fn chosen() -> Option<Self> {
        let word = std::env::var(COURSE).ok()?;
        let (_, course) = Self::ALL.iter().find(|(known, _)| *known == word).unwrap();
        Some(*course)
    }
}

/// The list of one pool.
#[derive(Debug)]
pub struct FakeTxgs {
    course: Course,
    path: PathBuf,
}

impl FakeTxgs {
    /// Makes the list, below `kstat`.
    pub fn create(course: Course, kstat: &Path, pool: &str) -> Self {
        let directory = kstat.join(pool);
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("txgs");
        if course == Course::Hangs && !path.exists() {
            let made = std::process::Command::new("mkfifo").arg(&path).status();
            assert!(made.unwrap().success());
        }
        Self { course, path }
    }

    /// Group `txg` is open.
    pub fn open(&self, txg: u64) {
        match self.course {
            Course::Hangs => {}
            Course::Broken => write(&self.path, "nothing of the kind\n"),
            _ => write(&self.path, &list(txg)),
        }
    }

    /// What happens while a cut is made in group `txg`, which takes that long.
    pub fn pass(&self, txg: u64, takes: Duration) {
        std::thread::sleep(takes / 2);
        match self.course {
            Course::MovesOn => {
                for step in 1..=3 {
                    self.open(txg + step);
                    std::thread::sleep(takes / 6);
                }
            }
            Course::MovesOnLate => {
                let (path, list) = (self.path.clone(), list(txg + 1));
                std::thread::spawn(move || {
                    std::thread::sleep(takes / 2 + Duration::from_millis(50));
                    write(&path, &list);
                });
                std::thread::sleep(takes / 2);
            }
            Course::Breaks => {
                write(&self.path, &list(txg + 1).replace(" O ", " ? "));
                std::thread::sleep(takes / 2);
            }
            Course::Stays | Course::Broken | Course::Hangs => std::thread::sleep(takes / 2),
        }
    }
}

/// In one write and of one length, so that nobody reads half of it.
fn write(path: &Path, text: &str) {
    let mut options = OpenOptions::new();
    let file: File = options.write(true).create(true).truncate(false).open(path).unwrap();
    file.write_all_at(text.as_bytes(), 0).unwrap();
}

fn list(txg: u64) -> String {
    let header = "txg      birth            state ndirty       nread        nwritten\n";
    let row = |txg: u64, state: &str| format!("{txg:<8} {:<16} {state:<5} {:<12} {:<12} {:<12}\n", txg * 5, 0, 0, 0);
    [header, &row(txg - 1, "C"), &row(txg, "O")].concat()
}
