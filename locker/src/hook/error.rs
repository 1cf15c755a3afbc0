//! Why a hook fails its caller.

use std::io;
use std::path::PathBuf;

use mariasnap_dbus::TargetName;

use crate::config::{ConfigError, HookName};
use crate::exit::Exit;
use crate::freeze::ClaimError;
use crate::interrupt::Interrupt;

/// What a hook's caller has to know.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// A word that the caller doesn't have.
    #[error("{name} knows no phase {word:?}; its phases are {known}")]
    Phase {
        /// The hook.
        name: HookName,
        /// The word.
        word: String,
        /// Those that it has.
        known: String,
    },
    /// The configuration can't be used.
    #[error("{0}; nothing was frozen")]
    Config(#[from] ConfigError),
    /// Somebody calls, and no target is to be frozen for it.
    #[error(
        "no target names {name} in freeze.hooks, so nothing is frozen; write hooks = [\"{name}\"] under [freeze] into {dir}/TARGET.toml",
        dir = .dir.display()
    )]
    NoTarget {
        /// The hook.
        name: HookName,
        /// Where the targets' files lie.
        dir: PathBuf,
    },
    /// It can't be told whether somebody else freezes it.
    #[error("{0}; nothing was frozen")]
    Claim(#[from] ClaimError),
    /// What is frozen for whom can't be read or written down.
    #[error("can't use {path}, where it is written down what is frozen: {source}; hooks are run by root", path = .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else freezes it.
    #[error("{target} is already frozen by {by}; it is left so, and nothing is frozen for this caller")]
    Busy {
        /// The target.
        target: TargetName,
        /// Who did it.
        by: String,
    },
    /// Another call of a hook is at work.
    #[error("another hook is freezing just now; nothing is frozen for this caller")]
    AnotherAtWork,
    /// The unit didn't start.
    #[error("{unit} didn't start, so nothing is frozen: {why}; see journalctl -u {unit}")]
    NotStarted {
        /// The unit.
        unit: String,
        /// What it says.
        why: String,
        /// With what its process ended, if it did by itself.
        status: Option<u8>,
    },
    /// The caller's time, or a signal.
    #[error("{0} before everything was frozen; nothing is")]
    Interrupted(Interrupt),
    /// There is nothing to thaw.
    #[error("of {} nothing was frozen for {name}, so there is nothing to thaw, nor a consistent copy", .targets.iter().map(TargetName::as_str).collect::<Vec<_>>().join(", "))]
    NotFrozen {
        /// The hook.
        name: HookName,
        /// What should have been frozen.
        targets: Vec<TargetName>,
    },
    /// The lock was gone before the thaw, or may have been.
    #[error("{unit} lost its lock before the thaw, so the copy isn't consistent: {why}; see journalctl -u {unit}")]
    Lost {
        /// The unit.
        unit: String,
        /// What is known.
        why: String,
    },
    /// The unit didn't stop.
    #[error(
        "{unit} didn't stop, so the database may still be locked until {until}: {why}; thaw it again, or see systemctl status {unit}"
    )]
    NotStopped {
        /// The unit.
        unit: String,
        /// When the lock is given back at the latest.
        until: String,
        /// What systemd says.
        why: String,
    },
    /// The caller can't be told.
    #[error("can't write to standard output: {0}; nothing is frozen")]
    Output(io::Error),
    /// systemctl.
    #[error("can't run {command}: {source}")]
    Systemctl {
        /// The command.
        command: String,
        /// Why not.
        source: io::Error,
    },
    /// The process couldn't set itself up.
    #[error("can't catch signals: {0}; nothing was frozen")]
    Runtime(io::Error),
}

impl HookError {
    /// The exit code: what the unit's own process ended with, where there was one.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Phase { .. } => Exit::Usage,
            Self::Config(_) | Self::NoTarget { .. } => Exit::Config,
            Self::Busy { .. } | Self::AnotherAtWork => Exit::Busy,
            Self::NotStarted { status, .. } => Exit::of_freeze(*status),
            Self::Claim(error) => Exit::from(error),
            Self::Interrupted(_) => Exit::LockNotObtained,
            Self::NotFrozen { .. } => Exit::NotFrozen,
            Self::Lost { .. } => Exit::LockLost,
            Self::NotStopped { .. }
            | Self::Record { .. }
            | Self::Output(_)
            | Self::Systemctl { .. }
            | Self::Runtime(_) => Exit::Internal,
        }
    }
}
