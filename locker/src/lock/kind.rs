//! The locks, statement by statement.

use crate::config::LockStrategy;
use crate::database::{DatabaseError, Server};

/// A lock that a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `BACKUP STAGE` up to `BLOCK_COMMIT`.
    Exact,
    /// `FLUSH TABLES WITH READ LOCK`.
    Ftwrl,
}

impl Kind {
    /// The configured one, or the gentlest that is exact.
    pub fn choose(strategy: LockStrategy, server: &Server) -> Result<Self, DatabaseError> {
        match strategy {
            LockStrategy::Ftwrl => Ok(Self::Ftwrl),
            LockStrategy::Auto if !server.has_backup_stage() => Ok(Self::Ftwrl),
            LockStrategy::Exact if !server.has_backup_stage() => Err(DatabaseError::Unsupported {
                version: server.version.clone(),
                lacks: "has no BACKUP STAGE, which lock.strategy = \"exact\" needs; use \"auto\" or \"ftwrl\"",
            }),
            LockStrategy::Auto | LockStrategy::Exact => Ok(Self::Exact),
        }
    }

    /// The word for it in the configuration, in reports and in the snapshot's properties.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Ftwrl => "ftwrl",
        }
    }

    /// The statements during which commits go on.
    pub(super) fn gentle(self) -> &'static [&'static str] {
        match self {
            Self::Exact => &["BACKUP STAGE START", "BACKUP STAGE FLUSH", "BACKUP STAGE BLOCK_DDL"],
            // Logged without NO_WRITE_TO_BINLOG, which on a replica would be an errant transaction.
            Self::Ftwrl => &["FLUSH NO_WRITE_TO_BINLOG TABLES"],
        }
    }

    /// The statement from which on commits stand still.
    pub(super) fn hard(self) -> &'static str {
        match self {
            Self::Exact => "BACKUP STAGE BLOCK_COMMIT",
            Self::Ftwrl => "FLUSH TABLES WITH READ LOCK",
        }
    }

    /// The unlock.
    pub(super) fn release(self) -> &'static str {
        match self {
            Self::Exact => "BACKUP STAGE END",
            Self::Ftwrl => "UNLOCK TABLES",
        }
    }
}
