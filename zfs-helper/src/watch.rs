//! Tells when a cut that is being made takes no later write in any more, which is long before it is on the disks.
//!
//! A thread of its own for each pool, without any capability: reading procfs waits for a lock of the kernel's, which may
//! hold up neither other requests, as it would on the event loop, nor, past a bound, the cut, as it would on the pool's
//! thread.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::txg::Txgs;

/// How long a cut waits, at most, for the reading before it. Without one it is made unwatched.
const PATIENCE: Duration = Duration::from_millis(20);
/// From one reading to the next.
const INTERVAL: Duration = Duration::from_millis(1);

/// One pool's watcher.
#[derive(Debug)]
pub(crate) struct Watcher(SyncSender<Order>);

/// A cut that is going to be watched.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: SyncSender<Order>,
    moved_on: oneshot::Sender<u64>,
}

/// Ends the watching when it is dropped.
#[derive(Debug)]
pub(crate) struct Watching(#[expect(dead_code, reason = "its end is what counts")] SyncSender<()>);

#[derive(Debug)]
struct Order {
    begun: SyncSender<()>,
    over: Receiver<()>,
    moved_on: oneshot::Sender<u64>,
}

impl Watcher {
    /// Starts the thread that watches `pool` in the lists below `kstat`. It has the capabilities of the calling thread,
    /// and needs none.
    pub(crate) fn start(kstat: PathBuf, pool: String) -> io::Result<Self> {
        // Without room to queue: an order is taken at once, or the thread is stuck and it isn't taken.
        let (orders, received) = mpsc::sync_channel::<Order>(0);
        let body = move || {
            while let Ok(order) = received.recv() {
                carry_out(order, &kstat, &pool);
            }
        };
        thread::Builder::new().name("watch".to_owned()).spawn(body)?;
        Ok(Self(orders))
    }

    /// What the pool's thread is to begin, and where it will be told the open transaction group once that has moved on.
    pub(crate) fn watch(&self) -> (Watch, oneshot::Receiver<u64>) {
        let (moved_on, told) = oneshot::channel();
        let watcher = self.0.clone();
        (Watch { watcher, moved_on }, told)
    }
}

impl Watch {
    /// Returns once the open transaction group has been read, or can't be.
    pub(crate) fn begin(self) -> Option<Watching> {
        let ((begun, has_begun), (watching, over)) = (mpsc::sync_channel(1), mpsc::sync_channel(0));
        let moved_on = self.moved_on;
        self.watcher.try_send(Order { begun, over, moved_on }).ok()?;
        has_begun.recv_timeout(PATIENCE).ok()?;
        Some(Watching(watching))
    }
}

fn carry_out(order: Order, kstat: &std::path::Path, pool: &str) {
    let Ok(mut txgs) = Txgs::open(kstat, pool) else {
        return;
    };
    let Some(before) = txgs.open_txg() else { return };
    if order.begun.send(()).is_err() {
        return;
    }
    while order.over.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if let Some(open_txg) = txgs.open_txg().filter(|now| *now > before) {
            // Nobody listens if the caller has gone.
            order.moved_on.send(open_txg).ok();
            return;
        }
    }
}
