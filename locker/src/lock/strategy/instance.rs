//! `LOCK INSTANCE FOR BACKUP`, under which only DDL waits, then `FLUSH TABLES WITH READ LOCK` for the cut.
//!
//! On MySQL (9.7) either flush marks a table that a long statement reads, and who opens it then waits for that statement's
//! end, even once the flush is killed: no retreat frees those, so long statements are to be looked for before.

use super::{Proof, Strategy};
use crate::database::{Flavour, Server};

/// See the module.
#[derive(Debug)]
pub(super) struct Instance;

impl Strategy for Instance {
    fn name(&self) -> &'static str {
        "instance"
    }

    fn lacks(&self, server: &Server) -> Option<&'static str> {
        let has = server.flavour == Flavour::MySql && server.number >= (8, 0, 0);
        (!has).then_some("has no LOCK INSTANCE FOR BACKUP, which lock.strategy = \"instance\" needs; use \"auto\"")
    }

    fn gentle(&self) -> &'static [&'static str] {
        &["LOCK INSTANCE FOR BACKUP", "FLUSH NO_WRITE_TO_BINLOG TABLES"]
    }

    fn hard(&self) -> Option<&'static str> {
        Some("FLUSH TABLES WITH READ LOCK")
    }

    fn stops_commits(&self) -> bool {
        true
    }

    /// MySQL refuses the holder nothing that is harmless where the lock is gone.
    fn proof(&self, _: &Server) -> Proof {
        Proof::Identity
    }

    fn release(&self) -> Option<&'static str> {
        Some("UNLOCK TABLES; UNLOCK INSTANCE")
    }
}
