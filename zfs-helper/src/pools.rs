//! One thread for each configured pool, the only ones that touch storage.
//!
//! Calls on one pool never overlap, since two cuts in one transaction group cost two more; a pool that hangs doesn't
//! hold up another. The callers' wait is bounded, the thread's isn't: a suspended pool blocks it in the kernel.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use mariasnap_dbus::HelperError;
use tokio::sync::{Semaphore, oneshot};

use crate::activity::Activity;
use crate::config::Settings;
use crate::storage::Storage;

/// Requests that wait for one pool, two for each target that there can be; more are refused.
const MAX_QUEUED: usize = 128;

type Job = Box<dyn FnOnce(&mut dyn Storage) + Send>;

/// The pools' threads.
pub struct Pools {
    queues: BTreeMap<String, Queue>,
    patience: Duration,
    /// Work that is queued or done counts, whether or not anybody still waits for it.
    pub(crate) activity: Arc<Activity>,
}

struct Queue {
    jobs: SyncSender<Job>,
    /// For what can wait: one at a time is queued, so that a cut never waits for more than one.
    turn: Arc<Semaphore>,
}

/// What waits for a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A database may be locked meanwhile.
    Lock,
    /// Nothing: it queues one after the other.
    Nothing,
}

impl Pools {
    /// Starts a thread for each pool of `settings`. `open` runs on it, to set its capabilities and open storage;
    /// any failure is returned. A caller waits `patience` for an answer.
    pub fn start<S, E>(settings: &Settings, patience: Duration, open: fn() -> Result<S, E>) -> io::Result<Self>
    where
        S: Storage + 'static,
        E: Display + 'static,
    {
        let mut queues = BTreeMap::new();
        for target in settings.targets().values() {
            if let Entry::Vacant(vacant) = queues.entry(target.pool().to_owned()) {
                let pool = vacant.key();
                let failed = |error| io::Error::other(format!("can't start the thread of pool {pool}: {error}"));
                let jobs = start(pool, open).map_err(failed)?;
                let turn = Arc::new(Semaphore::new(1));
                vacant.insert(Queue { jobs, turn });
            }
        }
        let activity = Activity::new(settings.targets().len());
        Ok(Self {
            queues,
            patience,
            activity,
        })
    }

    /// Has the pool's thread do `work`. Past the patience the answer is `Busy` if the work hadn't begun and never
    /// will, else `OutcomeUnknown`.
    pub(crate) async fn run<T, F>(&self, pool: &str, urgency: Urgency, work: F) -> Result<T, HelperError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Storage) -> Result<T, HelperError> + Send + 'static,
    {
        let no_thread = || HelperError::Misconfigured(format!("pool {pool} has no thread"));
        let queue = self.queues.get(pool).ok_or_else(no_thread)?;
        let (since, under_way) = (Instant::now(), self.activity.begin());
        let turn = match urgency {
            Urgency::Lock => None,
            Urgency::Nothing => {
                let turn = tokio::time::timeout(self.patience, queue.turn.clone().acquire_owned()).await;
                let turn = turn.ok().and_then(Result::ok);
                Some(turn.ok_or_else(|| busy(pool, "is busy with other requests"))?)
            }
        };
        let (answer, answered) = oneshot::channel();
        let claimed = Arc::new(AtomicBool::new(false));
        let claim = claimed.clone();
        let job: Job = Box::new(move |storage| {
            let _until_done = (under_way, turn);
            if !claim.swap(true, Ordering::AcqRel) && answer.send(work(storage)).is_err() {
                tracing::warn!("a request was done after its caller had stopped waiting");
            }
        });
        queue
            .jobs
            .try_send(job)
            .map_err(|_| busy(pool, "has too many requests waiting"))?;
        let left = self.patience.saturating_sub(since.elapsed());
        match tokio::time::timeout(left, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(HelperError::OutcomeUnknown(format!("pool {pool}: its thread ended"))),
            Err(_) if claimed.swap(true, Ordering::AcqRel) => {
                let waited = self.patience.as_secs();
                Err(HelperError::OutcomeUnknown(format!(
                    "pool {pool} hasn't answered for {waited} s"
                )))
            }
            Err(_) => Err(busy(pool, "is busy with other requests")),
        }
    }
}

fn busy(pool: &str, why: &str) -> HelperError {
    HelperError::Busy(format!("pool {pool} {why}"))
}

fn start<S, E>(pool: &str, open: fn() -> Result<S, E>) -> io::Result<SyncSender<Job>>
where
    S: Storage + 'static,
    E: Display + 'static,
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
    thread::Builder::new().name(name).spawn(body)?;
    let opened = opened.recv().map_err(io::Error::other)?;
    opened.map_err(io::Error::other)?;
    Ok(queue)
}

fn work_off(mut storage: impl Storage, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(&mut storage);
    }
}
