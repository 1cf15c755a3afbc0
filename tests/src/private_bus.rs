//! A bus of its own for each test, with a polkit that says what the test wants, and the helper on it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mariasnap_dbus::SnapshotHelper1Proxy;
use mariasnap_dbus::names::BUS_NAME;
use zbus::connection::Builder;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedVariant};

use crate::fake_storage::RECORD;

const DBUS_DAEMON: &str = "/usr/bin/dbus-daemon";

/// Two targets in two pools.
pub const CONFIG: &str = r#"
[targets.main]
datasets = [{ name = "tank/mysql", children = true }, { name = "tank/binlog" }]
[targets.other]
datasets = [{ name = "pool2/db" }]
prefix = "other"
"#;

/// What the mock polkit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Says yes.
    Yes,
    /// Says no.
    No,
    /// Says yes to this action, no to others.
    Only(&'static str),
    /// Wants somebody to authenticate.
    Challenge,
    /// Answers with an error.
    Error,
    /// Never answers.
    Hang,
    /// Says yes after so long.
    Late(Duration),
}

/// One question put to the mock polkit.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `unix-process` or `system-bus-name`.
    pub kind: String,
    /// The subject's details by name, and how each is shown.
    pub subject: HashMap<String, String>,
    /// The action's id.
    pub action: String,
    /// The details passed.
    pub details: HashMap<String, String>,
    /// 1: may interact.
    pub flags: u32,
}

/// polkit as the test wants it.
#[derive(Debug, Clone)]
pub struct Polkit {
    /// What it does from now on.
    pub mood: Arc<Mutex<Mood>>,
    /// What it has been asked.
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

type Answer = (bool, bool, HashMap<String, String>);

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Polkit {
    async fn check_authorization(
        &self,
        subject: (String, HashMap<String, OwnedVariant>),
        action: String,
        details: HashMap<String, String>,
        flags: u32,
        _cancellation_id: String,
    ) -> zbus::fdo::Result<(Answer,)> {
        let mood = *self.mood.lock().unwrap();
        let shown = subject
            .1
            .iter()
            .map(|(key, value)| (key.clone(), format!("{value:?}")))
            .collect();
        let one = Asked {
            kind: subject.0,
            subject: shown,
            action: action.clone(),
            details,
            flags,
        };
        self.asked.lock().unwrap().push(one);
        let (yes, challenge) = match mood {
            Mood::Yes => (true, false),
            Mood::No => (false, false),
            Mood::Only(allowed) => (action == allowed, false),
            Mood::Challenge => (false, true),
            Mood::Error => return Err(zbus::fdo::Error::Failed("out of order".into())),
            Mood::Hang => std::future::pending().await,
            Mood::Late(after) => {
                tokio::time::sleep(after).await;
                (true, false)
            }
        };
        Ok(((yes, challenge, HashMap::new()),))
    }

    #[zbus(property)]
    async fn backend_version(&self) -> String {
        "126".to_owned()
    }
}

/// A process that is killed when dropped.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already, which is as good.
        if self.0.kill().is_ok() {
            self.0.wait().unwrap();
        }
    }
}

/// How a [`World`] is set up.
#[derive(Debug, Default)]
pub struct Setup {
    /// Environment of the helper: its limits.
    pub environment: Vec<(&'static str, String)>,
    /// Have the bus start the helper at the first request, instead of running it from the beginning.
    pub activated: bool,
    /// Leave polkit out.
    pub without_polkit: bool,
    /// Where the helper logs, instead of a file that a failed test shows.
    pub log: Option<std::io::PipeWriter>,
}

/// A private bus, polkit and the helper.
#[derive(Debug)]
pub struct World {
    helper: Option<Process>,
    _daemon: Process,
    directory: tempfile::TempDir,
    polkit_connection: Option<Connection>,
    /// The mock.
    pub polkit: Polkit,
}

impl World {
    /// With everything as usual and polkit saying yes.
    pub async fn usual() -> Self {
        Self::new(Setup::default()).await
    }

    /// Starts everything and waits until it answers.
    pub async fn new(setup: Setup) -> Self {
        assert!(
            Path::new(DBUS_DAEMON).exists(),
            "this test needs {DBUS_DAEMON}, Debian's package dbus-daemon"
        );
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("helper.toml"), CONFIG).unwrap();
        let environment = [
            vec![(RECORD, directory.path().join("record").display().to_string())],
            setup.environment,
        ];
        let environment: Vec<_> = environment.concat();
        write_bus_files(directory.path());
        let mut daemon = Command::new(DBUS_DAEMON);
        daemon
            .arg("--nofork")
            .arg(format!("--config-file={}", directory.path().join("bus.conf").display()));
        daemon.stderr(log_file(directory.path()));
        let daemon = Process(daemon.envs(environment.clone()).spawn().unwrap());
        let bus = directory.path().join("bus");
        // Not its existence: the file is there before anybody listens.
        until("the bus", || std::os::unix::net::UnixStream::connect(&bus).is_ok()).await;
        let (mood, asked) = (Arc::new(Mutex::new(Mood::Yes)), Arc::default());
        let polkit = Polkit { mood, asked };
        let mut world = Self {
            helper: None,
            _daemon: daemon,
            directory,
            polkit_connection: None,
            polkit,
        };
        if !setup.without_polkit {
            world.start_polkit().await;
        }
        if !setup.activated {
            let mut helper = Command::new(helper_path());
            let log = setup.log.map_or_else(|| log_file(world.directory.path()), Stdio::from);
            helper.arg(world.directory.path()).envs(environment).stderr(log);
            world.helper = Some(Process(helper.spawn().unwrap()));
            world.wait_for_helper().await;
        }
        world
    }

