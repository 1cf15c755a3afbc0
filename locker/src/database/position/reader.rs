//! Which statements tell the position on this server, found out and tried before the lock.

use mysql_async::Row;

use super::answer::Question;
use super::{Position, log_status};
use crate::database::{DatabaseError, Flavour, Server, Session};

const DOING: &str = "reading the position";

/// Longest GTID set that a snapshot can carry, in bytes. A longer one is left out. Three of them fit into one message.
pub const MAX_GTID_BYTES: usize = 8 * mariasnap_dbus::limits::MAX_PROPERTY_VALUE_BYTES;

/// The one round trip that reads a [`Position`], put together before the lock.
#[derive(Debug)]
pub struct PositionReader {
    questions: Vec<Question>,
    statements: String,
}

/// A reader, and what it can't read.
type ReaderAndWarnings = (PositionReader, Vec<String>);

impl PositionReader {
    /// Finds out what there is to read, and tries it: a missing privilege shows here, not under the lock.
    pub async fn prepare(session: &mut Session, server: &Server) -> Result<ReaderAndWarnings, DatabaseError> {
        let (questions, mut warnings) = choose(session, server).await?;
        let statements: Vec<_> = questions.iter().map(|question| question.statement(server)).collect();
        let reader = Self {
            statements: statements.join("; "),
            questions,
        };
        let now = reader.read(session).await?;
        warnings.extend(too_long(&now));
        Ok((reader, warnings))
    }

    /// The statements, joined by `; `, to be sent in one packet. Each of them returns one result set.
    pub fn statements(&self) -> &str {
        &self.statements
    }

    /// How many result sets [`Self::statements`] returns.
    pub fn sets(&self) -> usize {
        self.questions.len()
    }

    /// Makes a position of the result sets of [`Self::statements`], taken in their order; further sets are left alone.
    pub fn parse(&self, sets: impl IntoIterator<Item = Vec<Row>>) -> Result<Position, DatabaseError> {
        let mut sets = sets.into_iter();
        let mut position = Position::default();
        for question in &self.questions {
            let rows = sets.next().unwrap_or_default();
            question
                .fill(&rows, &mut position)
                .map_err(|what| DatabaseError::Answer { doing: DOING, what })?;
        }
        Ok(position)
    }

    /// Reads it, in one round trip.
    pub async fn read(&self, session: &mut Session) -> Result<Position, DatabaseError> {
        let sets = session.rows(DOING, &self.statements).await?;
        self.parse(sets)
    }
}

/// One question where the server answers all of them at once, or else one for each thing that there is to know.
async fn choose(session: &mut Session, server: &Server) -> Result<(Vec<Question>, Vec<String>), DatabaseError> {
    let mut warnings = Vec::new();
    if server.has_log_status() {
        match log_status::try_it(session).await? {
            None => return Ok((vec![Question::LogStatus], warnings)),
            Some(why) => warnings.push(why),
        }
    }
    let mut questions = vec![Question::Gtids(gtids(server))];
    if server.has_binlog() {
        questions.push(Question::Binlog);
    }
    let (is_replica, warning) = probe_replica(session, server).await?;
    warnings.extend(warning);
    if is_replica {
        questions.push(Question::Replica);
    }
    if server.is_galera() {
        questions.push(Question::Galera);
    }
    Ok((questions, warnings))
}

fn gtids(server: &Server) -> &'static str {
    match server.flavour {
        Flavour::MariaDb if server.has("gtid_binlog_pos") => {
            "SELECT CONNECTION_ID(), @@gtid_binlog_pos, @@gtid_current_pos, @@gtid_slave_pos"
        }
        Flavour::MySql if server.has("gtid_executed") => "SELECT CONNECTION_ID(), @@GLOBAL.gtid_executed, '', ''",
        _ => "SELECT CONNECTION_ID(), '', '', ''",
    }
}

/// Whether there are sources whose executed positions can be read. A missing privilege is a warning.
async fn probe_replica(session: &mut Session, server: &Server) -> Result<(bool, Option<String>), DatabaseError> {
    let asked = session
        .rows("asking for the replica's status", server.replica_status_statement())
        .await;
    match asked {
        Ok(sets) => Ok((sets.first().is_some_and(|rows| !rows.is_empty()), None)),
        Err(error) if error.is_denied() => {
            let warning = server.has_replicated().then(|| {
                format!("the sources' executed positions aren't recorded: {error}; grant REPLICA MONITOR for it")
            });
            Ok((false, warning))
        }
        Err(error) => Err(error),
    }
}

fn too_long(now: &Position) -> impl Iterator<Item = String> {
    let sets = [
        ("gtid", now.gtid.len()),
        ("gtid-current", now.gtid_current.len()),
        ("gtid-slave", now.gtid_slave.len()),
    ];
    let long = sets.into_iter().filter(|(_, bytes)| *bytes > MAX_GTID_BYTES);
    long.map(|(name, bytes)| {
        format!("{name} isn't recorded: it has {bytes} bytes, and a snapshot can carry {MAX_GTID_BYTES}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_a_snapshot_cannot_carry_is_named() {
        let now = |bytes| Position {
            gtid_slave: "x".repeat(bytes),
            ..Position::default()
        };
        assert_eq!(too_long(&now(MAX_GTID_BYTES)).count(), 0);
        let warnings: Vec<_> = too_long(&now(MAX_GTID_BYTES + 1)).collect();
        assert!(
            matches!(warnings.as_slice(), [one] if one.starts_with("gtid-slave ")),
            "{warnings:?}"
        );
    }
}
