//! Where the server stands: binary log, GTIDs, the sources' logs on a replica, Galera's state, InnoDB's log.

mod answer;
mod log_status;
mod reader;

use std::fmt;

pub use reader::{MAX_GTID_BYTES, PositionReader};

/// A point in the server's history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// The connection that read it.
    pub connection_id: u64,
    /// Binary log and byte offset; none where the binary log is off.
    pub binlog: Option<(String, u64)>,
    /// `gtid_binlog_pos`, or `gtid_executed` on MySQL; empty without GTIDs.
    pub gtid: String,
    /// `gtid_current_pos` on MariaDB.
    pub gtid_current: String,
    /// `gtid_slave_pos` on MariaDB.
    pub gtid_slave: String,
    /// What a replica has executed of each of its sources' binary logs; empty on a server that isn't one.
    pub sources: Vec<SourcePosition>,
    /// Galera's `uuid:seqno` of the last committed write set; none outside a cluster.
    pub galera: Option<String>,
    /// InnoDB's log sequence number, in bytes; none where the server doesn't tell it together with the rest.
    pub innodb_lsn: Option<u64>,
}

/// How far a replica has executed one source's binary log. What it has only read doesn't count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePosition {
    /// The replication channel (MariaDB: connection); empty for the one without a name.
    pub channel: String,
    /// The source's binary log.
    pub file: String,
    /// Byte offset in it.
    pub offset: u64,
}

impl Position {
    /// Whether nothing was committed or logged between the two readings. InnoDB's log is left out, because its own
    /// housekeeping writes to it under any lock, and so is what a replica counts; see [`Self::settled_by`]. What it logs
    /// itself is not.
    pub fn is_unmoved_since(&self, before: &Self) -> bool {
        let is_replica = self.is_replicas();
        let own = |position: &Self| {
            let mut own = Self {
                connection_id: 0,
                sources: Vec::new(),
                innodb_lsn: None,
                ..position.clone()
            };
            if is_replica {
                own.gtid_slave.clear();
                own.gtid_current.clear();
            }
            own
        };
        own(self) == own(before)
    }

    /// Whether the server has replicated from another.
    pub fn is_replicas(&self) -> bool {
        !self.sources.is_empty() || !self.gtid_slave.is_empty()
    }

    /// This reading, with a replica's counters as a later one under the same lock tells them.
    ///
    /// A replica commits, which lets the lock in, and only then counts what it committed: one reading in five, taken at
    /// once on a busy replica (10.11), was one transaction behind the data. Nothing else can move them under the lock.
    #[must_use]
    pub fn settled_by(self, later: Self) -> Self {
        Self {
            gtid_current: later.gtid_current,
            gtid_slave: later.gtid_slave,
            sources: later.sources,
            ..self
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.binlog {
            Some((file, offset)) => write!(f, "{file}:{offset}")?,
            None => f.write_str("(no binary log)")?,
        }
        let galera = self.galera.clone().unwrap_or_default();
        for (name, value) in [
            ("gtid", &self.gtid),
            ("current", &self.gtid_current),
            ("slave", &self.gtid_slave),
            ("galera", &galera),
        ] {
            if !value.is_empty() {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position {
            connection_id: 7,
            binlog: Some(("b.000001".to_owned(), 4)),
            gtid: "0-1-5".to_owned(),
            galera: Some("u:5".to_owned()),
            ..Position::default()
        }
    }

    #[test]
    fn what_a_replica_counts_late_is_no_movement() {
        let source = SourcePosition {
            channel: String::new(),
            file: "s.000002".to_owned(),
            offset: 4,
        };
        let later = Position {
            connection_id: 8,
            sources: vec![source],
            innodb_lsn: Some(9),
            gtid_current: "0-1-5".to_owned(),
            gtid_slave: "0-1-5".to_owned(),
            ..position()
        };
        assert!(later.is_unmoved_since(&position()));
        assert_eq!(
            position().settled_by(later.clone()),
            Position {
                connection_id: 7,
                innodb_lsn: None,
                ..later
            }
        );
    }

    #[test]
    fn each_of_the_servers_own_counters_is_one() {
        let moved = [
            Position {
                binlog: Some(("b.000002".to_owned(), 4)),
                ..position()
            },
            Position {
                gtid: "0-1-6".to_owned(),
                ..position()
            },
            Position {
                gtid_current: "0-1-6".to_owned(),
                ..position()
            },
            Position {
                galera: Some("u:6".to_owned()),
                ..position()
            },
        ];
        for moved in moved {
            assert!(!moved.is_unmoved_since(&position()), "{moved}");
        }
    }
}
