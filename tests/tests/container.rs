//! The container's contract with whoever restarts and probes it: Ready means locked, and one container locks once.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use mariasnap_tests::container::{Image, Pod, build, must};
use mariasnap_tests::locker::Running;
use mariasnap_tests::mariadb::{Server, free_port};
use mysql_async::prelude::Queryable;

const SECOND: Duration = Duration::from_secs(1);
const NOT_FROZEN: i32 = 15;
const SECRET: &str = "[client]\nuser = snap\npassword = \"p#ss word\"\n";

static IMAGE: LazyLock<Image> = LazyLock::new(Image::unpacked);

/// A server that is reached over TCP, as from another pod.
struct World {
    server: Server,
    pod: Pod<'static>,
}

impl World {
    async fn new(max_hold: &str, secret: &str) -> Self {
        let port = free_port();
        let options = ["--bind-address=127.0.0.1".to_owned(), format!("--port={port}")];
        let server = Server::start_in(tempfile::tempdir().unwrap(), &options).await;
        for host in ["localhost", "127.0.0.1"] {
            server
                .run(&format!(
                    "CREATE OR REPLACE USER snap@'{host}' IDENTIFIED BY 'p#ss word'"
                ))
                .await;
            server
                .run(&format!(
                    "GRANT RELOAD, PROCESS, BINLOG MONITOR ON *.* TO snap@'{host}'"
                ))
                .await;
        }
        let config = format!(
            "[database]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\n\
             defaults_file = \"/etc/mariasnap/secret/main.cnf\"\n[freeze]\nmax_hold = \"{max_hold}\"\n"
        );
        let pod = Pod::new(&IMAGE, &config, secret);
        Self { server, pod }
    }

