//! `FLUSH TABLES WITH READ LOCK`: every write waits. For servers that have nothing better.

use super::{Proof, Strategy};
use crate::database::Server;
use crate::lock::bugs::{Bug, MDEV_23586, MDEV_32282, MDEV_36025};

/// A statement that conflicts with the connection's own `FLUSH TABLES WITH READ LOCK` is refused with this.
const ER_CANT_UPDATE_WITH_READLOCK: u16 = 1223;

/// See the module.
#[derive(Debug)]
pub(super) struct Ftwrl;

impl Strategy for Ftwrl {
    fn name(&self) -> &'static str {
        "ftwrl"
    }

    fn lacks(&self, _: &Server) -> Option<&'static str> {
        None
    }

    fn bugs(&self) -> &'static [Bug] {
        &[MDEV_23586, MDEV_32282, MDEV_36025]
    }

    /// Logged without NO_WRITE_TO_BINLOG, which on a replica would be an errant transaction.
    fn gentle(&self) -> &'static [&'static str] {
        &["FLUSH NO_WRITE_TO_BINLOG TABLES"]
    }

    fn hard(&self) -> Option<&'static str> {
        Some("FLUSH TABLES WITH READ LOCK")
    }

    fn stops_commits(&self) -> bool {
        true
    }

    /// sql/backup.cc, `backup_start()`: refused to a connection that has the global read lock. A server without
    /// `BACKUP STAGE` offers no such question that is harmless where the lock is gone.
    fn proof(&self, server: &Server) -> Proof {
        match server.has_backup_stage() {
            true => Proof::Question {
                statement: "BACKUP STAGE START",
                refusal: ER_CANT_UPDATE_WITH_READLOCK,
            },
            false => Proof::Identity,
        }
    }

    fn release(&self) -> Option<&'static str> {
        Some("UNLOCK TABLES")
    }
}
