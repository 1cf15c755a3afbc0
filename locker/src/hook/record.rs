//! What is frozen, for whom, by which start of the unit: one file for each target, kept by root.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use mariasnap_dbus::TargetName;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::HookError;
use crate::config::HookName;

/// Where they lie; gone at the next boot, as is every freeze.
const DIR: &str = "/run/mariasnap/hooks";

/// One target that is being frozen, or is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) target: TargetName,
    pub(super) hook: HookName,
    /// The unit's, once it holds the lock; empty before.
    pub(super) invocation: String,
    /// Whether an earlier freeze of the same hook was over and not thawed: the next thaw may be meant for that one.
    pub(super) displaces: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Records {
    dir: PathBuf,
}

impl Records {
    pub(super) fn open() -> Result<Self, HookError> {
        Self::open_at(Path::new(DIR))
    }

    pub(super) fn open_at(dir: &Path) -> Result<Self, HookError> {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(dir);
        let dir = dir.to_owned();
        match made {
            Ok(()) => Ok(Self { dir }),
            Err(source) => Err(HookError::Record { path: dir, source }),
        }
    }

    /// Keeps other hooks from freezing until it is dropped.
    pub(super) fn lock(&self) -> Result<File, HookError> {
        let path = self.dir.join("lock");
        let failed = |source| HookError::Record {
            path: path.clone(),
            source,
        };
        let file = File::create(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(Errno::WOULDBLOCK) => Err(HookError::AnotherAtWork),
            Err(error) => Err(failed(error.into())),
        }
    }

    fn path(&self, hook: HookName, target: &TargetName) -> PathBuf {
        self.dir.join(format!("{hook}@{target}.json"))
    }

    /// Which hook has a target frozen, as far as it was written down.
    pub(super) fn by(&self, target: &TargetName) -> Result<Option<HookName>, HookError> {
        for hook in HookName::ALL {
            if self.read(hook, target)?.is_some() {
                return Ok(Some(hook));
            }
        }
        Ok(None)
    }

    /// What one hook has of a target.
    pub(super) fn read(&self, hook: HookName, target: &TargetName) -> Result<Option<Record>, HookError> {
        let path = self.path(hook, target);
        let failed = |source| HookError::Record {
            path: path.clone(),
            source,
        };
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Those of one hook; of the named targets, or of all.
    pub(super) fn of(&self, hook: HookName, targets: &[TargetName]) -> Result<Vec<Record>, HookError> {
        let failed = |source| HookError::Record {
            path: self.dir.clone(),
            source,
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            let named = name.strip_suffix(".json").and_then(|stem| stem.split_once('@'));
            let Some((_, target)) = named.filter(|(by, _)| *by == hook.as_str()) else {
                continue;
            };
            let Ok(target) = TargetName::parse(target) else {
                continue;
            };
            if targets.is_empty() || targets.contains(&target) {
                found.extend(self.read(hook, &target)?);
            }
        }
        found.sort_by(|one, other| one.target.cmp(&other.target));
        Ok(found)
    }

    /// Writes it down in one step, so that whoever reads sees all of it.
    pub(super) fn write(&self, record: &Record) -> Result<(), HookError> {
        let path = self.path(record.hook, &record.target);
        let draft = path.with_extension("new");
        let written = serde_json::to_vec(record)
            .map_err(io::Error::from)
            .and_then(|text| File::create(&draft)?.write_all(&text))
            .and_then(|()| std::fs::rename(&draft, &path));
        written.map_err(|source| HookError::Record { path, source })
    }

    /// Strikes it out, unless another freeze has been written down meanwhile.
    pub(super) fn strike(&self, record: &Record) -> Result<(), HookError> {
        if self.read(record.hook, &record.target)?.as_ref() != Some(record) {
            return Ok(());
        }
        let path = self.path(record.hook, &record.target);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(HookError::Record { path, source }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(target: &str, hook: HookName) -> Record {
        Record {
            target: TargetName::parse(target).unwrap(),
            hook,
            invocation: "1".to_owned(),
            displaces: false,
        }
    }

    #[test]
    fn each_hook_finds_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open_at(&dir.path().join("hooks")).unwrap();
        let (one, two) = (record("one", HookName::Vmware), record("two", HookName::Generic));
        records.write(&one).unwrap();
        records.write(&two).unwrap();
        let _held = records.lock().unwrap();
        assert!(matches!(records.lock(), Err(HookError::AnotherAtWork)));
        assert_eq!(records.of(HookName::Vmware, &[]).unwrap(), std::slice::from_ref(&one));
        assert_eq!(
            records.of(HookName::Vmware, std::slice::from_ref(&two.target)).unwrap(),
            []
        );
        assert_eq!(records.by(&two.target).unwrap(), Some(HookName::Generic));
        assert_eq!(records.read(HookName::Vmware, &two.target).unwrap(), None);
        assert_eq!(records.of(HookName::QemuGa, &[]).unwrap(), []);
    }

    #[test]
    fn nobody_strikes_out_anothers() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open_at(dir.path()).unwrap();
        let (old, other) = (record("one", HookName::Vmware), record("one", HookName::Generic));
        let new = Record {
            invocation: "2".to_owned(),
            ..old.clone()
        };
        records.write(&other).unwrap();
        records.write(&new).unwrap();
        records.strike(&old).unwrap();
        assert_eq!(records.of(HookName::Vmware, &[]).unwrap(), std::slice::from_ref(&new));
        records.strike(&new).unwrap();
        assert_eq!(records.of(HookName::Vmware, &[]).unwrap(), []);
        assert_eq!(records.of(HookName::Generic, &[]).unwrap(), [other]);
    }

    #[test]
    fn what_is_written_there_and_isnt_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open_at(dir.path()).unwrap();
        std::fs::write(dir.path().join("vmware@one.json"), "{}").unwrap();
        assert!(matches!(
            records.of(HookName::Vmware, &[]),
            Err(HookError::Record { .. })
        ));
    }
}
