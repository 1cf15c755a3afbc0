//! Why a command failed.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::helper::HelperFailure;
use crate::layout::CheckError;
use crate::quiet::Blocker;
use crate::setup::SetupError;
use crate::snapshot::SnapshotError;

/// What ends a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No consistent snapshot.
    #[error(transparent)]
    Snapshot(#[from] Box<SnapshotError>),
    /// The helper didn't do what was asked, or can't be reached.
    #[error(transparent)]
    Helper(#[from] HelperFailure),
    /// The layout couldn't be checked.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// At least one snapshot is still there.
    #[error("{failed} of {asked} snapshots weren't destroyed")]
    NotDestroyed {
        /// How many.
        failed: usize,
        /// Of how many.
        asked: usize,
    },
    /// Setup stopped.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The report couldn't be written.
    #[error("can't write the report to standard output: {0}")]
    Output(io::Error),
    /// The build's files couldn't be written.
    #[error("can't write to {dir}: {source}", dir = .dir.display())]
    Generate {
        /// Where to.
        dir: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process couldn't set itself up.
    #[error("can't start the runtime: {0}")]
    Runtime(io::Error),
}

impl Error {
    /// Who was in the way of the lock.
    pub fn blockers(&self) -> &[Blocker] {
        match self {
            Self::Snapshot(error) => error.blockers(),
            _ => &[],
        }
    }

    /// The name of the snapshot that was or may have been taken.
    pub fn snapshot(&self) -> Option<&str> {
        match self {
            Self::Snapshot(error) => error.snapshot(),
            _ => None,
        }
    }
}
