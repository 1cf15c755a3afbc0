//! MySQL's `performance_schema.log_status`: binary log, GTIDs, channels and InnoDB's log at one moment.

use mysql_async::Row;
use serde::Deserialize;

use super::{Position, SourcePosition};
use crate::database::{DatabaseError, Session};

/// The server stops all its logs while it answers, so what it says belongs together.
pub(super) const STATEMENT: &str =
    "SELECT CONNECTION_ID(), LOCAL, REPLICATION, STORAGE_ENGINES FROM performance_schema.log_status";

/// What is lost without it, and what to do.
const WITHOUT: &str = "the position is read without performance_schema.log_status, so InnoDB's log sequence number \
    isn't recorded";

/// Tries it. Returns a warning where the server refuses.
pub(super) async fn try_it(session: &mut Session) -> Result<Option<String>, DatabaseError> {
    match session.rows("reading performance_schema.log_status", STATEMENT).await {
        Ok(_) => Ok(None),
        Err(error) if error.is_denied() => Ok(Some(format!(
            "{WITHOUT}: {error}; grant BACKUP_ADMIN, and SELECT on that table"
        ))),
        // Another refusal, as where the performance schema is off.
        Err(error) if error.code().is_some() => Ok(Some(format!("{WITHOUT}: {error}"))),
        Err(error) => Err(error),
    }
}

/// Puts the answer into the position, or says what it lacks.
pub(super) fn fill(row: &Row, position: &mut Position) -> Result<(), &'static str> {
    let column = |at| row.get_opt::<String, _>(at).and_then(Result::ok);
    position.connection_id = row.get(0).ok_or("the connection's id")?;
    let local: Local = parse(column(1)).ok_or("the local log's status")?;
    let replication: Replication = parse(column(2)).ok_or("the channels' status")?;
    let engines: Engines = parse(column(3)).ok_or("the storage engines' status")?;

    position.gtid = local.gtid_executed.replace('\n', "");
    position.binlog = Some((local.binary_log_file, local.binary_log_position)).filter(|(file, _)| !file.is_empty());
    let sources = replication
        .channels
        .into_iter()
        .filter(|channel| !channel.relay_master_log_file.is_empty());
    position.sources = sources.map(SourcePosition::from).collect();
    position.innodb_lsn = engines.innodb.map(|innodb| innodb.lsn);
    Ok(())
}

fn parse<T: for<'a> Deserialize<'a>>(json: Option<String>) -> Option<T> {
    serde_json::from_str(&json?).ok()
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
    #[serde(default)]
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    channel_name: String,
    #[serde(default)]
    relay_master_log_file: String,
    #[serde(default)]
    exec_master_log_position: u64,
}

impl From<Channel> for SourcePosition {
    fn from(channel: Channel) -> Self {
        Self {
            channel: channel.channel_name,
            file: channel.relay_master_log_file,
            offset: channel.exec_master_log_position,
        }
    }
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
