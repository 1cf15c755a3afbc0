//! A storage helper that does what a test tells it to, behind the real interface on a real socket.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mariasnap_dbus::properties::{STATE, STATE_CONSISTENT, STATE_UNPROVEN};
use mariasnap_dbus::{
    Cut, DestroyOutcome, DestroyRequest, HelperError, Outcome, Snapshot, Target, TargetDataset, names,
};
use zbus::Connection;

use crate::fake_pool::FakePool;

/// What `TakeSnapshot` does.
#[derive(Debug, Clone, Default)]
pub enum Take {
    /// Takes it.
    #[default]
    Succeed,
    /// Takes it at once and answers later.
    AnswerAfter(Duration),
    /// Takes it only after a pause, and answers at once.
    TakeAfter(Duration),
    /// Takes it at once, and answers twice.
    AnswerTwice,
    /// Takes it; a moment later the pool moves on, and later still it answers.
    MoveOn {
        /// Before the pool moves on.
        after: Duration,
        /// To which transaction group, against a createtxg of [`CREATETXG`].
        open_txg: u64,
        /// From there to the answer; none: it drops the connection then.
        answer_after: Option<Duration>,
    },
    /// Answers `StorageFailed`.
    Fail,
    /// Answers `Busy`.
    Busy,
    /// Drops the connection, with or without having taken it.
    Die {
        /// Whether the snapshot is there afterwards.
        taken: bool,
    },
    /// Drops every connection and the socket, so that nobody can ask what became of it.
    DieForGood,
}

/// What `SyncPool` does.
#[derive(Debug, Clone, Copy, Default)]
pub enum SyncPool {
    /// Syncs at once.
    #[default]
    Succeed,
    /// Answers later.
    AnswerAfter(Duration),
    /// Answers later, and at once when asked again.
    FirstAfter(Duration),
    /// Answers `StorageFailed`.
    Fail,
    /// Answers `Busy`: others have the pool.
    Busy,
}

