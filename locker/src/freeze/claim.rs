//! The file that says, while a target is frozen, since when and at which position. Its lock is the claim: it dies with the
//! process, so that a file left behind by one that was killed passes for nothing.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mariasnap_dbus::TargetName;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::Frozen;

/// More is none of our files.
const MOST_BYTES: u64 = 1 << 20;

const LINK: &str = "it is a link, as mariasnap-freeze@.service makes one to a file of its own; stop that first";

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Somebody freezes this target.
    #[error("another freeze of this target is under way: {path} is locked; nothing was locked", path = .0.display())]
    Busy(PathBuf),
    /// `--once`, and there was a freeze before.
    #[error(
        "a freeze before this one left {path} behind, so its lock is lost or given back; with --once none is taken again",
        path = .0.display()
    )]
    Left(PathBuf),
    /// It can't be read or written.
    #[error("can't use {path}, which tells what is frozen: {source}; see --run-dir", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Nobody else freezes the target until it is dropped; then the file is removed, or with `--once` left empty, for whoever is
/// started after us.
#[derive(Debug)]
pub struct Claim {
    file: File,
    path: PathBuf,
    once: bool,
    displaces: bool,
}

fn path_of(run_dir: &Path, target: &TargetName) -> PathBuf {
    run_dir.join(format!("{target}.freeze.json"))
}

/// Whether the file is the one that has that name.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(there) => Ok(there.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens it to be locked and written.
fn open(path: &Path, create: bool) -> io::Result<File> {
    // A link could lead whoever is root to somebody else's file.
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false);
    options.custom_flags(flags).open(path)
}

/// Tries for a little while: whoever looks whether the target is frozen has the file for an instant.
fn lock(file: &File) -> Result<(), Errno> {
    const TRIES: u32 = 10;
    for _ in 1..TRIES {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
    flock(file, FlockOperation::NonBlockingLockExclusive)
}

/// What keeps from a claim where the unit has put its link: its freeze, or a link that it left behind.
fn behind_the_link(run_dir: &Path, target: &TargetName) -> ClaimError {
    let path = path_of(run_dir, target);
    match look(run_dir, target) {
        Ok(seen) if seen.is_under_way() => ClaimError::Busy(path),
        Ok(_) => ClaimError::Io {
            path,
            source: io::Error::other(LINK),
        },
        Err(error) => error,
    }
}

impl Claim {
    /// Claims the target for this process; with `once`, only where no claim was left behind. Until [`Self::tell`], the file
    /// is empty.
    pub(super) fn make(run_dir: &Path, target: &TargetName, once: bool) -> Result<Self, ClaimError> {
        let path = path_of(run_dir, target);
        let failed = |source| ClaimError::Io {
            path: path.clone(),
            source,
        };
        loop {
            let is_left = path.symlink_metadata().is_ok();
            let file = open(&path, true).map_err(|error| match Errno::from_io_error(&error) {
                Some(Errno::LOOP) => behind_the_link(run_dir, target),
                _ => failed(error),
            })?;
            match lock(&file) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Err(ClaimError::Busy(path)),
                Err(error) => return Err(failed(error.into())),
            }
            if once && is_left {
                return Err(ClaimError::Left(path));
            }
            // Its last owner may have removed it between the opening and the locking.
            if is_at(&file, &path).map_err(failed)? {
                let displaces = file.metadata().map_err(failed)?.len() > 0;
                file.set_len(0).map_err(failed)?;
                // A unit's umask is for secrets, of which there is none in it.
                file.set_permissions(Permissions::from_mode(0o644)).map_err(failed)?;
                return Ok(Self {
                    file,
                    path,
                    once,
                    displaces,
                });
            }
        }
    }

    /// Whether there was a freeze before whose process was killed.
    pub fn displaces(&self) -> bool {
        self.displaces
    }

    /// Tells what is frozen.
    pub(super) fn tell(&mut self, frozen: &Frozen) -> Result<(), ClaimError> {
        let text = serde_json::to_vec(frozen).map_err(io::Error::from);
        let written = text.and_then(|text| self.file.rewind().and_then(|()| self.file.write_all(&text)));
        written.map_err(|source| ClaimError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Emptied first: whoever has it open must not take it for a freeze.
        let emptied = self.file.set_len(0);
        let gone = match is_at(&self.file, &self.path) {
            Ok(true) if !self.once => emptied.and_then(|()| std::fs::remove_file(&self.path)),
            _ => emptied,
        };
        if let Err(error) = gone {
            tracing::warn!(%error, "can't remove {}", self.path.display());
        }
    }
}

/// What [`look`] saw.
#[derive(Debug, PartialEq)]
pub enum Seen {
    /// Frozen now.
    Frozen {
        /// What the file tells.
        told: serde_json::Value,
        /// The file's owner, who can have written anything into it.
        owner: u32,
    },
    /// A freeze is on its way to the lock.
    OnItsWay,
    /// Nobody freezes it; a freeze whose process was killed left its file behind.
    Left,
    /// Nobody freezes it.
    Nothing,
}

impl Seen {
    /// Whether somebody freezes it, or is about to.
    pub fn is_under_way(&self) -> bool {
        matches!(self, Self::Frozen { .. } | Self::OnItsWay)
    }

    /// Whether it is frozen by that run.
    pub fn is_of(&self, run: &str) -> bool {
        matches!(self, Self::Frozen { told, .. } if told["run"] == run)
    }
}

/// Whether a target is frozen right now; by the unit, or by anybody else.
pub fn look(run_dir: &Path, target: &TargetName) -> Result<Seen, ClaimError> {
    let path = path_of(run_dir, target);
    match look_at(&path) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            let units = path_of(&run_dir.join("freeze").join(target.as_str()), target);
            look_at(&units).map_err(|source| ClaimError::Io { path: units, source })
        }
        seen => seen.map_err(|source| ClaimError::Io { path, source }),
    }
}

