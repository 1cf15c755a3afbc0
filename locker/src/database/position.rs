//! Where the server stands: binary log, GTIDs, and the source's log on a replica.

use std::fmt;

use mysql_async::Row;

use super::{DatabaseError, Flavour, Server, Session};

const DOING: &str = "reading the position";

/// A point in the server's history.
#[derive(Debug, Clone, Default)]
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
    /// The source's binary log and offset that this replica has executed; none unless it has exactly one source.
    pub source: Option<(String, u64)>,
}

impl Position {
    /// Whether nothing was committed or logged between the two readings. The source's log is left out: what a
    /// replica reads there may move on, by a rotation for instance, while none of it is executed.
    pub fn is_unmoved_since(&self, before: &Self) -> bool {
        let own = |position: &Self| {
            let Self {
                binlog,
                gtid,
                gtid_current,
                gtid_slave,
                ..
            } = position.clone();
            (binlog, gtid, gtid_current, gtid_slave)
        };
        own(self) == own(before)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.binlog {
            Some((file, offset)) => write!(f, "{file}:{offset}")?,
            None => f.write_str("(no binary log)")?,
        }
        for (name, gtid) in [
            ("gtid", &self.gtid),
            ("current", &self.gtid_current),
            ("slave", &self.gtid_slave),
        ] {
            if !gtid.is_empty() {
                write!(f, " {name}={gtid}")?;
            }
        }
        Ok(())
    }
}

/// The one round trip that reads a [`Position`], put together before the lock.
#[derive(Debug)]
pub struct PositionReader {
    statements: String,
    with_binlog: bool,
    with_replica: bool,
}

/// A reader, and what it can't read.
type ReaderAndWarnings = (PositionReader, Vec<String>);

impl PositionReader {
    /// Finds out what there is to read, and tries it: a missing privilege shows here, not under the lock.
    pub async fn prepare(session: &mut Session, server: &Server) -> Result<ReaderAndWarnings, DatabaseError> {
        let (with_replica, warnings) = probe_replica(session, server).await?;
        let mut statements = vec![select(server)];
        if server.has_binlog() {
            statements.push(server.binlog_status_statement());
        }
        if with_replica {
            statements.push(server.replica_status_statement());
        }
        let reader = Self {
            statements: statements.join("; "),
            with_binlog: server.has_binlog(),
            with_replica,
        };
        reader.read(session).await?;
        Ok((reader, warnings))
    }

    /// Reads it, in one round trip.
    pub async fn read(&self, session: &mut Session) -> Result<Position, DatabaseError> {
        let sets = session.rows(DOING, &self.statements).await?;
        self.interpret(sets)
    }

    /// The statements of [`Self::read`], to be sent with others in one round trip.
    pub fn statements(&self) -> &str {
        &self.statements
    }

    /// What those statements answered; sets after theirs are left alone.
    pub fn interpret(&self, sets: Vec<Vec<Row>>) -> Result<Position, DatabaseError> {
        let mut sets = sets.into_iter();
        let first = |set: Option<Vec<Row>>| set.and_then(|rows| rows.into_iter().next());
        let missing = |what| DatabaseError::Answer { doing: DOING, what };

        let row = first(sets.next()).ok_or_else(|| missing("GTIDs"))?;
        let mut position = from_select(&row).ok_or_else(|| missing("the connection's id"))?;
        if self.with_binlog {
            let row = first(sets.next()).ok_or_else(|| missing("the binary log's position"))?;
            let binlog = file_and_offset(&row, &["File"], &["Position"]);
            position.binlog = Some(binlog.ok_or_else(|| missing("the binary log's position"))?);
        }
        if self.with_replica {
            let row = first(sets.next()).ok_or_else(|| missing("the replica's status"))?;
            position.source = file_and_offset(&row, &SOURCE_FILE, &SOURCE_POSITION);
        }
        Ok(position)
    }
}

const SOURCE_FILE: [&str; 2] = ["Relay_Master_Log_File", "Relay_Source_Log_File"];
const SOURCE_POSITION: [&str; 2] = ["Exec_Master_Log_Pos", "Exec_Source_Log_Pos"];

fn select(server: &Server) -> &'static str {
    match server.flavour {
        Flavour::MariaDb if server.has("gtid_binlog_pos") => {
            "SELECT CONNECTION_ID(), @@gtid_binlog_pos, @@gtid_current_pos, @@gtid_slave_pos"
        }
        Flavour::MySql if server.has("gtid_executed") => "SELECT CONNECTION_ID(), @@GLOBAL.gtid_executed, '', ''",
        _ => "SELECT CONNECTION_ID(), '', '', ''",
    }
}

fn from_select(row: &Row) -> Option<Position> {
    // MySQL breaks a long set into lines.
    let text = |at| Some(row.get::<Option<String>, _>(at)?.unwrap_or_default().replace('\n', ""));
    Some(Position {
        connection_id: row.get(0)?,
        gtid: text(1)?,
        gtid_current: text(2)?,
        gtid_slave: text(3)?,
        ..Position::default()
    })
}

/// Whether there is exactly one source whose executed position can be read. A missing privilege is a warning.
async fn probe_replica(session: &mut Session, server: &Server) -> Result<(bool, Vec<String>), DatabaseError> {
    let asked = session
        .rows("asking for the replica's status", server.replica_status_statement())
        .await;
    match asked {
        Ok(sets) => match sets.first().map_or(0, Vec::len) {
            0 => Ok((false, Vec::new())),
            1 => Ok((true, Vec::new())),
            many => Ok((
                false,
                vec![format!(
                    "{many} replication sources: only their GTIDs are recorded, no file and position"
                )],
            )),
        },
        Err(error) if error.is_denied() && server.has_replicated() => Ok((
            false,
            vec![format!(
                "the source's executed position isn't recorded: {error}; grant REPLICA MONITOR for it"
            )],
        )),
        Err(error) if error.is_denied() => Ok((false, Vec::new())),
        Err(error) => Err(error),
    }
}

fn file_and_offset(row: &Row, file: &[&str], offset: &[&str]) -> Option<(String, u64)> {
    let file = file.iter().find_map(|name| row.get::<String, _>(*name))?;
    let offset = offset.iter().find_map(|name| row.get::<u64, _>(*name))?;
    Some((file, offset))
}