    async fn start_polkit(&mut self) {
        let connection = self.bus_builder().name("org.freedesktop.PolicyKit1");
        let served = connection.serve_at("/org/freedesktop/PolicyKit1/Authority", self.polkit.clone());
        self.polkit_connection = Some(served.build().await.unwrap());
    }

    async fn wait_for_helper(&self) {
        let bus = self.bus_builder().build().await.unwrap();
        let bus = zbus::fdo::DBusProxy::new(&bus).await.unwrap();
        let start = Instant::now();
        while !bus.name_has_owner(BUS_NAME.try_into().unwrap()).await.unwrap() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "the helper didn't take its name"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn bus_builder(&self) -> Builder<'static> {
        let address = format!("unix:path={}", self.directory.path().join("bus").display());
        Builder::address(address.as_str()).method_timeout(Duration::from_secs(20))
    }

    /// A new connection to the bus.
    pub async fn bus(&self) -> Connection {
        self.bus_builder().build().await.unwrap()
    }

    /// A new stream to the peer socket, without any handshake yet.
    pub fn stream(&self) -> std::os::unix::net::UnixStream {
        std::os::unix::net::UnixStream::connect(self.peer_socket()).unwrap()
    }

    /// Where the peer socket lies.
    pub fn peer_socket(&self) -> PathBuf {
        self.directory.path().join("peer")
    }

    /// A new peer connection.
    pub async fn peer(&self) -> zbus::Result<Connection> {
        let stream = self.stream();
        stream.set_nonblocking(true).unwrap();
        let builder = Builder::unix_stream(stream)
            .p2p()
            .method_timeout(Duration::from_secs(20));
        builder.build().await
    }

    /// A peer connection's proxy.
    pub async fn peer_proxy(&self) -> SnapshotHelper1Proxy<'static> {
        proxy(&self.peer().await.unwrap()).await
    }

    /// A bus connection's proxy.
    pub async fn bus_proxy(&self) -> SnapshotHelper1Proxy<'static> {
        proxy(&self.bus().await).await
    }

    /// Changes what polkit does.
    pub fn polkit_says(&self, mood: Mood) {
        *self.polkit.mood.lock().unwrap() = mood;
    }

    /// What polkit has been asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.polkit.asked.lock().unwrap())
    }

    /// What storage has changed, in order.
    pub fn record(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.path().join("record")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The helper's process id.
    pub fn helper_pid(&self) -> u32 {
        self.helper.as_ref().expect("the bus starts the helper").0.id()
    }

    /// Whether the helper still runs.
    pub fn helper_runs(&mut self) -> bool {
        self.helper
            .as_mut()
            .is_some_and(|helper| helper.0.try_wait().unwrap().is_none())
    }
}

impl Drop for World {
    /// A failed test shows what the bus and the helper had to say.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{}",
                std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
            );
        }
    }
}

fn log_file(directory: &Path) -> Stdio {
    let mut options = std::fs::OpenOptions::new();
    options
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap()
        .into()
}

/// A proxy over a connection of either kind.
pub async fn proxy(connection: &Connection) -> SnapshotHelper1Proxy<'static> {
    let builder = SnapshotHelper1Proxy::builder(connection).cache_properties(CacheProperties::No);
    builder.build().await.unwrap()
}

/// Waits, at most ten seconds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn helper_path() -> PathBuf {
    // target/debug/deps/TEST-HASH -> target/debug/helper_under_test
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join("helper_under_test");
    assert!(path.exists(), "{} isn't built", path.display());
    path
}

fn write_bus_files(directory: &Path) {
    std::fs::create_dir(directory.join("services")).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dbus/data");
    let installed = std::fs::read_to_string(data.join("org.mariasnap.ZfsHelper1.conf")).unwrap();
    // The policy as it is installed, but for the helper's user: here it runs as whoever runs the tests.
    let (helper, own) = ("user=\"mariasnap-helper\"", rustix::process::geteuid());
    assert!(installed.contains(helper), "{installed}");
    let policy = directory.join("policy.conf");
    std::fs::write(&policy, installed.replace(helper, &format!("user=\"{own}\""))).unwrap();
    let (directory_shown, policy) = (directory.display(), policy.display());
    let config = format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={directory_shown}/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{directory_shown}/services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
    <allow send_type="method_return"/>
    <allow send_type="error"/>
    <allow send_type="signal"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
  <include>{policy}</include>
</busconfig>"#
    );
    std::fs::write(directory.join("bus.conf"), config).unwrap();
    let helper = helper_path();
    let activation = format!(
        "[D-BUS Service]\nName={BUS_NAME}\nExec={} {directory_shown}\n",
        helper.display()
    );
    std::fs::write(directory.join(format!("services/{BUS_NAME}.service")), activation).unwrap();
}
