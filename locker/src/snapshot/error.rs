//! Why there is no consistent snapshot.

use crate::database::DatabaseError;
use crate::helper::HelperFailure;
use crate::interrupt::Interrupt;
use crate::layout::CheckError;
use crate::lock::{Doubt, LockError};
use crate::quiet::{Blocker, QuietError};
use crate::ready::NotLockable;

use super::Fate;

/// What ends a run without a consistent snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The database, before the lock.
    #[error("{0}; nothing was locked or taken")]
    Database(#[from] DatabaseError),
    /// The helper, before the lock.
    #[error("{0}; nothing was locked or taken")]
    Helper(#[from] HelperFailure),
    /// A snapshot couldn't be restored, because the target leaves out what the server needs.
    #[error("{why}; nothing was locked or taken; see mariasnap check {target}, and layout.check in the target's file")]
    Layout {
        /// The target.
        target: String,
        /// What is left out.
        why: String,
    },
    /// A signal before the lock.
    #[error("{0}; nothing was locked or taken")]
    Interrupted(Interrupt),
    /// No quiet moment before the lock.
    #[error("{0}; nothing was locked or taken")]
    NotQuiet(#[from] QuietError),
    /// No lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Cut short while the helper was taking the snapshot.
    #[error("{interrupt} while the snapshot was being taken; the database was unlocked at once; {fate}")]
    CutShort {
        /// Why.
        interrupt: Interrupt,
        /// What is left.
        fate: Fate,
    },
    /// `TakeSnapshot` failed.
    #[error("{failure}; {fate}")]
    Take {
        /// The helper's answer, or none.
        failure: HelperFailure,
        /// What is left.
        fate: Fate,
    },
    /// The lock isn't proven.
    #[error("it isn't proven that the lock was held at the cut: {doubt}; {fate}")]
    Unproven {
        /// Why not.
        doubt: Doubt,
        /// What is left.
        fate: Fate,
    },
    /// The pool had moved on before the cut was made: what was written after the unlock may be in the snapshot.
    #[error(
        "the unlock came too early: the snapshot is of transaction group {createtxg}, and {open_txg} was open at the unlock, \
             so later writes may be in it; {fate}"
    )]
    TooEarly {
        /// The snapshot's.
        createtxg: u64,
        /// The one that was seen to be open.
        open_txg: u64,
        /// What is left.
        fate: Fate,
    },
    /// Proven, but the helper didn't mark it so.
    #[error("the lock was proven, but the snapshot couldn't be marked as consistent: {failure}; {fate}")]
    Confirm {
        /// The helper's answer, or none.
        failure: HelperFailure,
        /// What is left.
        fate: Fate,
    },
}

impl From<CheckError> for SnapshotError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Database(error) => Self::Database(error),
            CheckError::Helper(failure) => Self::Helper(failure),
        }
    }
}

impl From<NotLockable> for SnapshotError {
    fn from(error: NotLockable) -> Self {
        match error {
            NotLockable::Database(error) => Self::Database(error),
            NotLockable::NotQuiet(error) => Self::NotQuiet(error),
        }
    }
}

impl SnapshotError {
    /// Who was in the way of the lock.
    pub fn blockers(&self) -> &[Blocker] {
        match self {
            Self::NotQuiet(error) => error.blockers(),
            _ => &[],
        }
    }

    /// The name of the snapshot that was or may have been taken.
    pub fn snapshot(&self) -> Option<&str> {
        match self {
            Self::CutShort { fate, .. }
            | Self::Take { fate, .. }
            | Self::Unproven { fate, .. }
            | Self::TooEarly { fate, .. }
            | Self::Confirm { fate, .. } => fate.snapshot(),
            _ => None,
        }
    }
}
