//! All that is decided and put together before the lock.

use mysql_async::Row;

use super::Kind;
use super::strategy::{Counter, Proof};
use crate::config::{Database, LockSettings, Settings};
use crate::database::{DatabaseError, Position, PositionReader, Server, tighten};

/// `FLUSH ENGINE LOGS` is written to the binary log even at BLOCK_COMMIT unless it says not to (10.11), which would
/// move the position that is about to be recorded.
const FLUSH_ENGINE_LOGS: &str = "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS";

const READ_POSITION: &str = "reading the position";

/// What is read under the lock.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) position: Position,
    /// The lock's counter, where it has one.
    pub(super) count: Option<String>,
}

/// Which lock, within which bounds, by which statements.
#[derive(Debug)]
pub struct Plan {
    pub(super) kind: Kind,
    pub(super) bounds: LockSettings,
    /// The server that it was made for.
    pub(super) server: Server,
    /// How to reach it again: for another attempt, and to make sure that a lost connection is gone there too.
    pub(super) database: Database,
    pub(super) reader: PositionReader,
    pub(super) proof: Proof,
    pub(super) counter: Option<Counter>,
    /// One round trip: locks, and unless `look` does, reads counter and position.
    pub(super) lock: String,
    /// What the statements of `lock` before the reading are called.
    pub(super) steps: Vec<&'static str>,
    /// One round trip beside the cut: reads counter and position, where commits stand still and the unlock proves that
    /// they did from the lock on, whatever was read when. Empty where `lock` reads them.
    pub(super) look: String,
    /// One round trip: only the reading, for a hold that lasts.
    pub(super) again: String,
    /// One round trip: reads counter and position again, and unlocks or asks whether the lock is still held.
    pub(super) end: String,
}

impl Plan {
    /// Puts the statements together.
    pub fn new(kind: Kind, settings: &Settings, server: Server, reader: PositionReader) -> Self {
        let strategy = kind.strategy();
        let proof = strategy.proof(&server);
        // Where commits go on, a flush would only say what was on disk a moment ago.
        let flush = (strategy.stops_commits() && !server.logs_commits_at_once()).then_some(FLUSH_ENGINE_LOGS);
        let counter = strategy.uncovered();
        let count = counter.map(|counter| counter.statement);
        let steps: Vec<_> = strategy.hard().into_iter().chain(flush).collect();
        let reading = || count.into_iter().chain([reader.statements()]);
        let tightened = strategy
            .hard()
            .map(|_| tighten(settings.lock.max_hold, settings.lock.max_hold.get()));
        let look = join(reading().chain(tightened.as_deref()));
        let (lock, look) = match strategy.stops_commits() && proof == Proof::Release {
            true => (join(steps.iter().copied()), look),
            false => (join(steps.iter().copied().chain([look.as_str()])), String::new()),
        };
        let last = match proof {
            Proof::Release => strategy.release(),
            Proof::Question { statement, .. } => Some(statement),
            Proof::Identity => None,
        };
        Self {
            again: join(reading()),
            end: join(reading().chain(last)),
            lock,
            steps,
            look,
            proof,
            counter,
            kind,
            bounds: settings.lock.clone(),
            server,
            database: settings.database.clone(),
            reader,
        }
    }

    /// What the statement of `lock` is called that comes after `answered` others.
    pub(super) fn step(&self, answered: usize) -> &'static str {
        self.steps.get(answered).copied().unwrap_or(READ_POSITION)
    }

    /// Counter and position out of what was answered from the counter's statement on.
    pub(super) fn interpret(&self, mut sets: Vec<Vec<Row>>) -> Result<Reading, DatabaseError> {
        let rest = sets.split_off(usize::from(self.counter.is_some()).min(sets.len()));
        let count = sets.first().and_then(|rows| rows.first()?.get::<String, _>(1));
        let position = self.reader.parse(rest)?;
        Ok(Reading { position, count })
    }

    /// Whether so many answers mean that the lock was obtained.
    pub(super) fn is_locked_after(&self, answered: usize) -> bool {
        answered > 0 && self.kind.strategy().hard().is_some()
    }
}

fn join<'a>(statements: impl Iterator<Item = &'a str>) -> String {
    statements.collect::<Vec<_>>().join("; ")
}
