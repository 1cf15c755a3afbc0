//! Tells when a cut that is being made takes no later write in any more, which is long before it is on the disks.
//!
//! On a thread of its own: reading procfs waits for a lock of the kernel's, which must hold up neither the bounds of the
//! database's lock nor the request for the cut.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::txgs::Txgs;

/// From one reading to the next. Half of it, on average, is added to how long the database is locked.
const INTERVAL: Duration = Duration::from_micros(500);

/// How long getting ready may take; it is a few system calls.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the beginning may take, with the database locked; it is one reading.
const LOCKED_PATIENCE: Duration = Duration::from_millis(100);

/// Ready to watch, at no cost until then.
#[derive(Debug)]
pub struct Watch {
    pool: String,
    begin: SyncSender<Order>,
}

#[derive(Debug)]
struct Order {
    begun: oneshot::Sender<()>,
    moved_on: oneshot::Sender<u64>,
}

/// Watched until this is dropped.
#[derive(Debug)]
pub struct Watching {
    moved_on: oneshot::Receiver<u64>,
    _until: SyncSender<Order>,
}

/// Why a pool can't be watched.
#[derive(Debug, thiserror::Error)]
pub enum Unwatched {
    /// Its list can't be opened: the module's parameter `zfs_txg_history` is 0, procfs is hidden, or this isn't ZFS.
    #[error("{path}: {source}")]
    Open {
        /// The list, where it was looked for last.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// There is a list, but no answer in it.
    #[error("{0} doesn't say which transaction group is open")]
    Unclear(String),
    /// Nothing was read in time.
    #[error("the transaction groups of pool {0} couldn't be read in time")]
    Silent(String),
    /// There is no thread for it.
    #[error("no thread to watch the pool: {0}")]
    Thread(io::Error),
}

impl Watch {
    /// Gets ready to watch `pool` in the first of the directories that lists it.
    pub async fn ready(directories: &[PathBuf], pool: &str) -> Result<Self, Unwatched> {
        // A pool's name has no `/`; one that did would only find nothing.
        let paths: Vec<_> = directories.iter().map(|kstat| kstat.join(pool).join("txgs")).collect();
        let ((begin, begun), (ready, is_ready)) = (mpsc::sync_channel(1), oneshot::channel());
        let body = move || {
            let (txgs, answer) = open(&paths).map_or_else(|error| (None, Err(error)), |txgs| (Some(txgs), Ok(())));
            // Where nobody listens any more, there is nothing to watch either.
            if let (Some(txgs), Ok(())) = (txgs, ready.send(answer)) {
                watch(txgs, &begun);
            }
        };
        let thread = thread::Builder::new().name("txgs".to_owned());
        thread.spawn(body).map_err(Unwatched::Thread)?;
        match tokio::time::timeout(PATIENCE, is_ready).await {
            Ok(Ok(answer)) => answer.map(|()| Self {
                pool: pool.to_owned(),
                begin,
            }),
            Ok(Err(_)) | Err(_) => Err(Unwatched::Silent(pool.to_owned())),
        }
    }

