//! Whether a copy of the database is one that the load could have left behind. Pure but for the queries.

use mysql_async::{Conn, prelude::Queryable};
use serde::{Deserialize, Serialize};

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// `gtid_binlog_pos` of the copy after its crash recovery.
    pub gtid: String,
    /// Rows in all.
    pub rows: u64,
    /// Highest number of each writer that has any.
    pub highest: Vec<u64>,
    /// What CHECK TABLE says of the table: `OK` or its complaint.
    pub check: String,
}

impl Audit {
    /// Reads a copy through `conn`.
    pub async fn of(conn: &mut Conn) -> Result<Self, mysql_async::Error> {
        let gtid = conn.query_first("SELECT @@gtid_binlog_pos").await?.unwrap_or_default();
        let rows = conn
            .query_first("SELECT COUNT(*) FROM ledger.entries")
            .await?
            .unwrap_or(0);
        let highest = conn
            .query("SELECT MAX(seq) FROM ledger.entries GROUP BY writer ORDER BY writer")
            .await?;
        let check: Option<(String, String, String, String)> =
            conn.query_first("CHECK TABLE ledger.entries EXTENDED").await?;
        let check = check.map_or_else(|| "no answer".to_owned(), |(_, _, _, text)| text);
        Ok(Self {
            gtid,
            rows,
            highest,
            check,
        })
    }

    /// Everything that is wrong with the copy, given the GTID at the load's start and the one recorded at the cut.
    pub fn complaints(&self, gtid_at_start: &str, gtid_recorded: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.check != "OK" {
            wrong.push(format!("CHECK TABLE says {:?}", self.check));
        }
        let without_holes: u64 = self.highest.iter().sum();
        if without_holes != self.rows {
            wrong.push(format!(
                "{} rows, but the writers' numbers go up to {without_holes} in all",
                self.rows
            ));
        }
        if self.gtid != gtid_recorded {
            wrong.push(format!(
                "recovered to GTID {:?}, recorded was {gtid_recorded:?}",
                self.gtid
            ));
        }
        match (sequence(gtid_at_start), sequence(&self.gtid)) {
            (Some(start), Some(end)) if end.checked_sub(start) == Some(self.rows) => {}
            _ => wrong.push(format!(
                "{} rows, but the GTID went from {gtid_at_start:?} to {:?}",
                self.rows, self.gtid
            )),
        }
        wrong
    }
}

/// The sequence number of a GTID position of a single domain.
pub fn sequence(gtid: &str) -> Option<u64> {
    gtid.rsplit('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Audit {
        Audit {
            gtid: "0-1-110".into(),
            rows: 100,
            highest: vec![60, 40],
            check: "OK".into(),
        }
    }

    #[test]
    fn a_good_copy_has_no_complaints() {
        assert_eq!(good().complaints("0-1-10", "0-1-110"), Vec::<String>::new());
    }

    #[test]
    fn each_defect_is_seen() {
        let mut hole = good();
        hole.highest = vec![61, 40];
        assert!(!hole.complaints("0-1-10", "0-1-110").is_empty());
        assert!(!good().complaints("0-1-11", "0-1-110").is_empty(), "a row too many");
        assert!(!good().complaints("0-1-10", "0-1-111").is_empty(), "another position");
        let mut broken = good();
        broken.check = "Corrupt".into();
        assert!(!broken.complaints("0-1-10", "0-1-110").is_empty());
    }
}
