//! A real MariaDB server in a directory of its own, gone with the value that stands for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row};
use tempfile::TempDir;

use crate::build::top;

/// A fifth of the bytes that an empty server otherwise writes.
const SMALL_LOG: &str = "--innodb-log-file-size=4M";

/// ER_OPTION_PREVENTS_STATEMENT, for `super_read_only` among others.
const ER_READ_ONLY: u16 = 1290;

/// Longer than a connection takes to come or to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Copies a data directory, whole and as it is, into the directory `to`.
pub(crate) fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.unwrap().success(), "{} couldn't be copied", from.display());
}

/// A running server with a database `t`, a table `t.a`, and a user `snap` that has what mariasnap asks for and no more.
pub struct Server {
    dir: TempDir,
    process: Child,
}

impl Server {
    /// Starts one, with further options, on a unix socket alone.
    pub async fn start(options: &[&str]) -> Self {
        let options: Vec<_> = options
            .iter()
            .chain(&["--skip-networking"])
            .map(ToString::to_string)
            .collect();
        Self::start_in(tempfile::tempdir().unwrap(), &options).await
    }

    /// Starts one in a directory that may hold more than the data, a certificate for instance.
    pub async fn start_in(dir: TempDir, options: &[String]) -> Self {
        install(&dir.path().join("data"));
        let server = Self::launch(dir, options).await;
        server.populate().await;
        server
    }

    /// Starts one on the data that is there, with nothing added to it.
    pub async fn launch(dir: TempDir, options: &[String]) -> Self {
        Self::spawn(dir, program(), options).await
    }

    /// Starts a server's program, MySQL's for instance, on `data` in the directory.
    pub(crate) async fn spawn(dir: TempDir, command: Command, options: &[String]) -> Self {
        let process = start_process(dir.path(), command, options);
        let mut server = Self { dir, process };
        server.wait_until_up().await;
        server
    }

    async fn wait_until_up(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if Conn::new(self.options("root")).await.is_ok() {
                return;
            }
            let log = || std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "the server ended: {}",
                log()
            );
            assert!(Instant::now() < deadline, "the server doesn't come up: {}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn populate(&self) {
        self.run("CREATE DATABASE t").await;
        self.run("CREATE TABLE t.a (i INT PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB")
            .await;
        self.run("CREATE USER snap@localhost").await;
        self.run("GRANT RELOAD, PROCESS, BINLOG MONITOR ON *.* TO snap@localhost")
            .await;
    }

    /// Where the socket and the rest of the server's files lie.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("db.sock")
    }

    fn options(&self, user: &str) -> OptsBuilder {
        OptsBuilder::default()
            .user(Some(user))
            .socket(Some(self.socket().display().to_string()))
    }

    /// A connection of its administrator.
    pub async fn connect(&self) -> Conn {
        self.connect_as("root").await
    }

    /// A connection of somebody else's.
    pub async fn connect_as(&self, user: &str) -> Conn {
        Conn::new(self.options(user)).await.unwrap()
    }

    /// Runs a statement on a connection of its own.
    pub async fn run(&self, statement: &str) {
        let mut conn = self.connect().await;
        conn.query_drop(statement)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        conn.disconnect().await.unwrap();
    }

    /// Binary log, position and GTID as anybody sees them.
    pub async fn position(&self) -> (String, u64, String) {
        let mut conn = self.connect().await;
        let status: Option<(String, u64)> = conn
            .query_map("SHOW MASTER STATUS", |row: mysql_async::Row| {
                (row.get(0).unwrap(), row.get(1).unwrap())
            })
            .await
            .unwrap()
            .pop();
        let gtid: Option<String> = conn.query_first("SELECT @@gtid_binlog_pos").await.unwrap();
        conn.disconnect().await.unwrap();
        let (file, position) = status.unwrap();
        (file, position, gtid.unwrap())
    }

    /// The rows of a query, each value as the server writes it.
    pub async fn rows(&self, query: &str) -> Vec<BTreeMap<String, String>> {
        let mut conn = self.connect().await;
        let rows: Vec<Row> = conn
            .query(query)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        conn.disconnect().await.unwrap();
        let text = |row: &Row, at: usize| row.get_opt::<String, _>(at).and_then(Result::ok).unwrap_or_default();
        let named = |row: &Row| {
            let columns = row.columns_ref().iter().enumerate();
            columns
                .map(|(at, column)| (column.name_str().into_owned(), text(row, at)))
                .collect()
        };
        rows.iter().map(named).collect()
    }

    /// The connections of `user`, as the server lists them.
    pub async fn connections_of(&self, user: &str) -> Vec<u64> {
        self.processes(&format!("user = '{user}'")).await
    }

    /// The connections for which this is so of the process list's columns.
    pub async fn processes(&self, condition: &str) -> Vec<u64> {
        let mut conn = self.connect().await;
        let query = format!("SELECT id FROM information_schema.processlist WHERE {condition}");
        let ids = conn.query(query).await.unwrap();
        conn.disconnect().await.unwrap();
        ids
    }

    /// Waits until the process list has such a connection, or until it has none.
    pub async fn wait_for_process(&self, condition: &str, is_there: bool) {
        let start = Instant::now();
        while self.processes(condition).await.is_empty() == is_there {
            assert!(
                start.elapsed() < PATIENCE,
                "{condition}: not {is_there} within {PATIENCE:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts to commit one row after another.
    pub async fn write(&self) -> Writer {
        Writer::start(self.connect().await, self.options("root"))
    }

    /// Sends it a signal by the name that kill(1) knows.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args(["-s", name, &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// Copies its data to `to` as they are at one moment: the process stands still meanwhile.
    pub fn copy_data(&self, to: &Path) {
        self.signal("STOP");
        copy(&self.dir.path().join("data"), to);
        self.signal("CONT");
    }

    /// Shuts it down in an orderly way.
    pub async fn shut_down(&mut self) {
        let mut conn = self.connect().await;
        conn.query_drop("SHUTDOWN").await.unwrap();
        while self.process.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops it, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts a MariaDB that was stopped on its data again, on the unix socket alone.
    pub async fn start_again(&mut self) {
        self.process = start_process(self.dir.path(), program(), &["--skip-networking".to_owned()]);
        self.wait_until_up().await;
    }
}

fn start_process(dir: &Path, mut command: Command, options: &[String]) -> Child {
    command
        .args(["--log-bin=b", "--server-id=1"])
        .arg(format!("--datadir={}", dir.join("data").display()))
        .arg(format!("--socket={}", dir.join("db.sock").display()))
        .arg(format!("--pid-file={}", dir.join("pid").display()))
        .args(options)
        // A server that starts clears others' temporary tables out of a directory that they share.
        .env("TMPDIR", dir)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(dir.join("log")).unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} must be installed for these tests: {error}"))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Also while a failed test unwinds: whatever is wrong with the process, it is gone afterwards.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new("mariadbd");
    command.args([
        "--no-defaults",
        "--user=root",
        "--innodb-buffer-pool-size=16M",
        SMALL_LOG,
    ]);
    command
}

/// Makes the data of a server that has nothing in it yet.
pub fn install(data: &Path) {
    copy(empty(), data);
}

/// The data of such a server of the installed version, which are made once: that takes twenty times as long as a copy.
fn empty() -> &'static Path {
    static EMPTY: OnceLock<PathBuf> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let version = Command::new("mariadbd").arg("--version").output();
        let version = version.expect("mariadbd must be installed for these tests").stdout;
        let name: String = String::from_utf8_lossy(&version)
            .chars()
            .filter(|sign| sign.is_ascii_alphanumeric() || ".-+".contains(*sign))
            .collect();
        let kept = top().join("target/test-data").join(format!("{name}{SMALL_LOG}"));
        if !kept.exists() {
            let above = kept.parent().unwrap();
            std::fs::create_dir_all(above).unwrap();
            let new = tempfile::tempdir_in(above).unwrap();
            make_empty(new.path());
            // Another test program may have been faster, which is as good.
            if let Err(error) = std::fs::rename(new.path().join("data"), &kept) {
                assert!(kept.exists(), "{}: {error}", kept.display());
            }
        }
        kept
    })
}

