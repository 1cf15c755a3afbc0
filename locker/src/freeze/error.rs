//! Why there was no freeze, or why it doesn't count.

use std::io;
use std::time::Duration;

use super::ClaimError;
use crate::database::DatabaseError;
use crate::interrupt::Interrupt;
use crate::lock::{Doubt, LockError};
use crate::quiet::{Blocker, QuietError};
use crate::ready::NotLockable;

/// What ended a hold too early.
#[derive(Debug, thiserror::Error)]
pub enum Lapse {
    /// `freeze.max_hold` is over, or a signal came.
    #[error(transparent)]
    Interrupted(#[from] Interrupt),
    /// The connection that held the lock is gone, or doesn't answer as it should.
    #[error("the connection that held it failed: {0}")]
    Lost(#[from] DatabaseError),
    /// The position couldn't be read under the lock.
    #[error("the position couldn't be read under it")]
    Unread,
}

/// What ends a freeze that can't be relied on.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// Another freeze, or nowhere to tell of this one.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The database, before the lock.
    #[error("{0}; nothing was locked")]
    Database(#[from] DatabaseError),
    /// A signal before the lock.
    #[error("{0}; nothing was locked")]
    Interrupted(Interrupt),
    /// No quiet moment before the lock.
    #[error("{0}; nothing was locked")]
    NotQuiet(#[from] QuietError),
    /// No lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The lock was given back, or lost, before its time.
    #[error(
        "the database was unlocked after {} ms: {lapse}; what was copied after that, and so the whole copy, isn't \
         consistent", .held.as_millis()
    )]
    Lapsed {
        /// For how long it was held.
        held: Duration,
        /// Why no longer.
        lapse: Lapse,
    },
    /// The hold came to its end, but the lock may have been gone before.
    #[error(
        "it isn't proven that the lock was held for all of the {} ms: {doubt}; the copy may be inconsistent",
        .held.as_millis()
    )]
    Unproven {
        /// For how long it seemed to be held.
        held: Duration,
        /// Why it isn't certain.
        doubt: Doubt,
    },
    /// The command couldn't be run.
    #[error("can't run {program}: {source}; the database was unlocked at once")]
    NotRun {
        /// The program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The command ran under the lock and failed.
    #[error("{program} failed under the lock ({status}); the lock was held all the while")]
    CommandFailed {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
    },
}

impl From<NotLockable> for FreezeError {
    fn from(error: NotLockable) -> Self {
        match error {
            NotLockable::Database(error) => Self::Database(error),
            NotLockable::NotQuiet(error) => Self::NotQuiet(error),
        }
    }
}

impl FreezeError {
    /// Who was in the way of the lock.
    pub fn blockers(&self) -> &[Blocker] {
        match self {
            Self::NotQuiet(error) => error.blockers(),
            _ => &[],
        }
    }
}
