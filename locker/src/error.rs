//! Why a command failed.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::exit::Exit;
use crate::freeze::{ClaimError, FreezeError};
use crate::helper::HelperFailure;
use crate::hook::HookError;
use crate::interrupt::Interrupt;
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
    /// No freeze, or none that counts.
    #[error(transparent)]
    Freeze(#[from] Box<FreezeError>),
    /// It can't be told whether a target is frozen.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The target isn't frozen.
    #[error("{target} isn't frozen{why}")]
    NotFrozen {
        /// The target.
        target: String,
        /// What else there is to say.
        why: &'static str,
    },
    /// A signal while a detached freeze was on its way.
    #[error("{0} before the lock was held; the freeze is given up")]
    NotDetached(Interrupt),
    /// A detached freeze that didn't end well.
    #[error("{message}")]
    Verdicted {
        /// What its process ended with.
        exit: Exit,
        /// What it said.
        message: String,
    },
    /// A detached freeze that was over before its thaw.
    #[error("the freeze was over before it was thawed, so the copy may be inconsistent: {0}")]
    EndedBefore(String),
    /// An earlier detached freeze that ended, which nobody was told yet.
    #[error("an earlier freeze of this target is over, and nobody has thawed it: {0}; nothing was locked, try again")]
    NotThawed(String),
    /// The process that freezes can't be told to end.
    #[error("can't tell the process that holds the lock to end: {0}; it does at freeze.max_hold")]
    NotEnded(io::Error),
    /// A detached freeze whose process ended without a word.
    #[error("the process that held {0} didn't say how it ended; take it that the lock was lost")]
    NoVerdict(String),
    /// A detached freeze whose process doesn't end.
    #[error(
        "the process that holds {target}'s lock didn't give it back within {waited:?}, as where the server stands still; the \
         copy may be inconsistent, and writers may be held up until {until}"
    )]
    StillHeld {
        /// The target.
        target: String,
        /// How long it was waited for.
        waited: std::time::Duration,
        /// When the freeze ends by itself.
        until: String,
    },
    /// How a detached freeze ended can't be read or written down.
    #[error("can't read or write down how the freeze ended: {0}; see --run-dir")]
    Verdict(io::Error),
    /// A hook failed.
    #[error(transparent)]
    Hook(#[from] HookError),
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
    /// Standard input, whose end was waited for, can't be read.
    #[error("can't read standard input, which was to end the freeze: {0}; the database was unlocked")]
    Input(io::Error),
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
            Self::Freeze(error) => error.blockers(),
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