fn look_at(path: &Path) -> io::Result<Seen> {
    // The unit's file belongs to an unprivileged user, who must be able neither to hold the reader up nor to lead it on.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seen::Nothing),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it isn't a regular file"));
    }
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        // Only now: until it gave up the lock, its owner may have emptied it.
        Ok(()) if file.metadata()?.len() > 0 => return Ok(Seen::Left),
        Ok(()) => return Ok(Seen::Nothing),
        Err(Errno::WOULDBLOCK) => {}
        Err(error) => return Err(error.into()),
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    if text.is_empty() {
        return Ok(Seen::OnItsWay);
    }
    let told = serde_json::from_str(&text)?;
    let owner = metadata.uid();
    Ok(Seen::Frozen { told, owner })
}

/// Takes back what a freeze that was killed left to tell; the file stays, for `--once`. What is claimed isn't touched.
pub fn forget(run_dir: &Path, target: &TargetName) -> Result<(), ClaimError> {
    let path = path_of(run_dir, target);
    let emptied = open(&path, false).and_then(|file| match lock(&file) {
        Ok(()) => file.set_len(0),
        Err(Errno::WOULDBLOCK) => Ok(()),
        Err(error) => Err(error.into()),
    });
    emptied.map_err(|source| ClaimError::Io { path, source })
}

/// Tells the process that holds the target to end its freeze; `told` and `owner` are what [`look`] saw.
///
/// Only of one's own: whoever may write the file could else have root end any process.
pub fn end(told: &serde_json::Value, owner: u32) -> io::Result<()> {
    if owner != rustix::process::geteuid().as_raw() {
        let why = "its freeze is somebody else's; stop mariasnap-freeze@.service if it is that";
        return Err(io::Error::other(why));
    }
    let pid = told["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    let pid = pid.and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("it names no process"))?;
    Ok(kill_process(pid, Signal::TERM)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_frozen_once_and_only_as_long_as_its_owner_lives() {
        let (dir, target) = (tempfile::tempdir().unwrap(), TargetName::parse("main").unwrap());
        let look = || look(dir.path(), &target).unwrap();
        assert_eq!(look(), Seen::Nothing);
        let mut claim = Claim::make(dir.path(), &target, false).unwrap();
        assert!(!claim.displaces());
        assert_eq!(look(), Seen::OnItsWay);
        assert!(matches!(
            Claim::make(dir.path(), &target, false),
            Err(ClaimError::Busy(_))
        ));
        claim.tell(&Frozen::example()).unwrap();
        let told = serde_json::to_value(Frozen::example()).unwrap();
        let owner = rustix::process::geteuid().as_raw();
        assert_eq!(look(), Seen::Frozen { told, owner });

        // As if killed: the file stays, its lock doesn't.
        let path = path_of(dir.path(), &target);
        let text = std::fs::read(&path).unwrap();
        drop(claim);
        assert!(!path.exists());
        std::fs::write(&path, text).unwrap();
        assert_eq!(look(), Seen::Left);
        assert!(matches!(
            Claim::make(dir.path(), &target, true),
            Err(ClaimError::Left(_))
        ));
        assert_eq!(look(), Seen::Left);
        let again = Claim::make(dir.path(), &target, false).unwrap();
        assert!(again.displaces());
        assert_eq!(look(), Seen::OnItsWay);
        drop(again);

        // Told once.
        std::fs::write(&path, "{}").unwrap();
        forget(dir.path(), &target).unwrap();
        assert_eq!(look(), Seen::Nothing);
        assert!(path.exists());
    }

    #[test]
    fn whoever_looks_is_in_nobodys_way() {
        let (dir, target) = (tempfile::tempdir().unwrap(), TargetName::parse("main").unwrap());
        let path = path_of(dir.path(), &target);
        let looking = File::create(&path).unwrap();
        flock(&looking, FlockOperation::NonBlockingLockShared).unwrap();
        let done = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            drop(looking);
        });
        drop(Claim::make(dir.path(), &target, false).unwrap());
        done.join().unwrap();
    }

    #[test]
    fn where_the_unit_freezes_nobody_else_does() {
        let (dir, target) = (tempfile::tempdir().unwrap(), TargetName::parse("main").unwrap());
        let units = dir.path().join("freeze/main");
        std::fs::create_dir_all(&units).unwrap();
        let mut claim = Claim::make(&units, &target, false).unwrap();
        std::os::unix::fs::symlink("freeze/main/main.freeze.json", path_of(dir.path(), &target)).unwrap();
        let is_busy = || match Claim::make(dir.path(), &target, false) {
            Err(ClaimError::Busy(path)) => path == path_of(dir.path(), &target),
            _ => false,
        };
        assert!(is_busy());
        claim.tell(&Frozen::example()).unwrap();
        assert!(is_busy());
        drop(claim);
        assert!(!is_busy());
    }

    #[test]
    fn a_link_in_its_place_is_refused() {
        let (dir, target) = (tempfile::tempdir().unwrap(), TargetName::parse("main").unwrap());
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, path_of(dir.path(), &target)).unwrap();
        assert!(matches!(
            Claim::make(dir.path(), &target, false),
            Err(ClaimError::Io { .. })
        ));
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }
}