/// What it is told and what it saw.
#[derive(Debug, Default)]
pub struct State {
    /// What `TakeSnapshot` does.
    pub take: Take,
    /// What `SyncPool` does.
    pub sync: SyncPool,
    /// `PrepareSnapshot` answers `NotAuthorized`.
    pub refuse_prepare: bool,
    /// `PrepareSnapshot` answers `NoSpace` while there are this many snapshots.
    pub snapshot_limit: Option<usize>,
    /// `ConfirmSnapshot` drops the connection this many times before it works.
    pub confirm_dies: u32,
    /// Whether `ConfirmSnapshot` marks the snapshot before it drops the connection.
    pub confirm_works_before_it_dies: bool,
    /// Outcomes that `DestroySnapshots` answers instead of destroying, by name.
    pub outcomes: BTreeMap<String, Outcome>,
    /// What there is.
    pub snapshots: Vec<Snapshot>,
    /// The methods called, in order.
    pub calls: Vec<(&'static str, Instant)>,
    connections: Vec<Connection>,
    socket: PathBuf,
}

impl State {
    fn remove(&mut self, request: &DestroyRequest) -> Outcome {
        if let Some(outcome) = self.outcomes.get(&request.name) {
            return *outcome;
        }
        let before = self.snapshots.len();
        self.snapshots
            .retain(|s| (&s.name, s.guid) != (&request.name, request.guid));
        if self.snapshots.len() < before {
            Outcome::Destroyed
        } else {
            Outcome::NotFound
        }
    }
}

/// The helper; gone with the value.
pub struct FakeHelper {
    state: Arc<Mutex<State>>,
    socket: PathBuf,
    pool: FakePool,
    /// Dropped, it ends the thread that serves.
    _until: tokio::sync::oneshot::Sender<()>,
}

/// The name that its next snapshot has.
pub const NAME: &str = "mariasnap-20261120T213800Z-0af3c1";

/// The transaction group that its snapshots are of.
pub const CREATETXG: u64 = 42;

/// The pool that they are in.
const POOL: &str = "tank";

/// What the process that waits for the pool to move on takes to begin, at most.
pub const MOMENT: Duration = Duration::from_millis(200);

fn kstat(socket: &Path) -> PathBuf {
    socket.with_file_name("kstat")
}

impl FakeHelper {
    /// Listens on `socket`, on a thread of its own so that no test can hold it up.
    pub fn start(socket: &Path) -> Self {
        let state = Arc::new(Mutex::new(State {
            socket: socket.to_owned(),
            ..State::default()
        }));
        let pool = FakePool::create(&kstat(socket), POOL, CREATETXG - 1);
        let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (until, ended) = tokio::sync::oneshot::channel::<()>();
        let (served, its_pool) = (state.clone(), pool.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                tokio::select! {
                    _gone = ended => {}
                    () = accept(listener, served, its_pool) => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            state,
            socket: socket.to_owned(),
            pool,
            _until: until,
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where the kernel's statistics of its pool lie.
    pub fn kstat(&self) -> PathBuf {
        kstat(&self.socket)
    }

    /// Its pool, in which the transaction group before [`CREATETXG`] is open.
    pub fn pool(&self) -> &FakePool {
        &self.pool
    }

    /// What it is told and what it saw.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The methods called, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().calls.iter().map(|(name, _)| *name).collect()
    }

    /// Waits until `method` is called, and says when it was.
    pub async fn wait_for(&self, method: &str) -> Instant {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let called = self
                .state()
                .calls
                .iter()
                .find(|(name, _)| *name == method)
                .map(|(_, at)| *at);
            if let Some(at) = called {
                return at;
            }
            assert!(
                Instant::now() < deadline,
                "{method} is never called; called were {:?}",
                self.calls()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Names and states of what there is.
    pub fn listing(&self) -> Vec<(String, String)> {
        let state = self.state();
        let snapshots = state.snapshots.iter();
        snapshots
            .map(|s| (s.name.clone(), s.property(STATE).unwrap_or_default().to_owned()))
            .collect()
    }
}

/// A snapshot of a given age that a test puts there.
pub fn snapshot(name: &str, guid: u64, age: Duration, state: &str) -> Snapshot {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let creation = (now - age).as_secs();
    Snapshot {
        name: name.to_owned(),
        guid,
        createtxg: creation,
        creation,
        used: 4096,
        referenced: 1 << 20,
        holds: 0,
        clones: Vec::new(),
        datasets: vec!["tank/mysql".to_owned()],
        properties: BTreeMap::from([(STATE.to_owned(), state.to_owned())]),
    }
}

async fn accept(listener: tokio::net::UnixListener, state: Arc<Mutex<State>>, pool: FakePool) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let interface = Interface {
            state: state.clone(),
            pool: pool.clone(),
        };
        let builder = zbus::connection::Builder::unix_stream(stream.into_std().unwrap())
            .server(zbus::Guid::generate())
            .p2p()
            .serve_at(names::OBJECT_PATH, interface);
        if let Ok(connection) = builder.build().await {
            state.lock().unwrap().connections.push(connection);
        }
    }
}

struct Interface {
    state: Arc<Mutex<State>>,
    pool: FakePool,
}

impl Interface {
    fn called(&self, method: &'static str) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap();
        state.calls.push((method, Instant::now()));
        state
    }

    fn add(&self, properties: BTreeMap<String, String>) -> Cut {
        let mut new = snapshot(NAME, 4711, Duration::ZERO, STATE_UNPROVEN);
        new.properties.extend(properties);
        let cut = Cut {
            name: NAME.to_owned(),
            id: "id".to_owned(),
            guid: 4711,
            createtxg: CREATETXG,
            took_us: 1,
        };
        self.state.lock().unwrap().snapshots.push(new);
        cut
    }

    fn mark(&self, name: &str, guid: u64, properties: BTreeMap<String, String>) -> Result<(), HelperError> {
        let mut state = self.state.lock().unwrap();
        let found = state
            .snapshots
            .iter_mut()
            .find(|s| s.name == name && s.guid == guid && s.property(STATE) == Some(STATE_UNPROVEN));
        let found = found.ok_or_else(|| HelperError::NoSuchSnapshot("none of that name and guid".to_owned()))?;
        found.properties.extend(properties);
        found.properties.insert(STATE.to_owned(), STATE_CONSISTENT.to_owned());
        Ok(())
    }

    /// Ends every connection, as the end of the process would.
    async fn die(&self) -> HelperError {
        let connections = std::mem::take(&mut self.state.lock().unwrap().connections);
        for connection in connections {
            connection.close().await.unwrap();
        }
        HelperError::StorageFailed("nobody hears this".to_owned())
    }
}

#[zbus::interface(name = "org.mariasnap.SnapshotHelper1")]
impl Interface {
    async fn list_targets(&self) -> Result<Vec<Target>, HelperError> {
        drop(self.called("ListTargets"));
        Ok(vec![Target {
            name: "main".to_owned(),
            prefix: "mariasnap".to_owned(),
            min_keep: 1,
            datasets: vec![TargetDataset {
                name: format!("{POOL}/mysql"),
                children: true,
            }],
        }])
    }

    async fn prepare_snapshot(&self, _target: &str) -> Result<(String, String, String), HelperError> {
        let state = self.called("PrepareSnapshot");
        if state.snapshot_limit.is_some_and(|limit| state.snapshots.len() >= limit) {
            return Err(HelperError::NoSpace("snapshot_limit".to_owned()));
        }
        if state.refuse_prepare {
            return Err(HelperError::NotAuthorized(
                "not authorised, or no such target".to_owned(),
            ));
        }
        Ok(("ticket".to_owned(), NAME.to_owned(), POOL.to_owned()))
    }

    async fn sync_pool(&self, _ticket: &str) -> Result<(), HelperError> {
        let sync = {
            let mut state = self.called("SyncPool");
            let sync = state.sync;
            if matches!(sync, SyncPool::FirstAfter(_)) {
                state.sync = SyncPool::Succeed;
            }
            sync
        };
        match sync {
            SyncPool::Succeed => Ok(()),
            SyncPool::Busy => Err(HelperError::Busy("pool tank is busy with other requests".to_owned())),
            SyncPool::AnswerAfter(delay) | SyncPool::FirstAfter(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            SyncPool::Fail => Err(HelperError::StorageFailed("I/O error".to_owned())),
        }
    }

    async fn take_snapshot(
        &self,
        _ticket: &str,
        properties: BTreeMap<String, String>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: zbus::message::Header<'_>,
    ) -> Result<Cut, HelperError> {
        let take = self.called("TakeSnapshot").take.clone();
        match take {
            Take::Succeed => Ok(self.add(properties)),
            Take::AnswerAfter(delay) => {
                let cut = self.add(properties);
                tokio::time::sleep(delay).await;
                Ok(cut)
            }
            Take::TakeAfter(pause) => {
                tokio::time::sleep(pause).await;
                Ok(self.add(properties))
            }
            Take::AnswerTwice => {
                let cut = self.add(properties);
                // One answer of two, the other is the method's own.
                connection.reply(&header, &cut).await.unwrap();
                Ok(cut)
            }
            Take::MoveOn {
                after,
                open_txg,
                answer_after,
            } => {
                let cut = self.add(properties);
                tokio::time::sleep(after).await;
                self.pool.open(open_txg);
                tokio::time::sleep(answer_after.unwrap_or(MOMENT)).await;
                match answer_after {
                    Some(_) => Ok(cut),
                    None => Err(self.die().await),
                }
            }
            Take::Fail => Err(HelperError::StorageFailed("I/O error".to_owned())),
            Take::Busy => Err(HelperError::Busy("another run".to_owned())),
            Take::Die { taken } => {
                if taken {
                    self.add(properties);
                }
                Err(self.die().await)
            }
            Take::DieForGood => {
                let socket = self.state.lock().unwrap().socket.clone();
                std::fs::remove_file(socket).unwrap();
                Err(self.die().await)
            }
        }
    }

    async fn confirm_snapshot(
        &self,
        _target: &str,
        name: &str,
        guid: u64,
        properties: BTreeMap<String, String>,
    ) -> Result<(), HelperError> {
        let dies = {
            let mut state = self.called("ConfirmSnapshot");
            let dies = state.confirm_dies > 0;
            state.confirm_dies = state.confirm_dies.saturating_sub(1);
            dies
        };
        if dies && !self.state.lock().unwrap().confirm_works_before_it_dies {
            return Err(self.die().await);
        }
        self.mark(name, guid, properties)?;
        if dies { Err(self.die().await) } else { Ok(()) }
    }

    async fn list_snapshots(&self, _target: &str) -> Result<Vec<Snapshot>, HelperError> {
        Ok(self.called("ListSnapshots").snapshots.clone())
    }

    async fn destroy_snapshots(
        &self,
        _target: &str,
        snapshots: Vec<DestroyRequest>,
    ) -> Result<Vec<DestroyOutcome>, HelperError> {
        let mut state = self.called("DestroySnapshots");
        let outcomes = snapshots.iter().map(|request| DestroyOutcome {
            name: request.name.clone(),
            outcome: state.remove(request).as_str().to_owned(),
            detail: "as the test told".to_owned(),
        });
        Ok(outcomes.collect())
    }
}
