//! One thread for each configured pool, the only ones that touch storage.
//!
//! Calls on one pool never overlap, since two cuts in one transaction group cost two more; a pool that hangs doesn't
//! hold up another. The callers' wait is bounded, the thread's isn't: a suspended pool blocks it in the kernel.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use mariasnap_dbus::HelperError;
use tokio::sync::oneshot;

use crate::config::Settings;
use crate::storage::Storage;

/// Requests that wait for one pool; more are refused.
const MAX_QUEUED: usize = 16;

type Job = Box<dyn FnOnce(&mut dyn Storage) + Send>;

/// The pools' threads.
pub struct Pools {
    queues: BTreeMap<String, SyncSender<Job>>,
    patience: Duration,
}

/// A pool's thread couldn't start.
#[derive(Debug, thiserror::Error)]
#[error("can't start the thread of pool {pool}: {why}")]
pub struct PoolError {
    pool: String,
    why: String,
}

impl Pools {
    /// Starts a thread for each pool of `settings`. `open` runs on it, to set its capabilities and open storage;
    /// any failure is returned. A caller waits `patience` for an answer.
    pub fn start<S, E>(settings: &Settings, patience: Duration, open: fn() -> Result<S, E>) -> Result<Self, PoolError>
    where
        S: Storage + 'static,
        E: std::fmt::Display + 'static,
    {
        let mut queues = BTreeMap::new();
        for target in settings.targets().values() {
            if let Entry::Vacant(vacant) = queues.entry(target.pool().to_owned()) {
                let pool = vacant.key().clone();
                vacant.insert(start(&pool, open).map_err(|why| PoolError { pool, why })?);
            }
        }
        Ok(Self { queues, patience })
    }

    /// Has the pool's thread do `work`. Past the patience the answer is `Busy` if the work hadn't begun and never
    /// will, else `OutcomeUnknown`.
    pub(crate) async fn run<T, F>(&self, pool: &str, work: F) -> Result<T, HelperError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Storage) -> Result<T, HelperError> + Send + 'static,
    {
        let busy = |why: &str| HelperError::Busy(format!("pool {pool} {why}"));
        let queue = self
            .queues
            .get(pool)
            .ok_or_else(|| HelperError::Misconfigured(format!("pool {pool} has no thread")))?;
        let (answer, answered) = oneshot::channel();
        let claimed = Arc::new(AtomicBool::new(false));
        let claim = claimed.clone();
        let job: Job = Box::new(move |storage| {
            if !claim.swap(true, Ordering::AcqRel) && answer.send(work(storage)).is_err() {
                tracing::warn!("a request was done after its caller had stopped waiting");
            }
        });
        queue.try_send(job).map_err(|_| busy("has too many requests waiting"))?;
        match tokio::time::timeout(self.patience, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(HelperError::OutcomeUnknown(format!("pool {pool}: its thread ended"))),
            Err(_) if claimed.swap(true, Ordering::AcqRel) => {
                let waited = self.patience.as_secs();
                Err(HelperError::OutcomeUnknown(format!(
                    "pool {pool} hasn't answered for {waited} s"
                )))
            }
            Err(_) => Err(busy("is busy with other requests")),
        }
    }
}

fn start<S, E>(pool: &str, open: fn() -> Result<S, E>) -> Result<SyncSender<Job>, String>
where
    S: Storage + 'static,
    E: std::fmt::Display + 'static,
{
    let (queue, jobs) = mpsc::sync_channel::<Job>(MAX_QUEUED);
    let (ready, opened) = mpsc::channel();
    let body = move || match open() {
        Ok(storage) => {
            if ready.send(Ok(())).is_ok() {
                work_off(storage, &jobs);
            }
        }
        // Nobody listens only if the starter is gone too, and then nobody needs to know.
        Err(error) => drop(ready.send(Err(error.to_string()))),
    };
    let name = format!("zfs {pool}").chars().take(15).collect();
    thread::Builder::new()
        .name(name)
        .spawn(body)
        .map_err(|error| error.to_string())?;
    opened.recv().map_err(|error| error.to_string())??;
    Ok(queue)
}

fn work_off(mut storage: impl Storage, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(&mut storage);
    }
}
