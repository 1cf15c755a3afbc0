//! The writers themselves.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use serde::{Deserialize, Serialize};

use super::SCHEMA;

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

/// Writers on their own connections; they run on the current thread's `LocalSet`.
pub struct Writers {
    stop: Rc<Cell<bool>>,
    report: Rc<RefCell<Report>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    /// Creates the table anew and starts `count` writers.
    pub async fn start(socket: &str, count: usize) -> Result<Self, mysql_async::Error> {
        let options: Opts = OptsBuilder::default().socket(Some(socket)).user(Some("root")).into();
        let mut setup = Conn::new(options.clone()).await?;
        for statement in SCHEMA {
            setup.query_drop(statement).await?;
        }
        let gtid_at_start = setup.query_first("SELECT @@gtid_binlog_pos").await?.unwrap_or_default();
        setup.disconnect().await?;

        let report = Rc::new(RefCell::new(Report {
            gtid_at_start,
            acknowledged: vec![0; count],
            ..Report::default()
        }));
        let stop = Rc::new(Cell::new(false));
        let mut tasks = Vec::new();
        for writer in 0..count {
            let conn = Conn::new(options.clone()).await?;
            tasks.push(tokio::task::spawn_local(write(
                conn,
                writer,
                stop.clone(),
                report.clone(),
            )));
        }
        Ok(Self { stop, report, tasks })
    }

    /// Lets every writer finish the row it is at, and tells what was done.
    pub async fn finish(self) -> Report {
        self.stop.set(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                self.report.borrow_mut().errors.push(format!("writer died: {error}"));
            }
        }
        self.report.take()
    }

    /// What was done so far. The writers wait meanwhile.
    pub fn look<T>(&self, at: impl FnOnce(&Report) -> T) -> T {
        at(&self.report.borrow())
    }
}

async fn write(mut conn: Conn, writer: usize, stop: Rc<Cell<bool>>, report: Rc<RefCell<Report>>) {
    let payload = "x".repeat(200);
    for seq in 1u64.. {
        if stop.get() {
            break;
        }
        let began = now_us();
        let result = conn
            .exec_drop("INSERT INTO ledger.entries VALUES (?, ?, ?)", (writer, seq, &payload))
            .await;
        let mut report = report.borrow_mut();
        match result {
            Ok(()) => {
                report.acknowledged[writer] = seq;
                let now = now_us();
                report.commits_us.push(now);
                report.latencies_us.push(now.saturating_sub(began));
            }
            Err(error) => {
                report.errors.push(format!("writer {writer}, row {seq}: {error}"));
                break;
            }
        }
    }
}
