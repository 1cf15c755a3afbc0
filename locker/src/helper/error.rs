//! What can go wrong between us and the helper.

use std::io;
use std::path::PathBuf;

use mariasnap_dbus::HelperError;
use zbus::DBusError;

/// A call that didn't do what was asked, or never got there.
#[derive(Debug, thiserror::Error)]
pub enum HelperFailure {
    /// No connection.
    #[error(
        "can't reach the helper at {socket}: {why}; is its socket unit active, and may this user open the socket?",
        socket = .socket.display()
    )]
    Unreachable {
        /// The peer socket.
        socket: PathBuf,
        /// Why not; also why not over the system bus, if that was tried.
        why: String,
    },
    /// The helper answered with an error, or the connection broke.
    #[error("{call} on target {target}: {}", .error.why())]
    Call {
        /// The method.
        call: &'static str,
        /// The target.
        target: String,
        /// The answer.
        error: HelperError,
    },
}

impl HelperFailure {
    /// The helper's own answer, if there was one.
    pub fn answer(&self) -> Option<&HelperError> {
        match self {
            Self::Unreachable { .. } => None,
            Self::Call { error, .. } => Some(error),
        }
    }

    /// Whether destroying failed.
    pub fn is_destroy(&self) -> bool {
        matches!(self, Self::Call { call, .. } if *call == super::DESTROY)
    }

    /// Whether the helper didn't answer in time, so that the call may yet take effect.
    pub fn is_timeout(&self) -> bool {
        match self.answer() {
            Some(HelperError::ZBus(zbus::Error::InputOutput(error))) => error.kind() == io::ErrorKind::TimedOut,
            Some(HelperError::OutcomeUnknown(_)) => true,
            _ => false,
        }
    }

    /// Whether the pool is at work on this call or on another, so that the next one would wait.
    pub fn is_pool_busy(&self) -> bool {
        self.is_timeout() || matches!(self.answer(), Some(HelperError::Busy(_)))
    }

    /// Whether the connection broke before an answer came.
    pub fn is_broken_transport(&self) -> bool {
        matches!(self.answer(), None | Some(HelperError::ZBus(_)))
    }
}

/// The words of an answer without its D-Bus name.
trait Why {
    fn why(&self) -> String;
}

impl Why for HelperError {
    fn why(&self) -> String {
        match self {
            Self::ZBus(error) => format!("no answer: {error}"),
            other => other.description().map_or_else(|| other.to_string(), str::to_owned),
        }
    }
}
