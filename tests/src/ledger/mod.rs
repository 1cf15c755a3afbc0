//! A write load whose rows can be audited afterwards.
//!
//! Each writer inserts rows numbered 1, 2, 3... one transaction a row, and nothing else writes in its GTID domain. So any
//! consistent copy of the database holds, of each writer, a prefix without holes, and the number of rows equals the
//! distance between the GTID at the start of the load and the GTID of the copy.

pub mod around;
pub mod audit;
pub mod beside;
pub mod gaps;
pub mod gtid;
pub mod recorded;
pub mod writers;

/// A table of numbered rows.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name in the database `ledger`.
    pub name: &'static str,
    /// Its storage engine, and that engine's options.
    pub engine: &'static str,
    /// The GTID domain of its writers, which nothing else writes in.
    pub domain: u32,
}

/// The main one, the commits of which are timed.
pub const ENTRIES: Table = Table {
    name: "entries",
    engine: "InnoDB",
    domain: 0,
};

impl Table {
    /// The statement that creates it.
    fn definition(&self) -> String {
        format!(
            "CREATE TABLE ledger.{} (writer INT NOT NULL, seq BIGINT NOT NULL, payload VARBINARY(255) NOT NULL, \
             PRIMARY KEY (writer, seq)) ENGINE={}",
            self.name, self.engine
        )
    }

    /// The statement that puts a row into it.
    fn insertion(&self) -> String {
        format!("INSERT INTO ledger.{} VALUES (?, ?, ?)", self.name)
    }
}