    /// Returns once it has been read what is open now, so that nothing that is asked for afterwards can have moved it on already.
    /// The database is locked meanwhile, so it gives up soon. Asked for at the same time, a third of the cuts on a busy
    /// processor were over before it was read, and the lock was held for all of each.
    pub async fn begin(self) -> Result<Watching, Unwatched> {
        let ((begun, has_begun), (told, moved_on)) = (oneshot::channel(), oneshot::channel());
        let order = Order { begun, moved_on: told };
        let Self { pool, begin: _until } = self;
        // A thread that has ended drops the order, and so says at once that nothing is read.
        drop(_until.try_send(order));
        match tokio::time::timeout(LOCKED_PATIENCE, has_begun).await {
            Ok(Ok(())) => Ok(Watching { moved_on, _until }),
            Ok(Err(_)) | Err(_) => Err(Unwatched::Silent(pool)),
        }
    }
}

impl Watching {
    /// Waits until the pool's open transaction group isn't any more the one that was open when the watch began, and
    /// returns a later one that was open by then. Never returns where that can't be known.
    pub async fn moved_on(self) -> u64 {
        match self.moved_on.await {
            Ok(open_txg) => open_txg,
            Err(_) => std::future::pending().await,
        }
    }
}

/// The first list that there is, if it says what is wanted; if there is none, why the last isn't there.
fn open(paths: &[PathBuf]) -> Result<Txgs, Unwatched> {
    let mut last = None;
    for path in paths {
        let name = || path.display().to_string();
        match Txgs::open(path).map(|mut txgs| (txgs.open_txg(), txgs)) {
            Ok((Some(_), txgs)) => return Ok(txgs),
            Ok((None, _)) => return Err(Unwatched::Unclear(name())),
            Err(source) => last = Some(Unwatched::Open { path: name(), source }),
        }
    }
    Err(last.unwrap_or_else(|| Unwatched::Unclear("no directory".to_owned())))
}

/// Waits for the beginning, reads what is open then, and reads on until that has changed or nobody cares.
fn watch(mut txgs: Txgs, orders: &Receiver<Order>) {
    let Ok(Order { begun, moved_on }) = orders.recv() else {
        return;
    };
    let Some(before) = txgs.open_txg() else { return };
    if begun.send(()).is_err() {
        return;
    }
    while matches!(orders.recv_timeout(INTERVAL), Err(RecvTimeoutError::Timeout)) {
        if let Some(open_txg) = txgs.open_txg().filter(|now| *now > before) {
            moved_on.send(open_txg).ok();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// The directory of a pool `tank` whose open group is 7, and its list.
    fn pool() -> (tempfile::TempDir, PathBuf) {
        let kstat = tempfile::tempdir().unwrap();
        let list = kstat.path().join("tank/txgs");
        fs::create_dir(kstat.path().join("tank")).unwrap();
        fs::write(&list, "7 1 O\n").unwrap();
        (kstat, list)
    }

    async fn watch(kstat: &Path) -> Result<Watch, Unwatched> {
        Watch::ready(&[kstat.to_owned()], "tank").await
    }

    /// Whether nothing is told for a while.
    async fn is_silent(watching: Watching) -> bool {
        let while_ = Duration::from_millis(100);
        tokio::time::timeout(while_, watching.moved_on()).await.is_err()
    }

    #[tokio::test]
    async fn it_tells_the_group_that_was_opened() {
        let (kstat, list) = pool();
        let watching = watch(kstat.path()).await.unwrap().begin().await.unwrap();
        fs::write(&list, "8 1 O\n").unwrap();
        assert_eq!(watching.moved_on().await, 8);
    }

    #[tokio::test]
    async fn what_was_opened_before_the_beginning_is_nothing_new() {
        let (kstat, list) = pool();
        let watch = watch(kstat.path()).await.unwrap();
        fs::write(&list, "8 1 O\n").unwrap();
        assert!(is_silent(watch.begin().await.unwrap()).await);
    }

    #[tokio::test]
    async fn nothing_is_told_by_what_is_no_list() {
        for then in ["", "8 1 Q\n", "6 1 O\n", "8 1 O"] {
            let (kstat, list) = pool();
            let watching = watch(kstat.path()).await.unwrap().begin().await.unwrap();
            fs::write(&list, then).unwrap();
            assert!(is_silent(watching).await, "{then:?}");
        }
    }

    #[tokio::test]
    async fn the_first_directory_that_lists_the_pool_counts() {
        let (empty, (kstat, list)) = (tempfile::tempdir().unwrap(), pool());
        let directories = [empty.path().to_owned(), kstat.path().to_owned()];
        let watch = Watch::ready(&directories, "tank").await.unwrap();
        let watching = watch.begin().await.unwrap();
        fs::write(&list, "8 1 O\n").unwrap();
        assert_eq!(watching.moved_on().await, 8);
    }

    #[tokio::test]
    async fn a_pool_that_cannot_be_watched_says_why() {
        let (kstat, list) = pool();
        fs::write(&list, "no list\n").unwrap();
        assert!(matches!(watch(kstat.path()).await, Err(Unwatched::Unclear(_))));
        fs::remove_file(&list).unwrap();
        let error = watch(kstat.path()).await.unwrap_err().to_string();
        assert!(error.starts_with(&list.display().to_string()), "{error}");
        assert!(Watch::ready(&[], "tank").await.is_err());
    }
}
