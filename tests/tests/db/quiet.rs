//! The quiet window on a real server: what is waited for, for how long, and what happens then.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use mariasnap_dbus::properties::QUIET_MS;
use mariasnap_tests::locker::{Ended, World, binary};
use mariasnap_tests::private_bus::until;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

const SECOND: Duration = Duration::from_secs(1);
const ER_LOCK_WAIT_TIMEOUT: u16 = 1205;
const ER_QUERY_INTERRUPTED: u16 = 1317;

/// Nothing protects this write, so every lock waits for it. The comment must never be told.
const WRITE: &str = "/* geheim */ INSERT INTO t.m SELECT SLEEP(60)";
/// Looks to BACKUP STAGE like such a write, and isn't one: whoever ignores it gets the lock.
const ARIA_WRITE: &str = "/* geheim */ INSERT INTO t.r SELECT SLEEP(60)";

/// Gives up almost at once, and whoever is there counts.
const HASTY: &str = "wait = \"200ms\"\nage = \"100ms\"";

async fn world(lock: &str, quiet: &str, options: &[&str]) -> World {
    // It may be built first, which takes longer than whoever is at work in a test.
    binary();
    let world = World::new("", options).await;
    configure(&world, lock, quiet);
    for statement in [
        "CREATE TABLE t.m (i INT) ENGINE=MyISAM",
        "CREATE TABLE t.r (i INT) ENGINE=Aria",
        "INSERT INTO t.a VALUES (1), (2)",
        "CREATE USER app@localhost",
        "GRANT ALL ON *.* TO app@localhost",
    ] {
        world.server.run(statement).await;
    }
    world
}

fn configure(world: &World, lock: &str, quiet: &str) {
    let socket = world.server.socket().display().to_string();
    world.configure(&format!(
        "[database]\nsocket = \"{socket}\"\nuser = \"snap\"\n[lock]\nstrategy = \"{lock}\"\nmax_wait = \"2s\"\n[quiet]\n{quiet}"
    ));
}

/// Somebody at work.
struct Busy {
    id: u32,
    work: JoinHandle<(mysql_async::Conn, Result<(), mysql_async::Error>)>,
}

impl Busy {
    /// Runs the statements as `user`; the last one runs on, or its connection idles after it.
    async fn start(world: &World, user: &str, statements: &[&str]) -> Self {
        let mut conn = world.server.connect_as(user).await;
        let id = conn.id();
        let (last, first) = statements.split_last().unwrap();
        for statement in first {
            conn.query_drop(*statement).await.unwrap();
        }
        let last = (*last).to_owned();
        let mut work = tokio::spawn(async move {
            let done = conn.query_drop(last).await;
            (conn, done)
        });
        // Old enough to count.
        tokio::time::sleep(Duration::from_millis(150)).await;
        if work.is_finished() {
            let (conn, done) = work.await.unwrap();
            assert!(done.is_ok(), "{statements:?}: {done:?}");
            work = tokio::spawn(std::future::ready((conn, done)));
        }
        Self { id, work }
    }

    async fn kill(self, world: &World) {
        world.server.run(&format!("KILL {}", self.id)).await;
        self.work.abort();
        let own = format!("id = {}", self.id);
        world.server.wait_for_process(&own, false).await;
    }
}

/// Whether the server itself makes the lock wait, now.
async fn is_locked_out(world: &World, lock: &str) -> bool {
    let mut conn = world.server.connect().await;
    let steps: &[&str] = match lock {
        "exact" => &[
            "BACKUP STAGE START",
            "BACKUP STAGE BLOCK_DDL",
            "BACKUP STAGE BLOCK_COMMIT",
            "BACKUP STAGE END",
        ],
        _ => &["FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"],
    };
    conn.query_drop("SET lock_wait_timeout = 0").await.unwrap();
    let mut locked_out = false;
    for step in steps {
        match conn.query_drop(*step).await {
            Ok(()) => {}
            Err(mysql_async::Error::Server(error)) if error.code == ER_LOCK_WAIT_TIMEOUT => {
                locked_out = true;
                break;
            }
            Err(error) => panic!("{step}: {error}"),
        }
    }
    conn.disconnect().await.unwrap();
    locked_out
}

fn is_given_up(ended: &Ended) -> bool {
    let given_up = ended.stderr.contains("no quiet moment");
    assert_eq!(ended.code, if given_up { 5 } else { 0 }, "{ended:?}");
    given_up
}

