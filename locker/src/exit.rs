//! The exit codes, and the one place that maps errors to them.

use mariasnap_dbus::{HelperError, HelperErrorKind};

use crate::error::Error;
use crate::freeze::{ClaimError, FreezeError};
use crate::helper::HelperFailure;
use crate::interrupt::Interrupt;
use crate::layout::{CheckError, Verdict};
use crate::lock::{Cause, LockError};
use crate::quiet::QuietError;
use crate::setup::SetupErrorKind;
use crate::snapshot::{Fate, SnapshotError};

/// What the process's exit code tells a caller. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done as asked.
    Ok = 0,
    /// A defect or something that no other code names.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong, or the target leaves out what the server writes.
    Config = 3,
    /// The database can't be reached, refuses the login, or can't do what is needed.
    Database = 4,
    /// The lock wasn't obtained; nothing was taken.
    LockNotObtained = 5,
    /// The lock can't be proven to have been held; no consistent snapshot.
    LockLost = 6,
    /// The helper refused; nothing was done.
    Refused = 7,
    /// The snapshot failed; nothing was kept.
    SnapshotFailed = 8,
    /// Whether a snapshot was taken isn't known.
    OutcomeUnknown = 9,
    /// Another run on this target is under way.
    Busy = 10,
    /// The snapshot is consistent; clearing away old ones failed.
    PruneFailed = 11,
    /// At least one snapshot wasn't destroyed, or it isn't known.
    NotDestroyed = 12,
    /// The helper can't be reached, doesn't answer, or can't list.
    HelperUnreachable = 13,
    /// The command under the lock failed; the lock was held.
    CommandFailed = 14,
    /// The target isn't frozen.
    NotFrozen = 15,
}

/// The table of `--help` and the man page.
pub const TABLE: &str = "\
Exit codes:
  0   done
  1   internal error
  2   wrong usage
  3   wrong configuration, or the target leaves out what the server needs; nothing was locked or taken
  4   no connection to the database, or it lacks what is needed
  5   lock not obtained in time; nothing was taken
  6   lock lost, or not proven to have been held at the cut, or all through a freeze; nothing consistent was taken
  7   the helper refused: not authorised, unknown target, bad request
  8   snapshot failed, or interrupted before there was anything to keep
  9   unknown whether a snapshot was taken
  10  another run or freeze of this target is under way
  11  snapshot is consistent, but old ones couldn't be cleared away
  12  destroy: at least one snapshot wasn't destroyed, as far as is known
  13  the helper can't be reached, doesn't answer or can't list
  14  run: the command failed, with the lock held all the while
  15  not frozen, so there is nothing to thaw";

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word for it in `--json`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Database => "database",
            Self::LockNotObtained => "lock-not-obtained",
            Self::LockLost => "lock-lost",
            Self::Refused => "refused",
            Self::SnapshotFailed => "snapshot-failed",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Busy => "busy",
            Self::PruneFailed => "prune-failed",
            Self::NotDestroyed => "not-destroyed",
            Self::HelperUnreachable => "helper-unreachable",
            Self::CommandFailed => "command-failed",
            Self::NotFrozen => "not-frozen",
        }
    }
}

impl Exit {
    /// All but the good one.
    const FAILURES: [Self; 15] = [
        Self::Internal,
        Self::Usage,
        Self::Config,
        Self::Database,
        Self::LockNotObtained,
        Self::LockLost,
        Self::Refused,
        Self::SnapshotFailed,
        Self::OutcomeUnknown,
        Self::Busy,
        Self::PruneFailed,
        Self::NotDestroyed,
        Self::HelperUnreachable,
        Self::CommandFailed,
        Self::NotFrozen,
    ];

    /// Of a freeze that failed in another process: as that ended, where it did by itself with a code of ours. Never
    /// [`Self::Ok`].
    pub(crate) fn of_freeze(status: Option<u8>) -> Self {
        Self::FAILURES
            .into_iter()
            .find(|exit| Some(exit.code()) == status)
            .unwrap_or(Self::LockNotObtained)
    }

    /// For the commands that take no snapshot, so that none of them says what became of one.
    fn without_snapshot(failure: &HelperFailure) -> Self {
        match Self::from(failure) {
            Self::SnapshotFailed | Self::OutcomeUnknown if failure.is_destroy() => Self::NotDestroyed,
            Self::SnapshotFailed | Self::OutcomeUnknown => Self::HelperUnreachable,
            exit => exit,
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Config(_) => Self::Config,
            Error::Snapshot(error) => Self::from(&**error),
            Error::Freeze(error) => Self::from(&**error),
            Error::Claim(error) => Self::from(error),
            Error::Hook(error) => error.exit(),
            Error::NotFrozen { .. } => Self::NotFrozen,
            Error::NotDetached(_) => Self::SnapshotFailed,
            Error::Verdicted { exit, .. } => *exit,
            Error::NoVerdict(_) | Error::StillHeld { .. } | Error::EndedBefore(_) => Self::LockLost,
            Error::NotThawed(_) => Self::Busy,
            Error::Verdict(_) | Error::NotEnded(_) => Self::Internal,
            Error::Helper(failure) => Self::without_snapshot(failure),
            Error::Check(CheckError::Database(_)) => Self::Database,
            Error::Check(CheckError::Helper(failure)) => Self::without_snapshot(failure),
            Error::NotDestroyed { .. } => Self::NotDestroyed,
            Error::Setup(error) => match error.kind() {
                SetupErrorKind::Config => Self::Config,
                SetupErrorKind::Database => Self::Database,
                SetupErrorKind::Refused => Self::Usage,
                SetupErrorKind::Failed => Self::Internal,
            },
            Error::Output(_) | Error::Input(_) | Error::Generate { .. } | Error::Runtime(_) => Self::Internal,
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok | Verdict::Unchecked | Verdict::Warning => Self::Ok,
            Verdict::Error => Self::Config,
        }
    }
}

