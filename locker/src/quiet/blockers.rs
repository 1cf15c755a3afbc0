//! What counts as a blocker: pure.

use std::time::Duration;

use serde::Serialize;

use super::statement::{Does, Statement};
use crate::config::QuietSettings;
use crate::lock::Goal;
use crate::snapshot::milliseconds;

/// One connection as the server's process list shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) id: u64,
    pub(super) user: String,
    pub(super) host: String,
    pub(super) command: String,
    pub(super) state: String,
    /// For how long it has been in its command.
    pub(super) time: Duration,
    /// The number of its statement, on MariaDB.
    pub(super) query_id: Option<u64>,
    /// None while it waits for its client.
    pub(super) statement: Option<Statement>,
    /// The beginning of the statement, where the configuration asks for it.
    pub(super) query: Option<String>,
    pub(super) transaction: Option<Transaction>,
    /// The locks held for it that the server tells of.
    pub(super) locks: Vec<String>,
}

/// A transaction of InnoDB's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) age: Duration,
    /// Tables that its statement writes to or locks rows of.
    pub(super) tables_locked: u64,
}

/// A connection that would hold up the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// The connection's number.
    pub id: u64,
    /// Its account.
    pub user: String,
    /// Where it comes from.
    pub host: String,
    /// Its command in the process list.
    pub command: String,
    /// Its state there.
    pub state: String,
    /// The first word of its statement; empty where it isn't known or there is none.
    pub statement: &'static str,
    /// How it blocks.
    pub why: &'static str,
    /// For how long it has been in its command.
    pub age_ms: u64,
    /// How old its open transaction is; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_ms: Option<u64>,
    /// The beginning of the statement; only if `quiet.show_queries` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The number of the statement, where the server has one.
    #[serde(skip)]
    pub(super) query_id: Option<u64>,
    /// It runs no statement.
    #[serde(skip)]
    pub(super) is_idle: bool,
}

/// Commands whose connections wait for their client, or serve the server itself, and can't hold a lock up.
const HARMLESS: [&str; 9] = [
    "Binlog Dump",
    "Binlog Dump GTID",
    "Connect",
    "Daemon",
    "Delayed insert",
    "Group Replication",
    "Slave_IO",
    "Slave_SQL",
    "Slave_worker",
];

/// The server's own threads, replication's appliers among them.
const SYSTEM_USERS: [&str; 2] = ["system user", "event_scheduler"];

/// A statement in this state holds nothing yet, with exceptions.
const WAITS_FOR_TABLE: &str = "Waiting for table metadata lock";

/// Those of `threads` that would hold the lock up, the oldest first.
pub(super) fn blockers(threads: &[Thread], lock: Goal, rules: &QuietSettings) -> Vec<Blocker> {
    let mut found: Vec<_> = threads
        .iter()
        .filter(|thread| thread.time >= rules.age.get() && !is_ignored(thread, rules))
        .filter_map(|thread| Some(blocker(thread, obstacle(thread, lock)?)))
        .collect();
    found.sort_by_key(|blocker| (std::cmp::Reverse(blocker.age_ms), blocker.id));
    found
}

fn is_ignored(thread: &Thread, rules: &QuietSettings) -> bool {
    let is_in = |list: &[String], value: &str| list.iter().any(|entry| entry.eq_ignore_ascii_case(value));
    let command = thread.command.as_str();
    HARMLESS.iter().any(|harmless| harmless.eq_ignore_ascii_case(command))
        || SYSTEM_USERS.contains(&thread.user.as_str())
        || rules.ignore_users.contains(&thread.user)
        || is_in(&rules.ignore_commands, &thread.command)
        || is_in(&rules.ignore_states, &thread.state)
}

/// How a connection would hold the lock up; none if it wouldn't.
fn obstacle(thread: &Thread, lock: Goal) -> Option<&'static str> {
    let running = thread.statement.and_then(|statement| match lock {
        Goal::Nothing => None,
        Goal::Stage => stage(thread, statement.does),
        Goal::ReadLock { waits_for_readers } => read_lock(thread, statement.does, waits_for_readers),
    });
    running.or_else(|| holds(thread, lock).then_some("holds a table or backup lock"))
}

/// BACKUP STAGE waits for changes of tables and for writes that no transaction protects, and before commits stop for
/// those under way. Rebuilding a table holds it up only at the beginning and the end.
fn stage(thread: &Thread, does: Does) -> Option<&'static str> {
    let waits = thread.state == WAITS_FOR_TABLE;
    let is_innodb = thread
        .transaction
        .is_some_and(|transaction| transaction.tables_locked > 0);
    match does {
        Does::Write if !is_innodb => Some("writes without a transaction of InnoDB's, or may"),
        Does::Commit => Some("commits"),
        Does::Define if !waits => Some("changes tables"),
        Does::Alter if waits => Some("changes a table that is in use"),
        _ => None,
    }
}

/// FLUSH TABLES WITH READ LOCK waits for every statement that writes; where tables are closed for it, for readers too.
fn read_lock(thread: &Thread, does: Does, waits_for_readers: bool) -> Option<&'static str> {
    match does {
        Does::Write => Some("writes"),
        Does::Commit => Some("commits"),
        Does::Define if thread.state != WAITS_FOR_TABLE || waits_for_readers => Some("changes tables"),
        Does::Alter => Some("rebuilds a table"),
        Does::Read if waits_for_readers => Some("has tables open"),
        _ => None,
    }
}

/// Whether a lock that it holds conflicts with ours. Only a server that shows its metadata locks tells.
fn holds(thread: &Thread, lock: Goal) -> bool {
    let conflicting: &[&str] = match lock {
        Goal::Nothing => &[],
        Goal::Stage => &[
            "BACKUP_DDL",
            "BACKUP_DML",
            "BACKUP_BLOCK_DDL",
            "BACKUP_START",
            "BACKUP_FLUSH",
            "BACKUP_WAIT_FLUSH",
            "BACKUP_WAIT_DDL",
            "BACKUP_WAIT_COMMIT",
        ],
        Goal::ReadLock { .. } => &[
            "BACKUP_DDL",
            "BACKUP_DML",
            "BACKUP_TRANS_DML",
            "BACKUP_ALTER_COPY",
            "BACKUP_COMMIT",
            "INTENTION_EXCLUSIVE",
        ],
    };
    thread.locks.iter().any(|held| conflicting.contains(&held.as_str()))
}

fn blocker(thread: &Thread, why: &'static str) -> Blocker {
    Blocker {
        id: thread.id,
        user: thread.user.clone(),
        host: thread.host.clone(),
        command: thread.command.clone(),
        state: thread.state.clone(),
        statement: thread.statement.map_or("", |statement| statement.word),
        why,
        age_ms: milliseconds(thread.time),
        transaction_ms: thread.transaction.map(|transaction| milliseconds(transaction.age)),
        query: thread.query.clone(),
        query_id: thread.query_id,
        is_idle: thread.statement.is_none(),
    }
}
