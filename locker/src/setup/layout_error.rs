//! Why directories can't be snapshotted together.

use std::path::PathBuf;

use mariasnap_dbus::{Dataset, IdError};

/// Why the directories can't be snapshotted together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LayoutError {
    #[error("{path} isn't on any mount of /proc/self/mountinfo; was it mounted just now? Run setup again", path = path.display())]
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
    #[error("dataset {dataset} was named, but it isn't in pool {pool} as the data directory is; leave it out")]
    ForeignDataset { dataset: Dataset, pool: String },
}
