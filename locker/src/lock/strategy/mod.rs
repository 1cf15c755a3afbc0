//! The locks that servers offer: a file each, and the registry.

mod exact;
mod ftwrl;
mod instance;
mod none;
mod online;

use std::fmt;

use super::bugs::{self, Bug};
use super::needs::Need;
use crate::config::{LockSettings, LockStrategy};
use crate::database::{DatabaseError, Server};

/// Every lock. `auto` takes the first of them that the server offers and that doesn't have to be named.
static REGISTRY: [&dyn Strategy; 5] = [
    &exact::Exact,
    &instance::Instance,
    &ftwrl::Ftwrl,
    &online::Online,
    &none::NoLock,
];

/// One lock: what it needs, its statements, and how it is known to have been held. The sequence in which the statements
/// are sent is the same for all.
pub(super) trait Strategy: fmt::Debug + Sync {
    /// The word for it in the configuration, in reports and in the snapshot's properties.
    fn name(&self) -> &'static str;

    /// What the server lacks for it, and what to do; none if it has all.
    fn lacks(&self, server: &Server) -> Option<&'static str>;

    /// Whether `auto` may choose it.
    fn suits_auto(&self) -> bool {
        true
    }

    /// What else must be so.
    fn needs(&self) -> &'static [Need] {
        &[]
    }

    /// Bugs of servers that spoil it.
    fn bugs(&self) -> &'static [Bug] {
        &[]
    }

    /// What it waits for on its way; if it doesn't say, what waits for the most.
    fn goal(&self, server: &Server) -> Goal {
        Goal::ReadLock {
            waits_for_readers: !server.has_backup_stage(),
        }
    }

    /// The statements on the way, during which commits go on.
    fn gentle(&self) -> &'static [&'static str];

    /// The statement with which it is held, from which on it holds up whom it must; none if it holds nothing.
    fn hard(&self) -> Option<&'static str>;

    /// Whether commits stand still while it is held, so that the position read under it is the snapshot's.
    fn stops_commits(&self) -> bool;

    /// A counter of the server's that moves when something is written that the lock should cover and doesn't.
    fn uncovered(&self) -> Option<Counter> {
        None
    }

    /// How it is known, at the end, that it was never lost.
    fn proof(&self, server: &Server) -> Proof;

    /// The unlock; none if the end of the connection is all that there is.
    fn release(&self) -> Option<&'static str>;
}

/// What a lock waits for on its way, as far as the process list shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Nothing.
    Nothing,
    /// BACKUP STAGE.
    Stage,
    /// FLUSH TABLES WITH READ LOCK.
    ReadLock {
        /// It closes tables, and so waits for whoever reads them: MySQL, and MariaDB before 10.4.
        waits_for_readers: bool,
    },
}

/// A counter that should stand still while a lock is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter {
    /// The statement that shows it: one row of name and value.
    pub(super) statement: &'static str,
    /// What it means if it moves.
    pub(super) meaning: &'static str,
}

/// How a lock is known to have been held without a break until just now.
///
/// Whichever it is, the connection that locked must answer: a connection never outlives its server process, so that the
/// same number on the same connection is also the same server without a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The unlock itself is refused to whoever doesn't hold the lock.
    Release,
    /// A question that only the holder of the lock is refused, with this error.
    Question {
        /// The question; harmless where the lock is gone.
        statement: &'static str,
        /// The error.
        refusal: u16,
    },
    /// The connection's identity alone: nothing but its end or our own unlock gives the lock back.
    Identity,
}

/// A lock out of the registry.
#[derive(Clone, Copy)]
pub struct Kind(&'static dyn Strategy);

impl Kind {
    /// The one that the configuration's word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::all().find(|kind| kind.as_str() == word)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        REGISTRY.into_iter().map(Kind)
    }

    /// The configured one, or for `auto` the gentlest that is exact. An error says what the server lacks, or which of
    /// its bugs spoils the lock.
    pub fn choose(settings: &LockSettings, server: &Server) -> Result<Self, DatabaseError> {
        let unsupported = |lacks| DatabaseError::Unsupported {
            version: server.version.clone(),
            lacks,
        };
        let kind = match settings.strategy {
            LockStrategy::Fixed(kind) => kind,
            LockStrategy::Auto => Self::all()
                .find(|kind| kind.0.suits_auto() && kind.0.lacks(server).is_none())
                .ok_or_else(|| unsupported("offers no lock that mariasnap knows"))?,
        };
        if let Some(lacks) = kind.0.lacks(server) {
            return Err(unsupported(lacks));
        }
        bugs::refuse(kind.0.bugs(), server, &settings.allow_bugs)?;
        Ok(kind)
    }

    /// The word for it in the configuration, in reports and in the snapshot's properties.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// Whether commits stand still while it is held, so that the position read under it is the snapshot's.
    pub fn stops_commits(self) -> bool {
        self.0.stops_commits()
    }

    /// What it waits for on its way.
    pub(crate) fn goal(self, server: &Server) -> Goal {
        self.0.goal(server)
    }

    /// Its statements and rules.
    pub(super) fn strategy(self) -> &'static dyn Strategy {
        self.0
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Kind {}

#[cfg(test)]
mod tests;