    /// Waits until the probe says this, and panics when the container ends meanwhile.
    async fn until(&self, code: i32, container: &mut Running) {
        let start = Instant::now();
        while self.pod.probe().await != code {
            assert!(container.is_alive(), "the container ended");
            assert!(start.elapsed() < 20 * SECOND, "the probe doesn't say {code}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// For two seconds it runs, isn't Ready, and has no lock.
    async fn stays_unlocked(&self, container: &mut Running) {
        let start = Instant::now();
        while start.elapsed() < 2 * SECOND {
            assert_eq!(self.pod.probe().await, NOT_FROZEN);
            assert!(container.is_alive(), "the container ended");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.server.write().await.next_commit(SECOND).await;
    }
}

/// That it is confined as a node confines it: otherwise nothing here would show that it gets along with that.
fn assert_confined(container: &Running) {
    let of = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", container.id())).unwrap();
    let status = of("status").replace('\t', " ");
    for line in [
        "Uid: 65532 65532",
        "Gid: 65532 65532",
        "CapEff: 0000000000000000",
        "NoNewPrivs: 1",
    ] {
        assert!(status.contains(&format!("\n{line}")), "{line}: {status}");
    }
    let mounts = of("mountinfo");
    let option = |point: &str| {
        let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = mounts.rfind(|fields| fields[4] == point);
        mount.unwrap_or_else(|| panic!("{point}: {:?}", of("mountinfo")))[5].starts_with("ro")
    };
    assert!(option("/") && option("/etc/mariasnap") && !option("/run/mariasnap"));
}

#[tokio::test]
async fn ready_is_locked_and_a_signal_unlocks() {
    let world = World::new("60s", SECRET).await;
    assert_eq!(world.pod.probe().await, NOT_FROZEN, "before there was a container");
    let mut container = world.pod.freeze();
    world.until(0, &mut container).await;
    assert_confined(&container);

    // A write in a second session waits, and is seen to.
    let mut session = world.server.connect().await;
    let id = session.id();
    let insert = tokio::spawn(async move { session.query_drop("INSERT INTO t.a VALUES ()").await });
    tokio::time::sleep(SECOND).await;
    assert!(!insert.is_finished(), "the INSERT returned under the lock");
    let waiting = world
        .server
        .rows(&format!(
            "SELECT state FROM information_schema.processlist WHERE id = {id}"
        ))
        .await;
    assert!(
        waiting[0].values().any(|state| state.contains("backup lock")),
        "{waiting:?}"
    );
    let (file, position, _) = world.server.position().await;

    container.signal("TERM");
    tokio::time::timeout(SECOND, insert)
        .await
        .expect("the INSERT returns")
        .unwrap()
        .unwrap();
    let ended = container.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let frozen: serde_json::Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(frozen["event"], "frozen");
    assert_eq!(frozen["position"]["binlog_file"], file.as_str());
    assert_eq!(frozen["position"]["binlog_position"], position);
    assert_eq!(world.pod.probe().await, NOT_FROZEN);
}

/// As the kernel does where memory runs out, and the kubelet then starts the container again in the same pod.
#[tokio::test]
async fn a_restarted_container_takes_no_second_lock() {
    let world = World::new("60s", SECRET).await;
    let mut container = world.pod.freeze();
    world.until(0, &mut container).await;
    let writer = world.server.write().await;
    writer.assert_still().await;
    container.signal("KILL");
    writer.next_commit(SECOND).await;
    container.end().await;
    assert_eq!(world.pod.probe().await, NOT_FROZEN);

    let mut again = world.pod.freeze();
    world.stays_unlocked(&mut again).await;
    again.signal("TERM");
    let ended = again.end().await;
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(world.pod.told().exists(), "what tells the next one must stay");
}

#[tokio::test]
async fn a_lapsed_lock_is_told_and_not_taken_again() {
    let world = World::new("3s", SECRET).await;
    let mut container = world.pod.freeze();
    world.until(0, &mut container).await;
    let writer = world.server.write().await;
    writer.next_commit(5 * SECOND).await;
    world.until(NOT_FROZEN, &mut container).await;
    world.stays_unlocked(&mut container).await;
    container.signal("TERM");
    let ended = container.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
}

/// Whatever ended the first one, the second is of the same scaling up.
#[tokio::test]
async fn nor_is_it_after_a_restart() {
    for (max_hold, signal) in [("3s", "KILL"), ("60s", "TERM")] {
        let world = World::new(max_hold, SECRET).await;
        let mut container = world.pod.freeze();
        world.until(0, &mut container).await;
        if signal == "KILL" {
            world.until(NOT_FROZEN, &mut container).await;
        }
        container.signal(signal);
        container.end().await;
        let mut again = world.pod.freeze();
        world.stays_unlocked(&mut again).await;
    }
}

#[tokio::test]
async fn a_lost_connection_is_told() {
    let world = World::new("60s", SECRET).await;
    let mut container = world.pod.freeze();
    world.until(0, &mut container).await;
    for id in world.server.connections_of("snap").await {
        world.server.run(&format!("KILL {id}")).await;
    }
    world.until(NOT_FROZEN, &mut container).await;
    world.stays_unlocked(&mut container).await;
    container.signal("TERM");
    let ended = container.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
}

#[tokio::test]
async fn a_wrong_password_never_locks() {
    let world = World::new("60s", "[client]\nuser = snap\npassword = other\n").await;
    let mut container = world.pod.freeze();
    world.stays_unlocked(&mut container).await;
    container.signal("TERM");
    let ended = container.end().await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(!ended.stderr.contains("other"), "{ended:?}");
}

/// What is in the image, and as whom it runs.
#[tokio::test]
async fn the_image_holds_the_program_and_little_else() {
    let process = IMAGE.process();
    assert_eq!(process["user"], serde_json::json!({"uid": 65532, "gid": 65532}));
    assert_eq!(process["args"], serde_json::json!(["/usr/bin/mariasnap"]));
    let files = must(
        std::process::Command::new("find")
            .args([
                ".",
                "(",
                "-type",
                "f",
                "-o",
                "-type",
                "l",
                ")",
                "-not",
                "-path",
                "./lib*",
                "-not",
                "-path",
                "./usr/share/doc/*",
            ])
            .current_dir(IMAGE.root()),
    );
    let mut files: Vec<_> = files.lines().collect();
    files.sort_unstable();
    assert_eq!(
        files,
        [
            "./etc/group",
            "./etc/nsswitch.conf",
            "./etc/passwd",
            "./etc/ssl/certs/ca-certificates.crt",
            "./usr/bin/mariasnap"
        ]
    );
    let special = must(
        std::process::Command::new("find")
            .arg(IMAGE.root())
            .args(["-perm", "/6000", "-o", "-perm", "/0002", "-not", "-type", "l"]),
    );
    assert_eq!(
        special.lines().collect::<Vec<_>>(),
        [IMAGE.root().join("tmp").display().to_string()]
    );
}

#[tokio::test]
async fn the_same_program_makes_the_same_image() {
    let dir = tempfile::tempdir().unwrap();
    let tar = |name: &str| {
        build(&dir.path().join(name));
        std::fs::read(dir.path().join(name).join("mariasnap.tar")).unwrap()
    };
    let first = tar("first");
    // Whatever took its date from a clock would differ.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(first == tar("second"), "two builds differ");
}
