//! Why setup stopped.

use std::io;
use std::path::PathBuf;

use super::helper_file::HelperFileError;
use crate::config::ConfigError;
use crate::database::DatabaseError;
use crate::layout::error::{LayoutError, LookError};

/// What ended a setup: what was tried, on what, why it failed, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Not started by root.
    #[error("setup writes to /etc and asks the server as root; run it with sudo")]
    NotRoot,
    /// No server where it was looked for.
    #[error("no server listens on {tried}; start it, or name its socket with --socket")]
    NoSocket {
        /// The sockets tried.
        tried: String,
    },
    /// Nobody answers, or root may not log in.
    #[error("{0}; if root has a password there, put user and password under [client] into a file for --defaults-file")]
    Login(Box<DatabaseError>),
    /// The server refused a statement.
    #[error("{statement} failed: {why}{advice}")]
    Statement {
        /// The statement.
        statement: String,
        /// The server's words.
        why: String,
        /// What to do, where that is known.
        advice: &'static str,
    },
    /// The server doesn't answer as a MariaDB or MySQL server does.
    #[error("the server on {socket} didn't say its {what}; is it MariaDB or MySQL?")]
    Answer {
        /// Its socket.
        socket: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// What is asked, or how the server's directories lie, can't be done; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// The option file can't be used.
    #[error("{0}")]
    Options(#[from] ConfigError),
    /// The helper's configuration can't be used.
    #[error("{path}: {why}", path = .path.display())]
    HelperFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A file of the admin's, which setup doesn't replace, stands against what is asked; nothing was changed.
    #[error("{path}: {why}", path = .path.display())]
    Kept {
        /// The file.
        path: PathBuf,
        /// What stands in the way, and what to do.
        why: String,
    },
    /// A file couldn't be read or written.
    #[error("can't {doing} {path}: {source}", path = .path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something that must be installed isn't.
    #[error("{what} is missing; {advice}")]
    Missing {
        /// What.
        what: String,
        /// How to get it.
        advice: &'static str,
    },
    /// Another program failed.
    #[error("{command} failed: {why}")]
    Command {
        /// The command line.
        command: String,
        /// Its own words, or why it couldn't be started.
        why: String,
    },
    /// Everything is in place, but the first snapshot failed.
    #[error(
        "everything is set up, but the first snapshot failed with exit code {status}; see journalctl -n 40 -u {unit} \
         -u mariasnap-zfs-helper.service, then run setup again"
    )]
    Snapshot {
        /// The unit.
        unit: String,
        /// The exit code of `mariasnap snapshot`, or what systemd says in its place.
        status: String,
    },
}

/// The kinds of [`SetupError`] that an exit code tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupErrorKind {
    /// A configuration file, or an option file, can't be used.
    Config,
    /// The database can't be reached, or didn't do what was asked.
    Database,
    /// Refused before anything was changed.
    Refused,
    /// Something failed on the way; running setup again carries on.
    Failed,
}

impl SetupError {
    /// The error's kind.
    pub fn kind(&self) -> SetupErrorKind {
        match self {
            Self::HelperFile { .. } | Self::Kept { .. } | Self::Options(_) => SetupErrorKind::Config,
            Self::NoSocket { .. } | Self::Login(_) | Self::Statement { .. } | Self::Answer { .. } => {
                SetupErrorKind::Database
            }
            Self::NotRoot | Self::Refused(_) | Self::Missing { .. } => SetupErrorKind::Refused,
            Self::File { .. } | Self::Command { .. } | Self::Snapshot { .. } => SetupErrorKind::Failed,
        }
    }
}

impl From<LayoutError> for SetupError {
    fn from(error: LayoutError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<LookError> for SetupError {
    fn from(LookError { doing, path, source }: LookError) -> Self {
        Self::File { doing, path, source }
    }
}

impl SetupError {
    pub(super) fn helper_file(path: PathBuf, error: HelperFileError) -> Self {
        let why = error.to_string();
        Self::HelperFile { path, why }
    }

    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