impl From<&SnapshotError> for Exit {
    fn from(error: &SnapshotError) -> Self {
        let fate = match error {
            SnapshotError::CutShort { fate, .. }
            | SnapshotError::Take { fate, .. }
            | SnapshotError::Unproven { fate, .. }
            | SnapshotError::TooEarly { fate, .. }
            | SnapshotError::Confirm { fate, .. } => fate,
            SnapshotError::Database(_) => return Self::Database,
            SnapshotError::Layout { .. } => return Self::Config,
            SnapshotError::Helper(failure) => {
                return match Self::from(failure) {
                    // Known all the same: a run's first calls take no snapshot.
                    Self::OutcomeUnknown => Self::SnapshotFailed,
                    exit => exit,
                };
            }
            SnapshotError::Interrupted(_) => return Self::SnapshotFailed,
            SnapshotError::Lock(error) => return Self::from(error),
            SnapshotError::NotQuiet(error) => return Self::from(error),
        };
        match (fate, error) {
            (Fate::Unknown { .. }, _) => Self::OutcomeUnknown,
            (_, SnapshotError::Unproven { .. } | SnapshotError::TooEarly { .. }) => Self::LockLost,
            (
                _,
                SnapshotError::CutShort {
                    interrupt: Interrupt::MaxHold { .. },
                    ..
                },
            ) => Self::LockLost,
            (Fate::NotTaken, SnapshotError::Take { failure, .. }) if !failure.is_broken_transport() => {
                Self::from(failure)
            }
            _ => Self::SnapshotFailed,
        }
    }
}

impl From<&FreezeError> for Exit {
    fn from(error: &FreezeError) -> Self {
        match error {
            FreezeError::Claim(error) => Self::from(error),
            FreezeError::Database(_) => Self::Database,
            FreezeError::Interrupted(_) => Self::SnapshotFailed,
            FreezeError::NotQuiet(error) => Self::from(error),
            FreezeError::Lock(error) => Self::from(error),
            FreezeError::Lapsed { .. } | FreezeError::Unproven { .. } => Self::LockLost,
            FreezeError::NotRun { .. } | FreezeError::CommandFailed { .. } => Self::CommandFailed,
        }
    }
}

impl From<&ClaimError> for Exit {
    fn from(error: &ClaimError) -> Self {
        match error {
            ClaimError::Busy(_) => Self::Busy,
            ClaimError::Left(_) => Self::LockLost,
            ClaimError::Io { .. } => Self::Internal,
        }
    }
}

impl From<&LockError> for Exit {
    fn from(error: &LockError) -> Self {
        match (error, error.cause()) {
            (_, Cause::Interrupt(Interrupt::Signal(_))) => Self::SnapshotFailed,
            (_, Cause::Database(error)) if error.is_denied() => Self::Database,
            (LockError::NotObtained { .. }, _) => Self::LockNotObtained,
            (LockError::LostBeforeCut { .. }, _) => Self::LockLost,
        }
    }
}

impl From<&QuietError> for Exit {
    fn from(error: &QuietError) -> Self {
        match error {
            QuietError::Blocked { .. } | QuietError::NotCovered { .. } | QuietError::NotGone { .. } => {
                Self::LockNotObtained
            }
            QuietError::MayNotKill { .. } | QuietError::Database(_) => Self::Database,
        }
    }
}

impl From<&HelperFailure> for Exit {
    fn from(failure: &HelperFailure) -> Self {
        match failure.answer() {
            None | Some(HelperError::ZBus(_)) => Self::HelperUnreachable,
            Some(HelperError::Busy(_)) => Self::Busy,
            Some(answer) => match answer.kind() {
                HelperErrorKind::Refused => Self::Refused,
                HelperErrorKind::Failed => Self::SnapshotFailed,
                HelperErrorKind::Unknown => Self::OutcomeUnknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freeze_fails_with_its_own_code() {
        for code in 1..=15 {
            assert_eq!(Exit::of_freeze(Some(code)).code(), code);
        }
        // Killed; systemd's own; and a good end that wasn't one.
        for status in [None, Some(203), Some(0)] {
            assert_eq!(Exit::of_freeze(status), Exit::LockNotObtained);
        }
    }
}
