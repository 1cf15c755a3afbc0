//! How a freeze ended that nobody waited for: written down by its process, read by `mariasnap thaw`.

use std::io;
use std::path::{Path, PathBuf};

use mariasnap_dbus::TargetName;
use serde::{Deserialize, Serialize};

/// The end of one freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The run's id.
    pub run: String,
    /// The process.
    pub pid: u32,
    /// What `mariasnap freeze` ended with: 0 only if the lock was proven to have been held to the end.
    pub exit_code: u8,
    /// In words.
    pub message: String,
}

fn path_of(run_dir: &Path, target: &TargetName) -> PathBuf {
    run_dir.join(format!("{target}.verdict.json"))
}

impl Verdict {
    /// Writes it down in one step.
    pub fn write(&self, run_dir: &Path, target: &TargetName) -> io::Result<()> {
        let path = path_of(run_dir, target);
        let draft = path.with_extension("new");
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(draft, path)
    }

    /// Takes it away, and returns it if there was one.
    pub fn take(run_dir: &Path, target: &TargetName) -> io::Result<Option<Self>> {
        Self::take_if(run_dir, target, |_| true)
    }

    /// Takes it away, and returns it, if it is the one that is meant; another freeze's is left for whoever asks for that.
    pub fn take_if(run_dir: &Path, target: &TargetName, is_meant: impl Fn(&Self) -> bool) -> io::Result<Option<Self>> {
        let path = path_of(run_dir, target);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let verdict = serde_json::from_slice(&text)?;
        if !is_meant(&verdict) {
            return Ok(None);
        }
        std::fs::remove_file(&path)?;
        Ok(Some(verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once() {
        let (dir, target) = (tempfile::tempdir().unwrap(), TargetName::parse("main").unwrap());
        assert_eq!(Verdict::take(dir.path(), &target).unwrap(), None);
        let verdict = Verdict {
            run: "1".to_owned(),
            pid: 1,
            exit_code: 6,
            message: "lost".to_owned(),
        };
        verdict.write(dir.path(), &target).unwrap();
        assert_eq!(
            Verdict::take_if(dir.path(), &target, |told| told.pid == 2).unwrap(),
            None
        );
        assert_eq!(Verdict::take(dir.path(), &target).unwrap(), Some(verdict));
        assert_eq!(Verdict::take(dir.path(), &target).unwrap(), None);
    }
}
