//! What else is written beside the main table's rows: tables that don't survive a crash, and definitions. Each in a
//! GTID domain of its own, so that the other domains still count rows.

use std::time::Duration;

use mysql_async::{Conn, prelude::Queryable};
use tokio::time::sleep;

use super::Table;
use super::writers::Progress;

/// Tables with a writer each. A crash-safe Aria table isn't among them: its rows recover by Aria's own log, which may
/// differ by a statement from the binary log.
pub const TABLES: [Table; 2] = [
    Table {
        name: "in_myisam",
        engine: "MyISAM",
        domain: 1,
    },
    Table {
        name: "in_aria",
        engine: "Aria TRANSACTIONAL=0",
        domain: 2,
    },
];

/// The GTID domain of [`CHANGES`].
pub const CHANGES_DOMAIN: u32 = 3;
/// The table that [`CHANGES`] are about.
pub const CHANGING: &str = "changing";
/// Run over and over. After `n` of them the table has `n` modulo their number of columns, none being no table at all.
pub const CHANGES: [&str; 3] = [
    "CREATE TABLE ledger.changing (a INT PRIMARY KEY) ENGINE=InnoDB",
    "ALTER TABLE ledger.changing ADD COLUMN b INT, ALGORITHM=COPY",
    "DROP TABLE ledger.changing",
];

/// Between two writes, so that the main table's writers have the processors for most of the time.
const PAUSE: Duration = Duration::from_millis(3);

/// Puts numbered rows into one of [`TABLES`] until told to stop.
pub(super) async fn fill(mut conn: Conn, table: Table, progress: Progress) {
    let statement = table.insertion();
    let payload = "x".repeat(200);
    for seq in 1u64.. {
        if progress.is_over() {
            break;
        }
        if let Err(error) = conn.exec_drop(&statement, (0, seq, &payload)).await {
            progress.failed(format!("{}, row {seq}: {error}", table.name));
            break;
        }
        sleep(PAUSE).await;
    }
}

/// Runs [`CHANGES`] until told to stop.
pub(super) async fn change(mut conn: Conn, progress: Progress) {
    for statement in CHANGES.iter().cycle() {
        if progress.is_over() {
            break;
        }
        if let Err(error) = conn.query_drop(*statement).await {
            progress.failed(format!("{statement}: {error}"));
            break;
        }
        sleep(PAUSE).await;
    }
}
