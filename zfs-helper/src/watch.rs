//! Tells when a cut that is being made takes no later write in any more, which is long before it is on the disks.
//!
//! A thread of its own for each pool, without any capability: reading procfs waits for a lock of the kernel's, which may
//! hold up neither other requests, as it would on the event loop, nor, past a bound, the cut, as it would on the pool's
//! thread.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::txg::Txgs;

/// From one reading to the next. Half of it, on average, is added to how long a database is locked.
const INTERVAL: Duration = Duration::from_micros(500);

/// One pool's watcher.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    orders: SyncSender<Order>,
    patience: Duration,
}

/// A cut that is going to be watched.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: Watcher,
    moved_on: oneshot::Sender<u64>,
}

#[derive(Debug)]
struct Order {
    begun: SyncSender<()>,
    over: Receiver<()>,
    moved_on: oneshot::Sender<u64>,
}

impl Watcher {
    /// Starts the thread that watches `pool` in the lists below `kstat`. It has the capabilities of the calling thread,
    /// and needs none. A cut waits `patience`, at most, for the reading before it; without one it is made unwatched.
    pub(crate) fn start(kstat: PathBuf, pool: String, patience: Duration) -> io::Result<Self> {
        // Room for one: while the thread is stuck, no cut waits but the first two.
        let (orders, received) = mpsc::sync_channel::<Order>(1);
        let body = move || {
            while let Ok(order) = received.recv() {
                carry_out(order, &kstat, &pool);
            }
        };
        thread::Builder::new().name("watch".to_owned()).spawn(body)?;
        Ok(Self { orders, patience })
    }

    /// What the pool's thread is to begin, and where it will be told the open transaction group once that has moved on.
    pub(crate) fn watch(&self) -> (Watch, oneshot::Receiver<u64>) {
        let (moved_on, told) = oneshot::channel();
        let watcher = self.clone();
        (Watch { watcher, moved_on }, told)
    }
}

impl Watch {
    /// Returns once the open transaction group has been read, or can't be. The cut is watched until what it returns is
    /// dropped.
    pub(crate) fn begin(self) -> Option<impl Sized> {
        let ((begun, has_begun), (watching, over)) = (mpsc::sync_channel(1), mpsc::sync_channel(0));
        let (Watcher { orders, patience }, moved_on) = (self.watcher, self.moved_on);
        orders.try_send(Order { begun, over, moved_on }).ok()?;
        has_begun.recv_timeout(patience).ok()?;
        Some(watching)
    }
}

fn carry_out(order: Order, kstat: &Path, pool: &str) {
    let Ok(mut txgs) = Txgs::open(kstat, pool) else {
        return;
    };
    let Some(before) = txgs.open_txg() else { return };
    if order.begun.send(()).is_err() {
        return;
    }
    // Nobody listens any more once the cut has been given up, though a suspended pool may keep it from ending.
    while !order.moved_on.is_closed() && order.over.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if let Some(open_txg) = txgs.open_txg().filter(|now| *now > before) {
            order.moved_on.send(open_txg).ok();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A watcher of `tank`, whose open group is 7, and the list.
    fn watched() -> (tempfile::TempDir, PathBuf, Watcher) {
        let kstat = tempfile::tempdir().unwrap();
        let list = kstat.path().join("tank/txgs");
        fs::create_dir(kstat.path().join("tank")).unwrap();
        fs::write(&list, "7 1 O\n").unwrap();
        let watcher = Watcher::start(kstat.path().to_owned(), "tank".to_owned(), Duration::from_secs(5));
        (kstat, list, watcher.unwrap())
    }

    /// Whether another cut can be watched, before long.
    fn is_free(watcher: &Watcher) -> bool {
        watcher.watch().0.begin().is_some()
    }

    #[test]
    fn it_tells_the_group_that_was_opened() {
        let (_kstat, list, watcher) = watched();
        let (watch, told) = watcher.watch();
        let _watching = watch.begin().unwrap();
        fs::write(&list, "8 1 O\n").unwrap();
        assert_eq!(told.blocking_recv(), Ok(8));
    }

    #[test]
    fn it_ends_with_the_cut() {
        let (_kstat, _list, watcher) = watched();
        let (watch, told) = watcher.watch();
        drop(watch.begin().unwrap());
        assert!(told.blocking_recv().is_err());
        assert!(is_free(&watcher));
    }

    #[test]
    fn it_ends_when_the_cut_is_given_up() {
        let (_kstat, _list, watcher) = watched();
        let (watch, told) = watcher.watch();
        let _watching = watch.begin().unwrap();
        drop(told);
        assert!(is_free(&watcher));
    }

    #[test]
    fn a_cut_without_a_list_is_not_watched() {
        let (_kstat, list, watcher) = watched();
        fs::remove_file(list).unwrap();
        assert!(watcher.watch().0.begin().is_none());
    }
}
