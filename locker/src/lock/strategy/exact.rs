//! `BACKUP STAGE` up to `BLOCK_COMMIT`: commits wait from there to the unlock, the position is the snapshot's.

use super::{Goal, Proof, Strategy};
use crate::database::Server;
use crate::lock::bugs::{Bug, MDEV_23080, MDEV_23586, MDEV_36025};

/// See the module.
#[derive(Debug)]
pub(super) struct Exact;

impl Strategy for Exact {
    fn name(&self) -> &'static str {
        "exact"
    }

    fn lacks(&self, server: &Server) -> Option<&'static str> {
        (!server.has_backup_stage()).then_some(
            "has no BACKUP STAGE, which lock.strategy = \"exact\" needs; use \"auto\", \"instance\" or \"ftwrl\"",
        )
    }

    fn bugs(&self) -> &'static [Bug] {
        &[MDEV_23080, MDEV_23586, MDEV_36025]
    }

    fn goal(&self, _: &Server) -> Goal {
        Goal::Stage
    }

    fn gentle(&self) -> &'static [&'static str] {
        &["BACKUP STAGE START", "BACKUP STAGE FLUSH", "BACKUP STAGE BLOCK_DDL"]
    }

    fn hard(&self) -> Option<&'static str> {
        Some("BACKUP STAGE BLOCK_COMMIT")
    }

    fn stops_commits(&self) -> bool {
        true
    }

    /// sql/backup.cc, `run_backup_stage()`: END is refused with ER_BACKUP_NOT_RUNNING unless the connection is in a
    /// stage. `backup_end()`, by END or by the connection's end, is what leaves a stage, and what releases the lock; and a
    /// stage is only ever left for a later one. So where BLOCK_COMMIT succeeded and END succeeds, the lock was held
    /// in between.
    fn proof(&self, _: &Server) -> Proof {
        Proof::Release
    }

    fn release(&self) -> Option<&'static str> {
        Some("BACKUP STAGE END")
    }
}
