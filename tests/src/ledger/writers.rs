//! The writers themselves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use serde::{Deserialize, Serialize};

use super::beside::{CHANGES_DOMAIN, TABLES, change, fill};
use super::{ENTRIES, Table};

/// What a load did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// `gtid_binlog_pos` once the table stood and before the first row.
    pub gtid_at_start: String,
    /// Last number that each writer was told is committed.
    pub acknowledged: Vec<u64>,
    /// When each commit was acknowledged, in microseconds since the epoch, sorted.
    pub commits_us: Vec<u64>,
    /// How long the writer waited for each of them, in microseconds; in the order of `commits_us`.
    #[serde(default)]
    pub latencies_us: Vec<u64>,
    /// Writes that failed; a load that expects none must check.
    pub errors: Vec<String>,
}

/// Microseconds since the epoch.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What the writers share: whether they shall go on, and what was done.
#[derive(Debug, Default, Clone)]
pub(super) struct Progress {
    stop: Rc<Cell<bool>>,
    report: Rc<RefCell<Report>>,
}

impl Progress {
    /// Whether to write no more.
    pub(super) fn is_over(&self) -> bool {
        self.stop.get()
    }

    /// Notes a write that failed.
    pub(super) fn failed(&self, what: String) {
        self.report.borrow_mut().errors.push(what);
    }
}

/// Writers on their own connections; they run on the current thread's `LocalSet`.
pub struct Writers {
    progress: Progress,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    /// Creates the main table anew and starts `count` writers to it.
    pub async fn start(socket: &str, count: usize) -> Result<Self, mysql_async::Error> {
        Self::start_on(socket, count, &[]).await
    }

    /// The same, with what [`beside`](super::beside) has written at the same time. It isn't timed.
    pub async fn start_mixed(socket: &str, count: usize) -> Result<Self, mysql_async::Error> {
        let mut writers = Self::start_on(socket, count, &TABLES).await?;
        for table in TABLES {
            let conn = connect(socket, table.domain).await?;
            let writing = fill(conn, table, writers.progress.clone());
            writers.tasks.push(tokio::task::spawn_local(writing));
        }
        let conn = connect(socket, CHANGES_DOMAIN).await?;
        let changing = change(conn, writers.progress.clone());
        writers.tasks.push(tokio::task::spawn_local(changing));
        Ok(writers)
    }

    async fn start_on(socket: &str, count: usize, beside: &[Table]) -> Result<Self, mysql_async::Error> {
        let progress = Progress::default();
        *progress.report.borrow_mut() = Report {
            gtid_at_start: prepare(socket, beside).await?,
            acknowledged: vec![0; count],
            ..Report::default()
        };
        let mut tasks = Vec::new();
        for writer in 0..count {
            let conn = connect(socket, ENTRIES.domain).await?;
            tasks.push(tokio::task::spawn_local(write(conn, writer, progress.clone())));
        }
        Ok(Self { progress, tasks })
    }

    /// Lets every writer finish the row it is at, and tells what was done.
    pub async fn finish(self) -> Report {
        self.progress.stop.set(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                self.progress.failed(format!("writer died: {error}"));
            }
        }
        self.progress.report.take()
    }

    /// What was done so far. The writers wait meanwhile.
    pub fn look<T>(&self, at: impl FnOnce(&Report) -> T) -> T {
        at(&self.progress.report.borrow())
    }
}

/// A connection that writes in a GTID domain.
async fn connect(socket: &str, domain: u32) -> Result<Conn, mysql_async::Error> {
    let options: Opts = OptsBuilder::default().socket(Some(socket)).user(Some("root")).into();
    let mut conn = Conn::new(options).await?;
    conn.query_drop(format!("SET SESSION gtid_domain_id = {domain}"))
        .await?;
    Ok(conn)
}

/// Creates the main table anew, and those beside it; where the binary log stands then.
async fn prepare(socket: &str, beside: &[Table]) -> Result<String, mysql_async::Error> {
    let mut setup = connect(socket, ENTRIES.domain).await?;
    setup.query_drop("DROP DATABASE IF EXISTS ledger").await?;
    setup.query_drop("CREATE DATABASE ledger").await?;
    for table in [ENTRIES].iter().chain(beside) {
        setup.query_drop(table.definition()).await?;
    }
    let gtid = setup.query_first("SELECT @@gtid_binlog_pos").await?.unwrap_or_default();
    setup.disconnect().await?;
    Ok(gtid)
}

async fn write(mut conn: Conn, writer: usize, progress: Progress) {
    let statement = ENTRIES.insertion();
    let payload = "x".repeat(200);
    for seq in 1u64.. {
        if progress.is_over() {
            break;
        }
        let began = now_us();
        let result = conn.exec_drop(&statement, (writer, seq, &payload)).await;
        if let Err(error) = result {
            progress.failed(format!("writer {writer}, row {seq}: {error}"));
            break;
        }
        let mut report = progress.report.borrow_mut();
        report.acknowledged[writer] = seq;
        let now = now_us();
        report.commits_us.push(now);
        report.latencies_us.push(now.saturating_sub(began));
    }
}
