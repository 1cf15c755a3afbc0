//! The one place that asks the server who does what.

use std::collections::BTreeMap;
use std::time::Duration;

use mysql_async::Row;
use mysql_async::prelude::FromValue;

use super::blockers::{Thread, Transaction};
use super::statement::{Statement, UNKNOWN};
use crate::database::{DatabaseError, Flavour, Server, Session};

const DOING: &str = "reading the process list";

/// As much of a statement as is asked for: enough to see what it does past a comment of a framework's.
const TEXT: &str = "LEFT(INFO, 256)";

const MARIADB: &str = "SELECT ID, USER, HOST, COMMAND, STATE, CAST(TIME_MS AS SIGNED), QUERY_ID, {TEXT} \
    FROM information_schema.PROCESSLIST";
const MYSQL: &str = "SELECT ID, USER, HOST, COMMAND, STATE, TIME * 1000, NULL, {TEXT} FROM {SCHEMA}.processlist";

/// The clock that `trx_started` is read from is the system's, whatever time zone the server's configuration names.
const SYSTEM_TIME: &str = "SET SESSION time_zone = 'SYSTEM'";
const TRANSACTIONS: &str = "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()), trx_tables_locked \
    FROM information_schema.INNODB_TRX";

const LOCKS: &str = "SELECT t.PROCESSLIST_ID, m.LOCK_TYPE FROM performance_schema.metadata_locks m \
    JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID \
    WHERE m.OBJECT_TYPE IN ('BACKUP', 'GLOBAL', 'COMMIT') AND m.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_ID IS NOT NULL";

/// InnoDB is off.
const ER_UNKNOWN_TABLE: u16 = 1109;

/// What this account may see on this server.
#[derive(Debug)]
pub(super) struct Eyes {
    processes: String,
    with_locks: bool,
    with_queries: bool,
}

impl Eyes {
    /// Finds out. None: only its own connections.
    pub(super) async fn open(
        session: &mut Session,
        server: &Server,
        with_queries: bool,
    ) -> Result<Option<Self>, DatabaseError> {
        session.execute(DOING, SYSTEM_TIME).await?;
        match transactions(session).await {
            // Only PROCESS opens this table; without it, the process list shows one's own without a word.
            Err(error) if error.is_denied() => return Ok(None),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let processes = match server.flavour {
            Flavour::MariaDb => MARIADB.to_owned(),
            Flavour::MySql => MYSQL.replace("{SCHEMA}", schema(session).await),
        };
        // Off, not granted, or an older server without it: then idle holders of locks aren't seen.
        let with_locks = rows(session, LOCKS).await.is_ok();
        Ok(Some(Self {
            processes: processes.replace("{TEXT}", TEXT),
            with_locks,
            with_queries,
        }))
    }

    /// Everybody but ourselves.
    pub(super) async fn look(&self, session: &mut Session) -> Result<Vec<Thread>, DatabaseError> {
        let mut transactions = transactions(session).await?;
        let mut locks = match self.with_locks {
            true => locks(&rows(session, LOCKS).await?),
            false => BTreeMap::new(),
        };
        let own = u64::from(session.id());
        let seen = rows(session, &self.processes).await?;
        let threads = seen.iter().filter_map(|row| self.thread(row)).filter(|t| t.id != own);
        Ok(threads
            .map(|thread| Thread {
                transaction: transactions.remove(&thread.id),
                locks: locks.remove(&thread.id).unwrap_or_default(),
                ..thread
            })
            .collect())
    }

    fn thread(&self, row: &Row) -> Option<Thread> {
        let command = text(row, 3).unwrap_or_default();
        let query = text(row, 7).filter(|query| !query.is_empty());
        let statement = match &query {
            Some(query) => Some(Statement::of(query)),
            None if command == "Sleep" => None,
            None => Some(UNKNOWN),
        };
        Some(Thread {
            id: value(row, 0)?,
            user: text(row, 1).unwrap_or_default(),
            host: text(row, 2).unwrap_or_default(),
            command,
            state: text(row, 4).unwrap_or_default(),
            // Negative where the clock was set back.
            time: Duration::from_millis(value::<i64>(row, 5).map_or(0, |ms| ms.max(0).unsigned_abs())),
            query_id: value(row, 6),
            statement,
            query: query.filter(|_| self.with_queries),
            ..Thread::default()
        })
    }
}

/// Where MySQL has its process list; from 8.0.22 on, where it doesn't stop the server to make it.
async fn schema(session: &mut Session) -> &'static str {
    const PROBE: &str = "SELECT 1 FROM performance_schema.processlist WHERE ID = CONNECTION_ID()";
    match rows(session, PROBE).await {
        Ok(rows) if !rows.is_empty() => "performance_schema",
        _ => "information_schema",
    }
}

async fn transactions(session: &mut Session) -> Result<BTreeMap<u64, Transaction>, DatabaseError> {
    let listed = match rows(session, TRANSACTIONS).await {
        Err(error) if error.code() == Some(ER_UNKNOWN_TABLE) => Vec::new(),
        listed => listed?,
    };
    let mut transactions = BTreeMap::<u64, Transaction>::new();
    for row in &listed {
        let Some(id) = value::<u64>(row, 0) else { continue };
        let seconds = value::<i64>(row, 1).map_or(0, |seconds| seconds.max(0).unsigned_abs());
        // A rebuild of a table shows as more than one.
        let all = transactions.entry(id).or_default();
        all.age = all.age.max(Duration::from_secs(seconds));
        all.tables_locked += value::<u64>(row, 2).unwrap_or(0);
    }
    Ok(transactions)
}

fn locks(rows: &[Row]) -> BTreeMap<u64, Vec<String>> {
    let mut locks = BTreeMap::<u64, Vec<String>>::new();
    for row in rows {
        if let (Some(id), Some(lock)) = (value(row, 0), text(row, 1)) {
            locks.entry(id).or_default().push(lock);
        }
    }
    locks
}

async fn rows(session: &mut Session, statement: &str) -> Result<Vec<Row>, DatabaseError> {
    session.only_rows(DOING, statement).await
}

fn value<T: FromValue>(row: &Row, at: usize) -> Option<T> {
    row.get_opt::<Option<T>, _>(at)?.ok()?
}

/// Whatever encoding it has.
fn text(row: &Row, at: usize) -> Option<String> {
    let bytes: Vec<u8> = value(row, at)?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