/// What is taken for a blocker is one, and what isn't isn't, as far as the server goes.
async fn the_forecast_agrees_with_the_server(lock: &str) {
    let world = world(lock, HASTY, &[]).await;
    world.server.run("INSERT INTO t.m VALUES (1)").await;
    let reader: &[&str] = &["BEGIN", "SELECT * FROM t.a"];
    let unknown = |statements: &'static [&'static str]| (statements, None::<&[&str]>);
    for (statements, before) in [
        unknown(&["SELECT SLEEP(60) FROM t.a"]),
        unknown(&["INSERT INTO t.m SELECT SLEEP(60)"]),
        unknown(&["INSERT INTO t.m SELECT SLEEP(60) FROM t.m"]),
        unknown(&["UPDATE t.a SET i = i + SLEEP(60)"]),
        unknown(&["CREATE TABLE t.x SELECT SLEEP(60) AS i"]),
        unknown(&["CREATE TEMPORARY TABLE t.x SELECT SLEEP(60) AS i"]),
        unknown(&["BEGIN", "INSERT INTO t.a VALUES (99)"]),
        unknown(&["BEGIN", "INSERT INTO t.m VALUES (99)"]),
        unknown(&[
            "XA START 'x'",
            "INSERT INTO t.a VALUES (99)",
            "XA END 'x'",
            "XA PREPARE 'x'",
        ]),
        (&["ALTER TABLE t.a FORCE, ALGORITHM=COPY"], Some(reader)),
        (&["RENAME TABLE t.a TO t.b"], Some(reader)),
    ] {
        let before = match before {
            Some(before) => Some(Busy::start(&world, "root", before).await),
            None => None,
        };
        let busy = Busy::start(&world, "app", statements).await;
        let truth = is_locked_out(&world, lock).await;
        let ended = world.snapshot().end().await;
        assert_eq!(is_given_up(&ended), truth, "{statements:?}: {ended:?}");
        // One statement runs all the while; after several, the connection idles.
        assert_eq!(busy.work.is_finished(), statements.len() > 1, "{statements:?}");
        busy.kill(&world).await;
        if let Some(before) = before {
            before.kill(&world).await;
        }
    }
    world.server.run("XA ROLLBACK 'x'").await;
}

#[tokio::test]
async fn the_forecast_for_exact_agrees_with_the_server() {
    the_forecast_agrees_with_the_server("exact").await;
}

#[tokio::test]
async fn the_forecast_for_ftwrl_agrees_with_the_server() {
    the_forecast_agrees_with_the_server("ftwrl").await;
}

#[tokio::test]
async fn giving_up_names_the_blockers_and_nothing_was_begun() {
    let world = world("exact", HASTY, &[]).await;
    let busy = Busy::start(&world, "app", &[WRITE]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 5, "{ended:?}");
    let error = &ended.json()["error"];
    assert_eq!(error["kind"], "lock-not-obtained");
    let blocker = &error["blockers"][0];
    assert_eq!(blocker["id"], busy.id);
    assert_eq!(blocker["user"], "app");
    assert_eq!(blocker["host"], "localhost");
    assert_eq!(blocker["command"], "Query");
    assert_eq!(blocker["statement"], "INSERT");
    assert!((300..5000).contains(&blocker["age_ms"].as_u64().unwrap()), "{blocker}");
    let named = format!("connection {} of app@localhost (INSERT for ", busy.id);
    assert!(ended.stderr.contains(&named), "{ended:?}");
    assert!(
        !world.helper.calls().contains(&"PrepareSnapshot"),
        "no ticket grows old"
    );
    assert!(!format!("{ended:?}").contains("geheim"), "{ended:?}");
    assert!(!format!("{ended:?}").contains("SLEEP"), "{ended:?}");

    configure(&world, "exact", &format!("{HASTY}\nshow_queries = true"));
    let ended = world.snapshot().end().await;
    assert!(ended.stderr.contains(WRITE), "{ended:?}");
    assert_eq!(ended.json()["error"]["blockers"][0]["query"], WRITE);
}

#[tokio::test]
async fn a_moment_that_becomes_quiet_is_taken() {
    let world = world("exact", "wait = \"20s\"\nage = \"100ms\"", &[]).await;
    let notices = world.server.dir().join("notify");
    let manager = UnixDatagram::bind(&notices).unwrap();
    manager.set_nonblocking(true).unwrap();
    let busy = Busy::start(&world, "app", &[WRITE]).await;
    let environment = [("NOTIFY_SOCKET", notices.to_str().unwrap())];
    let run = world.start(&["snapshot", "main", "--json"], &environment);
    // Anybody may read the status, so it names nobody.
    let waits = "STATUS=waiting for a quiet moment: 1 in the way";
    let mut told = Vec::new();
    let mut hear = || {
        let mut notice = [0; 4096];
        while let Ok(length) = manager.recv(&mut notice) {
            told.push(String::from_utf8_lossy(&notice[..length]).into_owned());
        }
        told.clone()
    };
    until("the wait", || hear().iter().any(|notice| notice.starts_with(waits))).await;
    tokio::time::sleep(SECOND).await;
    busy.kill(&world).await;
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = ended.json();
    let quiet_ms = report["quiet_ms"].as_u64().unwrap();
    assert!((1000..6000).contains(&quiet_ms), "{report}");
    assert_eq!(report["warnings"], serde_json::json!([]));
    let properties = world.helper.state().snapshots[0].properties.clone();
    assert_eq!(properties[QUIET_MS], quiet_ms.to_string());

    let told = hear();
    assert!(!told.iter().any(|notice| notice.contains("app")), "{told:?}");
}

