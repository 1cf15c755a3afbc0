//! `BACKUP STAGE` up to `BLOCK_DDL`: DDL and writes to tables that don't survive a crash wait, InnoDB's commits go on. What
//! is in the snapshot is decided by crash recovery, out of the redo log and the binary log that are in it.

use super::{Counter, Goal, Proof, Strategy};
use crate::database::Server;
use crate::lock::bugs::Bug;
use crate::lock::needs::Need;

/// See the module.
#[derive(Debug)]
pub(super) struct Online;

impl Strategy for Online {
    fn name(&self) -> &'static str {
        "online"
    }

    fn lacks(&self, server: &Server) -> Option<&'static str> {
        if !server.has_backup_stage() {
            return Some("has no BACKUP STAGE, which lock.strategy = \"online\" needs; use \"auto\"");
        }
        // sql/backup.cc, backup_block_ddl(): on Galera the node is desynced and paused there.
        server.is_galera().then_some(
            "is a Galera node, which stops commits at BACKUP STAGE BLOCK_DDL already, so lock.strategy = \"online\" gains \
             nothing there; use \"exact\"",
        )
    }

    fn suits_auto(&self) -> bool {
        false
    }

    /// Otherwise the binary log may have transactions that the redo log doesn't, and recovery comes to a state that the
    /// server never was in.
    fn needs(&self) -> &'static [Need] {
        &[Need::RedoBeforeCommit]
    }

    fn bugs(&self) -> &'static [Bug] {
        // MDEV-36025 is none here: transactions that are prepared and no more are what recovery is for.
        &[]
    }

    fn goal(&self, _: &Server) -> Goal {
        Goal::Stage
    }

    fn gentle(&self) -> &'static [&'static str] {
        &["BACKUP STAGE START", "BACKUP STAGE FLUSH"]
    }

    fn hard(&self) -> Option<&'static str> {
        Some("BACKUP STAGE BLOCK_DDL")
    }

    fn stops_commits(&self) -> bool {
        false
    }

    /// BLOCK_DDL lets writes to crash-safe Aria tables through as it does InnoDB's (10.11), and the binary log has no say
    /// in their recovery. Each of their statements ends with a sync of Aria's log; nothing else but a new account, say,
    /// writes there.
    fn uncovered(&self) -> Option<Counter> {
        Some(Counter {
            statement: "SHOW GLOBAL STATUS WHERE Variable_name = 'Aria_transaction_log_syncs'",
            meaning: "crash-safe Aria tables were written during the cut: they recover by themselves, and may differ by a \
                      statement from what the binary log says; ENGINE=InnoDB or TRANSACTIONAL=0 prevents that",
        })
    }

    /// As for `exact`.
    fn proof(&self, _: &Server) -> Proof {
        Proof::Release
    }

    fn release(&self) -> Option<&'static str> {
        Some("BACKUP STAGE END")
    }
}
