//! What can go wrong between us and the database.

use std::time::Duration;

/// Server errors that say "you may not", whoever holds what.
const DENIED: [u16; 6] = [1044, 1045, 1142, 1227, 1370, 1698];

/// A statement or a connection that failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection, or the login was refused.
    #[error("can't connect to the database at {endpoint} as {user}: {source}{hint}")]
    Connect {
        /// Where.
        endpoint: String,
        /// As whom.
        user: String,
        /// Why not.
        source: Box<mysql_async::Error>,
        /// What to do.
        hint: &'static str,
    },
    /// Connecting or logging in took too long.
    #[error(
        "the database at {endpoint} didn't answer the login of {user} within {bound:?}; see database.connect_timeout"
    )]
    ConnectTimeout {
        /// Where.
        endpoint: String,
        /// As whom.
        user: String,
        /// The bound.
        bound: Duration,
    },
    /// A statement failed.
    #[error("{doing} failed: {source}{hint}")]
    Statement {
        /// What was tried, in words or as our own statement.
        doing: &'static str,
        /// Why not.
        source: Box<mysql_async::Error>,
        /// What to do.
        hint: &'static str,
    },
    /// A statement took too long.
    #[error("{doing}: no answer within {bound:?}; is the server overloaded or stuck?")]
    StatementTimeout {
        /// What was tried.
        doing: &'static str,
        /// The bound.
        bound: Duration,
    },
    /// The answer isn't what this server was expected to give.
    #[error("{doing}: the server's answer lacks {what}; is it really MariaDB or MySQL?")]
    Answer {
        /// What was tried.
        doing: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// The connection was closed with a statement under way.
    #[error("the connection was closed while a statement was under way")]
    Dropped,
    /// What the lock needs isn't so.
    #[error("lock.strategy = \"{strategy}\" can't be used here: {why}")]
    Unmet {
        /// The strategy.
        strategy: &'static str,
        /// What isn't so, and what to do.
        why: String,
    },
    /// The server has a bug that spoils what the lock is for.
    #[error(
        "the server ({version}) has bug {id}: {what}; {remedy}, or set lock.allow_bugs = [\"{id}\"] to go on all the same"
    )]
    KnownBug {
        /// Its version.
        version: String,
        /// The bug's number in its tracker.
        id: &'static str,
        /// What it does.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Another server than before answers.
    #[error("another server answers than the one that was asked before: {found} instead of {expected}")]
    OtherServer {
        /// Version and unique id before.
        expected: String,
        /// Version and unique id now.
        found: String,
    },
    /// The server can't do what the configuration asks.
    #[error("the server ({version}) {lacks}")]
    Unsupported {
        /// Its version.
        version: String,
        /// What it can't do, and what to do.
        lacks: &'static str,
    },
}

impl DatabaseError {
    /// Wraps the failure of a statement.
    pub(crate) fn statement(doing: &'static str, source: mysql_async::Error) -> Self {
        let hint = if denies(&source) {
            "; the user needs RELOAD, REPLICATION CLIENT (from MariaDB 10.5.2: BINLOG MONITOR) and from MySQL 8.0 BACKUP_ADMIN"
        } else {
            ""
        };
        let source = Box::new(source);
        Self::Statement { doing, source, hint }
    }

    /// Wraps a failed connection attempt.
    pub(crate) fn connect(endpoint: String, user: String, source: mysql_async::Error) -> Self {
        let hint = match &source {
            source if denies(source) => "; check the user, how the server identifies it, and its password",
            mysql_async::Error::Io(_) => "; is the server up, and is this where it listens?",
            _ => "",
        };
        Self::Connect {
            endpoint,
            user,
            source: Box::new(source),
            hint,
        }
    }

    /// The server's error number, where the server answered at all.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Connect { source, .. } | Self::Statement { source, .. } => server_code(source),
            _ => None,
        }
    }

    /// Whether the server refused for want of a privilege.
    pub fn is_denied(&self) -> bool {
        self.code().is_some_and(|code| DENIED.contains(&code))
    }
}

fn denies(error: &mysql_async::Error) -> bool {
    server_code(error).is_some_and(|code| DENIED.contains(&code))
}

fn server_code(error: &mysql_async::Error) -> Option<u16> {
    match error {
        mysql_async::Error::Server(error) => Some(error.code),
        _ => None,
    }
}
