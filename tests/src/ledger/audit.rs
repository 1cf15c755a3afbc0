//! Whether a copy of the database is one that the load could have left behind. Pure but for the queries.

use mysql_async::{Conn, prelude::Queryable};
use serde::{Deserialize, Serialize};

use super::beside::{CHANGES, CHANGES_DOMAIN, CHANGING, TABLES};
use super::gtid::Gtid;
use super::recorded::Recorded;
use super::{ENTRIES, Table};

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// `gtid_binlog_pos` of the copy after its crash recovery.
    pub gtid: String,
    /// The tables of numbered rows that are there, the main one first.
    pub tables: Vec<Content>,
    /// Columns of the table that is created, changed and dropped; 0 where it isn't there.
    pub columns: u64,
    /// What CHECK TABLE says of that table; empty where it isn't there.
    pub changing: String,
}

/// What a table of numbered rows holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its name.
    pub table: String,
    /// The GTID domain that its rows were written in.
    pub domain: u32,
    /// Rows in all.
    pub rows: u64,
    /// Highest number of each writer that has any.
    pub highest: Vec<u64>,
    /// What CHECK TABLE says of the table: `OK` or its complaints.
    pub check: String,
}

impl Content {
    /// The check comes first: it is about the table as it was found.
    async fn of(conn: &mut Conn, table: &Table) -> Result<Self, mysql_async::Error> {
        let name = table.name;
        let check = check(conn, name).await?;
        let count = format!("SELECT COUNT(*) FROM ledger.{name}");
        let highest = format!("SELECT MAX(seq) FROM ledger.{name} GROUP BY writer ORDER BY writer");
        Ok(Self {
            table: name.to_owned(),
            domain: table.domain,
            rows: conn.query_first(count).await?.unwrap_or(0),
            highest: conn.query(highest).await?,
            check,
        })
    }

    fn complaints(&self, start: &Gtid, end: &Gtid) -> Vec<String> {
        let Self {
            table,
            domain,
            rows,
            highest,
            check,
        } = self;
        let mut wrong = Vec::new();
        if check != "OK" {
            wrong.push(format!("CHECK TABLE says {check:?} of {table}"));
        }
        let without_holes: u64 = highest.iter().sum();
        if without_holes != *rows {
            wrong.push(format!(
                "{table} has {rows} rows, but the writers' numbers go up to {without_holes} in all"
            ));
        }
        if end.since(start, *domain) != Some(*rows) {
            let (from, to) = (start.sequence(*domain), end.sequence(*domain));
            wrong.push(format!(
                "{table} has {rows} rows, but the GTID of domain {domain} went from {from} to {to}"
            ));
        }
        wrong
    }
}

/// All that CHECK TABLE answers, warnings too.
async fn check(conn: &mut Conn, name: &str) -> Result<String, mysql_async::Error> {
    let checked = format!("CHECK TABLE ledger.{name} EXTENDED");
    let answer: Vec<(String, String, String, String)> = conn.query(checked).await?;
    let texts: Vec<_> = answer.into_iter().map(|(_, _, _, text)| text).collect();
    Ok(texts.join("; "))
}

impl Audit {
    /// Reads a copy through `conn`.
    pub async fn of(conn: &mut Conn) -> Result<Self, mysql_async::Error> {
        let gtid = conn.query_first("SELECT @@gtid_binlog_pos").await?.unwrap_or_default();
        let there: Vec<String> = conn.query("SHOW TABLES FROM ledger").await?;
        let is_there = |name: &str| there.iter().any(|table| table == name);
        let mut tables = Vec::new();
        for table in [ENTRIES].iter().chain(&TABLES).filter(|table| is_there(table.name)) {
            tables.push(Content::of(conn, table).await?);
        }
        let (mut columns, mut changing) = (0, String::new());
        if is_there(CHANGING) {
            changing = check(conn, CHANGING).await?;
            let described: Vec<mysql_async::Row> = conn.query(format!("SHOW COLUMNS FROM ledger.{CHANGING}")).await?;
            columns = described.len() as u64;
        }
        Ok(Self {
            gtid,
            tables,
            columns,
            changing,
        })
    }

    /// Rows of the main table.
    pub fn rows(&self) -> u64 {
        let main = self.tables.iter().find(|content| content.table == ENTRIES.name);
        main.map_or(0, |content| content.rows)
    }

    /// Everything that is wrong with the copy, given the GTID at the load's start and what was recorded at the cut.
    pub fn complaints(&self, gtid_at_start: &str, recorded: &Recorded) -> Vec<String> {
        let (Some(start), Some(end)) = (Gtid::parse(gtid_at_start), Gtid::parse(&self.gtid)) else {
            return vec![format!("no GTIDs: {gtid_at_start:?} and {:?}", self.gtid)];
        };
        let tables = self.tables.iter();
        let mut wrong: Vec<_> = tables.flat_map(|content| content.complaints(&start, &end)).collect();
        if self.rows() == 0 {
            wrong.push("the main table is missing or empty".to_owned());
        }
        if !recorded.allows(&end) {
            wrong.push(format!("recovered to GTID {:?}, recorded was {recorded:?}", self.gtid));
        }
        wrong.extend(self.complaints_of_changes(&start, &end));
        wrong
    }

    fn complaints_of_changes(&self, start: &Gtid, end: &Gtid) -> Option<String> {
        let (columns, check) = (self.columns, &self.changing);
        let changes = end.since(start, CHANGES_DOMAIN);
        let is_good = changes.map(|changes| changes % CHANGES.len() as u64) == Some(columns);
        let is_sound = check == if columns == 0 { "" } else { "OK" };
        (!is_good || !is_sound)
            .then(|| format!("{CHANGING} has {columns} columns after {changes:?} changes, CHECK TABLE says {check:?}"))
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
