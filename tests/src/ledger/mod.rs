//! A write load whose rows can be audited afterwards.
//!
//! Each writer inserts rows numbered 1, 2, 3... one transaction a row, and nothing else writes. So any consistent
//! copy of the database holds, of each writer, a prefix without holes, and the number of rows equals the distance
//! between the GTID at the start of the load and the GTID of the copy.

pub mod around;
pub mod audit;
pub mod gaps;
pub mod writers;

/// Creates the table anew. Autocommit statements on one connection.
pub const SCHEMA: [&str; 3] = [
    "CREATE DATABASE IF NOT EXISTS ledger",
    "DROP TABLE IF EXISTS ledger.entries",
    "CREATE TABLE ledger.entries (writer INT NOT NULL, seq BIGINT NOT NULL, payload VARBINARY(255) NOT NULL, \
     PRIMARY KEY (writer, seq)) ENGINE=InnoDB",
];
