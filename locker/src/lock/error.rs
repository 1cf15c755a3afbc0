//! Why a lock isn't held.

use std::time::Duration;

use crate::database::DatabaseError;
use crate::helper::HelperFailure;
use crate::interrupt::Interrupt;

/// What cut a step short.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// A signal, or a bound of the configuration.
    #[error(transparent)]
    Interrupt(#[from] Interrupt),
    /// The server, or the connection to it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The helper, or the pool.
    #[error(transparent)]
    Helper(Box<HelperFailure>),
}

/// The lock wasn't obtained, or was lost before anything was asked of the helper. Nothing was taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A step on the way to the lock failed.
    #[error(
        "no lock after {} ms and {attempts} attempts, the last one given up at {step}: {cause}; nothing was taken, and \
         what was locked is released", .waited.as_millis()
    )]
    NotObtained {
        /// The statement.
        step: &'static str,
        /// Attempts made.
        attempts: u32,
        /// Since the first lock statement.
        waited: Duration,
        /// Why.
        cause: Cause,
    },
    /// The lock was held, and a statement under it failed.
    #[error("the lock was lost or given up before the cut, at {step}: {cause}; nothing was taken")]
    LostBeforeCut {
        /// The statement.
        step: &'static str,
        /// Why.
        cause: Cause,
    },
}

impl LockError {
    /// What cut it short.
    pub fn cause(&self) -> &Cause {
        match self {
            Self::NotObtained { cause, .. } | Self::LostBeforeCut { cause, .. } => cause,
        }
    }
}

impl From<Interrupt> for Doubt {
    fn from(interrupt: Interrupt) -> Self {
        Self::Unfinished(interrupt.into())
    }
}

/// Why it isn't certain that the lock was held at the cut.
#[derive(Debug, thiserror::Error)]
pub enum Doubt {
    /// The proof itself was cut short.
    #[error("the proof couldn't be finished: {0}")]
    Unfinished(#[from] Cause),
    /// Another connection answers.
    #[error("connection {found} answers, but connection {expected} took the lock")]
    OtherConnection {
        /// The one that locked.
        expected: u64,
        /// The one that answered.
        found: u64,
    },
    /// Something was committed or logged while nothing could be.
    #[error("the server's position moved from {before} to {after} while commits should have stood still")]
    Moved {
        /// Before the cut.
        before: String,
        /// After it.
        after: String,
    },
    /// The server says that the lock isn't held.
    #[error("the server doesn't hold the lock for this connection any more: {statement} {answer}")]
    NotHeld {
        /// The statement that asked.
        statement: &'static str,
        /// What came of it.
        answer: String,
    },
    /// There was nothing to prove it for.
    #[error("the lock was given back without a proof")]
    Unasked,
    /// The unlock failed, so the lock may have been gone before.
    #[error("the unlock failed, so the lock may have been gone before: {0}")]
    Unlock(DatabaseError),
}