#[tokio::test]
async fn who_is_ignored_and_what_is_young_does_not_count() {
    let world = world("exact", HASTY, &[]).await;
    let _busy = Busy::start(&world, "app", &[ARIA_WRITE]).await;
    for (quiet, given_up) in [
        (HASTY.to_owned(), true),
        (format!("{HASTY}\nignore_users = [\"web\", \"app\"]"), false),
        (format!("{HASTY}\nignore_users = [\"web\"]"), true),
        (format!("{HASTY}\nignore_states = [\"user sleep\"]"), false),
        (format!("{HASTY}\nignore_commands = [\"Query\"]"), false),
        ("wait = \"200ms\"\nage = \"1h\"".to_owned(), false),
    ] {
        configure(&world, "exact", &quiet);
        assert_eq!(is_given_up(&world.snapshot().end().await), given_up, "{quiet}");
    }
}

#[tokio::test]
async fn only_what_the_rule_covers_is_killed_and_all_of_it_or_nothing() {
    let kill = |rule: &str| format!("{HASTY}\non_blocked = \"kill\"\n{rule}");
    let world = world("exact", &kill("kill_users = [\"*\"]"), &[]).await;
    let busy = Busy::start(&world, "app", &[WRITE]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("CONNECTION ADMIN"), "{ended:?}");
    world
        .server
        .run("GRANT CONNECTION ADMIN ON *.* TO snap@localhost")
        .await;

    // Root wasn't named, and what is younger than kill_age isn't killed either: then nobody is.
    let roots = Busy::start(&world, "root", &[ARIA_WRITE]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(
        ended.stderr.contains(&format!("connection {} of root@", roots.id)),
        "{ended:?}"
    );
    assert!(
        !ended.stderr.contains(&format!("connection {} of app@", busy.id)),
        "{ended:?}"
    );
    roots.kill(&world).await;
    configure(&world, "exact", &kill("kill_users = [\"app\"]\nkill_age = \"1h\""));
    assert_eq!(world.snapshot().end().await.code, 5);
    assert!(!busy.work.is_finished(), "nothing was killed so far");

    configure(&world, "exact", &kill("kill_users = [\"app\"]"));
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let warning = ended.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(
        warning.contains(&format!("killed by quiet.on_blocked: connection {} of app@", busy.id)),
        "{warning}"
    );
    assert!(!format!("{ended:?}").contains("geheim"), "{ended:?}");
    let (mut conn, done) = busy.work.await.unwrap();
    let Err(mysql_async::Error::Server(error)) = done else {
        panic!("{done:?}");
    };
    assert_eq!(error.code, ER_QUERY_INTERRUPTED);
    conn.query_drop("SELECT 1")
        .await
        .expect("only the statement was killed");

    configure(&world, "exact", &kill("kill_users = [\"app\"]\nkill = \"connection\""));
    let busy = Busy::start(&world, "app", &[WRITE]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let (mut killed, _) = busy.work.await.unwrap();
    killed
        .query_drop("SELECT 1")
        .await
        .expect_err("the connection was killed");
}

#[tokio::test]
async fn an_account_that_sees_nobody_says_so() {
    let world = world("exact", HASTY, &[]).await;
    world.server.run("REVOKE PROCESS ON *.* FROM snap@localhost").await;
    let _busy = Busy::start(&world, "app", &[ARIA_WRITE]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let warning = ended.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("lacks PROCESS"), "{warning}");
    assert!(ended.stderr.contains("lacks PROCESS"), "{ended:?}");
}

#[tokio::test]
async fn a_signal_ends_the_wait() {
    let world = world("exact", "age = \"100ms\"", &[]).await;
    let _busy = Busy::start(&world, "app", &[WRITE]).await;
    let run = world.snapshot();
    world.server.wait_for_process("user = 'snap'", true).await;
    tokio::time::sleep(SECOND).await;
    let start = Instant::now();
    run.signal("TERM");
    let ended = run.end().await;
    assert!(start.elapsed() < 3 * SECOND, "{ended:?}");
    assert_eq!(ended.code, 8, "{ended:?}");
    assert_eq!(world.helper.calls(), [""; 0]);
    world.server.wait_for_process("user = 'snap'", false).await;
}

#[tokio::test]
async fn an_idle_holder_of_a_table_lock_is_seen_where_the_server_shows_locks() {
    let options = [
        "--performance-schema",
        "--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON",
    ];
    let world = world("exact", HASTY, &options).await;
    world
        .server
        .run("GRANT SELECT ON performance_schema.* TO snap@localhost")
        .await;
    for statements in [&["LOCK TABLES t.a WRITE"][..], &["BACKUP STAGE START"]] {
        let busy = Busy::start(&world, "app", statements).await;
        for lock in ["exact", "ftwrl"] {
            configure(&world, lock, HASTY);
            let truth = is_locked_out(&world, lock).await;
            let ended = world.snapshot().end().await;
            assert_eq!(is_given_up(&ended), truth, "{statements:?} {lock}: {ended:?}");
        }
        busy.kill(&world).await;
    }
}
