//! The questions, and what their answers say.

use mysql_async::Row;

use super::{Position, SourcePosition, log_status};
use crate::database::Server;

/// One statement whose result set tells part of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// The connection's id and the GTIDs, by this statement.
    Gtids(&'static str),
    /// The binary log's file and offset.
    Binlog,
    /// What was executed of each source's log.
    Sources,
    /// Galera's last committed write set.
    Galera,
    /// MySQL's one answer for the connection's id, GTIDs, binary log and InnoDB's log.
    LogStatus,
}

const SOURCE_CHANNEL: [&str; 2] = ["Connection_name", "Channel_Name"];
const SOURCE_FILE: [&str; 2] = ["Relay_Master_Log_File", "Relay_Source_Log_File"];
const SOURCE_OFFSET: [&str; 2] = ["Exec_Master_Log_Pos", "Exec_Source_Log_Pos"];

/// What it calls the state of a node that belongs to no cluster.
const NO_CLUSTER: &str = "00000000-0000-0000-0000-000000000000";

impl Question {
    pub(super) fn statement(self, server: &Server) -> &'static str {
        match self {
            Self::Gtids(statement) => statement,
            Self::Binlog => server.binlog_status_statement(),
            Self::Sources => server.replica_status_statement(),
            // Of all that begins so, the state's uuid and the last committed number are wanted.
            Self::Galera => "SHOW GLOBAL STATUS LIKE 'wsrep_l%'",
            Self::LogStatus => log_status::STATEMENT,
        }
    }

    /// Puts the answer into the position, or says what it lacks.
    pub(super) fn fill(self, rows: &[Row], position: &mut Position) -> Result<(), &'static str> {
        match self {
            Self::Gtids(_) => gtids(rows.first().ok_or("GTIDs")?, position).ok_or("the connection's id")?,
            Self::Binlog => {
                let binlog = rows
                    .first()
                    .and_then(|row| file_and_offset(row, &["File"], &["Position"]));
                position.binlog = Some(binlog.ok_or("the binary log's position")?);
            }
            Self::Sources => position.sources = rows.iter().filter_map(source).collect(),
            Self::Galera => position.galera = galera(rows),
            Self::LogStatus => log_status::fill(rows.first().ok_or("log_status")?, position)?,
        }
        Ok(())
    }
}

fn gtids(row: &Row, position: &mut Position) -> Option<()> {
    // MySQL breaks a long set into lines.
    let text = |at| {
        Some(
            row.get_opt::<Option<String>, _>(at)?
                .ok()?
                .unwrap_or_default()
                .replace('\n', ""),
        )
    };
    position.connection_id = row.get(0)?;
    position.gtid = text(1)?;
    position.gtid_current = text(2)?;
    position.gtid_slave = text(3)?;
    Some(())
}

/// None for a source of which nothing was executed yet.
fn source(row: &Row) -> Option<SourcePosition> {
    let (file, offset) = file_and_offset(row, &SOURCE_FILE, &SOURCE_OFFSET)?;
    let channel = SOURCE_CHANNEL
        .iter()
        .find_map(|name| text(row, name))
        .unwrap_or_default();
    (!file.is_empty()).then_some(SourcePosition { channel, file, offset })
}

fn galera(rows: &[Row]) -> Option<String> {
    let value = |name: &str| {
        let mut pairs = rows
            .iter()
            .filter_map(|row| Some((row.get::<String, _>(0)?, row.get::<String, _>(1)?)));
        pairs.find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    };
    let uuid = value("wsrep_local_state_uuid").filter(|uuid| uuid != NO_CLUSTER)?;
    Some(format!("{uuid}:{}", value("wsrep_last_committed")?))
}

fn file_and_offset(row: &Row, file: &[&str], offset: &[&str]) -> Option<(String, u64)> {
    let file = file.iter().find_map(|name| text(row, name))?;
    let offset = offset.iter().find_map(|name| row.get_opt::<u64, _>(*name)?.ok())?;
    Some((file, offset))
}

/// A column that may be missing or NULL.
fn text(row: &Row, column: &str) -> Option<String> {
    row.get_opt::<String, _>(column)?.ok()
}
