//! MySQL's `performance_schema.log_status`: binary log, GTIDs and InnoDB's log at one moment.

use mysql_async::Row;
use serde::Deserialize;

use super::Position;
use crate::database::{DatabaseError, Session};

/// The server stops all its logs while it answers, so what it says belongs together. Of a replica's channels it tells
/// the relay logs, which mean nothing to anybody else; the sources' logs have to be asked for apart.
pub(super) const STATEMENT: &str =
    "SELECT CONNECTION_ID(), LOCAL, STORAGE_ENGINES, REPLICATION FROM performance_schema.log_status";

/// What is lost without it.
const WITHOUT: &str =
    "InnoDB's log sequence number isn't recorded, because performance_schema.log_status can't be read";

/// What came of trying it.
pub(super) enum Tried {
    /// It works, and the server is a replica or isn't.
    Works { is_replica: bool },
    /// The server refuses; this says so.
    Refused(String),
}

pub(super) async fn try_it(session: &mut Session) -> Result<Tried, DatabaseError> {
    match session.rows("reading performance_schema.log_status", STATEMENT).await {
        Ok(sets) => {
            let row = sets.first().and_then(|rows| rows.first());
            let channels: Option<Replication> = row.and_then(|row| column(row, 3));
            let is_replica = channels.is_some_and(|replication| !replication.channels.is_empty());
            Ok(Tried::Works { is_replica })
        }
        Err(error) if error.is_denied() => Ok(Tried::Refused(format!(
            "{WITHOUT}: {error}; grant BACKUP_ADMIN on *.* and SELECT on that table for it"
        ))),
        // Another refusal, as where the performance schema is off.
        Err(error) if error.code().is_some() => Ok(Tried::Refused(format!("{WITHOUT}: {error}"))),
        Err(error) => Err(error),
    }
}

/// Puts the answer into the position, or says what it lacks.
pub(super) fn fill(row: &Row, position: &mut Position) -> Result<(), &'static str> {
    position.connection_id = row.get(0).ok_or("the connection's id")?;
    let local: Local = column(row, 1).ok_or("the binary log's status")?;
    let engines: Engines = column(row, 2).ok_or("the storage engines' status")?;
    position.gtid = local.gtid_executed.replace('\n', "");
    position.binlog = Some((local.binary_log_file, local.binary_log_position)).filter(|(file, _)| !file.is_empty());
    position.innodb_lsn = engines.innodb.map(|innodb| innodb.lsn);
    Ok(())
}

fn column<T: for<'a> Deserialize<'a>>(row: &Row, at: usize) -> Option<T> {
    let json = row.get_opt::<String, _>(at)?.ok()?;
    serde_json::from_str(&json).ok()
}

#[derive(Deserialize)]
struct Local {
    #[serde(default)]
    gtid_executed: String,
    #[serde(default)]
    binary_log_file: String,
    #[serde(default)]
    binary_log_position: u64,
}

#[derive(Deserialize)]
struct Replication {
    channels: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Engines {
    #[serde(rename = "InnoDB")]
    innodb: Option<InnoDb>,
}

#[derive(Deserialize)]
struct InnoDb {
    #[serde(rename = "LSN")]
    lsn: u64,
}
