//! Bugs of servers that spoil a lock without a word.

use crate::database::{DatabaseError, Flavour, Server};

/// A bug, and how to tell a server that has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bug {
    id: &'static str,
    afflicts: fn(&Server) -> bool,
    what: &'static str,
    remedy: &'static str,
}

/// Releases within a series of MariaDB: from this one, and before that one.
type Range = ((u16, u16, u16), (u16, u16, u16));

/// 10.4.14 let transactions into the binary log that `BLOCK_COMMIT` then kept from committing; fixed in 10.4.16 and
/// 10.5.7 (release notes).
pub(super) const MDEV_23586: Bug = Bug {
    id: "MDEV-23586",
    afflicts: |server| server.has_binlog() && is_in(server, &[((10, 4, 14), (10, 4, 16)), ((10, 5, 0), (10, 5, 7))]),
    what: "the position under the lock names transactions that aren't committed",
    remedy: "upgrade to MariaDB 10.4.16, 10.5.7 or later",
};

/// Galera's appliers don't ask for backup locks; since 10.4.21, 10.5.12 and 10.6.4 the node is paused instead.
pub(super) const MDEV_23080: Bug = Bug {
    id: "MDEV-23080",
    afflicts: |server| {
        let releases = [
            ((10, 4, 0), (10, 4, 21)),
            ((10, 5, 0), (10, 5, 12)),
            ((10, 6, 0), (10, 6, 4)),
        ];
        server.is_galera() && is_in(server, &releases)
    },
    what: "on a Galera node BACKUP STAGE doesn't stop what comes from the other nodes",
    remedy: "upgrade to MariaDB 10.4.21, 10.5.12, 10.6.4 or later",
};

/// Fixed by the releases of November 2023.
pub(super) const MDEV_32282: Bug = Bug {
    id: "MDEV-32282",
    afflicts: |server| {
        let releases = [
            ((10, 4, 0), (10, 4, 32)),
            ((10, 5, 0), (10, 5, 23)),
            ((10, 6, 0), (10, 6, 16)),
            ((10, 7, 0), (10, 10, 7)),
            ((10, 11, 0), (10, 11, 6)),
            ((11, 0, 0), (11, 0, 4)),
            ((11, 1, 0), (11, 1, 3)),
            ((11, 2, 0), (11, 2, 2)),
        ];
        server.is_galera() && is_in(server, &releases)
    },
    what: "a Galera node stays paused where two clients take FLUSH TABLES WITH READ LOCK in turns",
    remedy: "use lock.strategy = \"exact\", or upgrade to MariaDB 10.4.32, 10.5.23, 10.6.16, 10.11.6 or later",
};

/// Not fixed in any release known here. With the snapshot's own binary log recovery decides about those transactions, so
/// that who has it in the target and restores with it may go on.
pub(super) const MDEV_36025: Bug = Bug {
    id: "MDEV-36025",
    afflicts: |server| server.flavour == Flavour::MariaDb && server.replicates_optimistically(),
    what: "an optimistic parallel replica leaves transactions prepared under the lock, and a copy without the binary log \
           doesn't start with them",
    remedy: "set slave_parallel_mode = conservative, or use lock.strategy = \"online\"; where the binary log is in the \
             target and every restore starts with it",
};

/// Every bug that is looked for.
const ALL: [&Bug; 4] = [&MDEV_23586, &MDEV_23080, &MDEV_32282, &MDEV_36025];

/// The number of a bug that is looked for.
pub fn known_bug(id: &str) -> Option<&'static str> {
    ALL.iter().map(|bug| bug.id).find(|known| *known == id)
}

/// Fails if the server has one of these bugs, unless that one is allowed.
pub(super) fn refuse(bugs: &[Bug], server: &Server, allowed: &[&str]) -> Result<(), DatabaseError> {
    let mut bugs = bugs.iter().filter(|bug| !allowed.contains(&bug.id));
    match bugs.find(|bug| (bug.afflicts)(server)) {
        None => Ok(()),
        Some(bug) => Err(DatabaseError::KnownBug {
            version: server.version.clone(),
            id: bug.id,
            what: bug.what,
            remedy: bug.remedy,
        }),
    }
}

fn is_in(server: &Server, releases: &[Range]) -> bool {
    let number = server.number;
    server.flavour == Flavour::MariaDb && releases.iter().any(|(from, fixed)| *from <= number && number < *fixed)
}
