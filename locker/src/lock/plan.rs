//! All that is decided and put together before the lock.

use super::Kind;
use super::strategy::Proof;
use crate::config::{Database, LockSettings, Settings};
use crate::database::{PositionReader, Server, tighten};

/// `FLUSH ENGINE LOGS` is written to the binary log even at BLOCK_COMMIT unless it says not to (10.11), which would
/// move the position that is about to be recorded.
const FLUSH_ENGINE_LOGS: &str = "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS";

const READ_POSITION: &str = "reading the position";

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
    /// One round trip: locks, and reads the position under the lock.
    pub(super) lock: String,
    /// What the statements of `lock` before the reader's are called.
    pub(super) steps: Vec<&'static str>,
    /// One round trip: reads the position again, and unlocks or asks whether the lock is still held.
    pub(super) end: String,
}

impl Plan {
    /// Puts the statements together.
    pub fn new(kind: Kind, settings: &Settings, server: Server, reader: PositionReader) -> Self {
        let strategy = kind.strategy();
        let proof = strategy.proof(&server);
        // Where commits go on, a flush would only say what was on disk a moment ago.
        let flush = (strategy.stops_commits() && server.may_lag_in_redo()).then_some(FLUSH_ENGINE_LOGS);
        let steps: Vec<_> = strategy.hard().into_iter().chain(flush).collect();
        let tightened = strategy.hard().map(|_| tighten(settings.lock.max_hold));
        let lock = join(
            steps
                .iter()
                .copied()
                .chain([reader.statements()])
                .chain(tightened.as_deref()),
        );
        let last = match proof {
            Proof::Release => strategy.release(),
            Proof::Question { statement, .. } => Some(statement),
            Proof::Identity => None,
        };
        Self {
            end: join([reader.statements()].into_iter().chain(last)),
            lock,
            steps,
            proof,
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

    /// Whether so many answers mean that the lock was obtained.
    pub(super) fn is_locked_after(&self, answered: usize) -> bool {
        answered > 0 && self.kind.strategy().hard().is_some()
    }
}

fn join<'a>(statements: impl Iterator<Item = &'a str>) -> String {
    statements.collect::<Vec<_>>().join("; ")
}
