//! Which statements tell the position on this server, found out and tried before the lock.

use mysql_async::Row;

use super::Position;
use super::answer::Question;
use super::log_status::{self, Tried};
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

/// One question for each thing that there is to know, or for several of them where the server answers them together.
async fn choose(session: &mut Session, server: &Server) -> Result<(Vec<Question>, Vec<String>), DatabaseError> {
    let (mut questions, mut warnings) = (Vec::new(), Vec::new());
    let mut is_replica = server.has_replicated();
    if server.has_log_status() {
        match log_status::try_it(session).await? {
            Tried::Refused(why) => warnings.push(why),
            Tried::Works { is_replica: does } => {
                questions.push(Question::LogStatus);
                is_replica |= does;
            }
        }
    }
    if questions.is_empty() {
        questions.push(Question::Gtids(gtids(server)));
        questions.extend(server.has_binlog().then_some(Question::Binlog));
    }
    let (tells, warning) = probe_sources(session, server, is_replica).await?;
    warnings.extend(warning);
    questions.extend(tells.then_some(Question::Sources));
    questions.extend(server.is_galera().then_some(Question::Galera));
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

/// Whether there are sources whose executed positions can be read. A missing privilege is a warning on a replica.
async fn probe_sources(
    session: &mut Session,
    server: &Server,
    is_replica: bool,
) -> Result<(bool, Option<String>), DatabaseError> {
    let statement = server.replica_status_statement();
    match session.rows("asking for the replica's status", statement).await {
        Ok(sets) => Ok((sets.first().is_some_and(|rows| !rows.is_empty()), None)),
        Err(error) if error.is_denied() => {
            let privilege = match server.flavour {
                Flavour::MariaDb => "REPLICA MONITOR",
                Flavour::MySql => "REPLICATION CLIENT",
            };
            let warning =
                || format!("the sources' executed positions aren't recorded: {error}; grant {privilege} for it");
            Ok((false, is_replica.then(warning)))
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
