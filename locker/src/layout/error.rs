//! Why directories can't be snapshotted together, or can't even be looked at.

use std::io;
use std::path::{Path, PathBuf};

use mariasnap_dbus::{Dataset, IdError, TargetName};

/// Why the directories can't be snapshotted together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LayoutError {
    #[error("{path} isn't on any mount of /proc/self/mountinfo; was it mounted just now? Try again", path = path.display())]
    Unmounted { path: PathBuf },
    #[error(
        "{path} ({what}) is on {fs_type} ({source_name}, mounted on {point}), and only ZFS can be snapshotted; to move it: \
         stop the server, create a dataset, copy the directory, mount the dataset in its place",
        path = path.display(), point = point.display()
    )]
    NotZfs {
        what: &'static str,
        path: PathBuf,
        fs_type: String,
        source_name: String,
        point: PathBuf,
    },
    #[error("{path} is on {source_name:?}, whose name mariasnap doesn't handle: {error}", path = path.display())]
    Name {
        path: PathBuf,
        source_name: String,
        error: IdError,
    },
    #[error(
        "{path} ({what}) is on {dataset}, not in the data directory's pool {pool}, so no snapshot can hold both at one \
         moment; move it to a dataset of {pool}",
        path = path.display()
    )]
    OtherPool {
        what: &'static str,
        path: PathBuf,
        dataset: Dataset,
        pool: String,
    },
    #[error("{need}, which the target leaves out; without it a snapshot can't be restored. Add it: {flags}")]
    Uncovered { need: String, flags: String },
    #[error(
        "{path} ({what}) is on {dataset}, which target {target} leaves out; add it to [targets.{target}] in \
         /etc/mariasnap/zfs-helper.toml and to the polkit rule, or see mariasnap setup --dataset",
        path = path.display()
    )]
    Outside {
        what: &'static str,
        path: PathBuf,
        dataset: Dataset,
        target: TargetName,
    },
    #[error("dataset {dataset} was named, but it isn't in pool {pool} as the data directory is; leave it out")]
    ForeignDataset { dataset: Dataset, pool: String },
}

/// A file or directory that can't be looked at.
#[derive(Debug, thiserror::Error)]
#[error("can't {doing} {path}: {source}", path = path.display())]
pub(crate) struct LookError {
    /// What was tried.
    pub(crate) doing: &'static str,
    /// On what.
    pub(crate) path: PathBuf,
    /// Why not.
    pub(crate) source: io::Error,
}

impl LookError {
    pub(super) fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }

    /// Whether there is nothing of that name, as far as this process's mounts go.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
    }
}