fn make_empty(above: &Path) {
    let done = Command::new("mariadb-install-db")
        .args([
            "--no-defaults",
            "--user=root",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            SMALL_LOG,
        ])
        .arg(format!("--datadir={}", above.join("data").display()))
        .env("TMPDIR", above)
        .output()
        .expect("mariadb-install-db must be installed for these tests");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Somebody who commits whenever the server takes writes, and connects anew whenever the connection breaks.
pub struct Writer {
    commits: Arc<Mutex<Vec<Instant>>>,
    done: Arc<AtomicBool>,
}

impl Writer {
    fn start(mut conn: Conn, options: OptsBuilder) -> Self {
        let commits = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::new(AtomicBool::new(false));
        let (log, stop) = (commits.clone(), done.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                match conn.query_drop("INSERT INTO t.a VALUES ()").await {
                    Ok(()) => log.lock().unwrap().push(Instant::now()),
                    Err(mysql_async::Error::Server(error)) if error.code == ER_READ_ONLY => {}
                    Err(mysql_async::Error::Server(error)) => panic!("{error}"),
                    Err(_) => {
                        if let Ok(anew) = Conn::new(options.clone()).await {
                            conn = anew;
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        Self { commits, done }
    }

    /// How many commits returned between two moments.
    pub fn commits_between(&self, from: Instant, to: Instant) -> usize {
        self.commits
            .lock()
            .unwrap()
            .iter()
            .filter(|at| **at > from && **at < to)
            .count()
    }

    /// The longest time between two commits, or since the last one.
    pub fn longest_gap(&self) -> Duration {
        let gaps = self.gaps();
        gaps.iter().map(|(from, to)| *to - *from).max().unwrap_or_default()
    }

    /// From each commit to the next, and from the last one until now.
    pub fn gaps(&self) -> Vec<(Instant, Instant)> {
        let mut commits = self.commits.lock().unwrap().clone();
        commits.push(Instant::now());
        commits.windows(2).map(|two| (two[0], two[1])).collect()
    }

    /// Waits until a commit returns, and says how long that took.
    pub async fn next_commit(&self, bound: Duration) -> Duration {
        let start = Instant::now();
        while self.commits_between(start, Instant::now()) == 0 {
            assert!(start.elapsed() < bound, "no commit within {bound:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        start.elapsed()
    }

    /// Asserts that commits stand still right now.
    pub async fn assert_still(&self) {
        // One that was on its way may still return.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(self.commits_between(start, Instant::now()), 0, "commits go on");
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

/// A port of the loopback interface on which nobody listens now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
