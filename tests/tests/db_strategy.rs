//! The lock strategies on a real server: their statements, whom each one holds up, and what each one refuses.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use mariasnap_dbus::properties::{BINLOG_FILE, GTID, LOCK, STATE_CONSISTENT};
use mariasnap_tests::fake_helper::{NAME, Take};
use mariasnap_tests::locker::World;
use mysql_async::prelude::Queryable;

const SECOND: Duration = Duration::from_secs(1);

fn strategy(word: &str) -> String {
    format!("[lock]\nstrategy = \"{word}\"\n")
}

/// What the locker's connection sent from its first lock statement on, the first words of each.
async fn statements(word: &str, options: &[&str], first: &str) -> Vec<String> {
    let options: Vec<_> = options
        .iter()
        .chain(&["--general-log", "--log-output=FILE"])
        .copied()
        .collect();
    let world = World::new(&strategy(word), &options).await;
    world.server.run("GRANT SHOW VIEW ON *.* TO snap@localhost").await;
    world.server.run("SET GLOBAL general_log_file = 'general'").await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let log = std::fs::read_to_string(world.server.dir().join("data/general")).unwrap();
    let connect = log.lines().find(|line| line.contains("Connect\tsnap@")).unwrap();
    let id = |line: &str| {
        line.split("\t")
            .nth(1)
            .map(|word| word.trim().split(' ').next().unwrap_or("").to_owned())
    };
    let own = id(connect).or_else(|| panic!("{connect}"));
    let sent = log
        .lines()
        .filter(|line| id(line) == own)
        .filter_map(|line| Some(line.split_once("Query\t")?.1));
    let short = |sent: &str| sent.split(' ').take(4).collect::<Vec<_>>().join(" ");
    sent.skip_while(|sent| !sent.starts_with(first)).map(short).collect()
}

const POSITION: [&str; 2] = [
    "SELECT CONNECTION_ID(), @@gtid_binlog_pos, @@gtid_current_pos,",
    "SHOW MASTER STATUS",
];
const NARROW: &str = "SET SESSION lock_wait_timeout =";
const TIGHTEN: &str = "SET SESSION wait_timeout =";

#[tokio::test]
async fn exact_is_one_packet_to_lock_and_one_to_unlock() {
    let stages = [
        "BACKUP STAGE START",
        "BACKUP STAGE FLUSH",
        "BACKUP STAGE BLOCK_DDL",
        NARROW,
    ];
    let sent = statements("exact", &[], stages[0]).await;
    let rest = [
        &["BACKUP STAGE BLOCK_COMMIT"][..],
        &POSITION,
        &[TIGHTEN],
        &POSITION,
        &["BACKUP STAGE END"],
    ];
    assert_eq!(sent, [&stages[..], &rest.concat()].concat());

    let sent = statements(
        "exact",
        &["--innodb-flush-log-at-trx-commit=0"],
        "BACKUP STAGE BLOCK_COMMIT",
    )
    .await;
    assert_eq!(sent[1], "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS");
}

#[tokio::test]
async fn online_never_stops_commits() {
    let sent = statements("online", &[], "BACKUP STAGE START").await;
    let stages = [
        "BACKUP STAGE START",
        "BACKUP STAGE FLUSH",
        NARROW,
        "BACKUP STAGE BLOCK_DDL",
    ];
    let rest = [&POSITION[..], &[TIGHTEN], &POSITION, &["BACKUP STAGE END"]];
    assert_eq!(sent, [&stages[..], &rest.concat()].concat());
}

#[tokio::test]
async fn ftwrl_asks_before_it_unlocks() {
    let sent = statements("ftwrl", &[], "FLUSH").await;
    let stages = ["FLUSH NO_WRITE_TO_BINLOG TABLES", NARROW, "FLUSH TABLES WITH READ"];
    let rest = [
        &POSITION[..],
        &[TIGHTEN],
        &POSITION,
        &["BACKUP STAGE START", "UNLOCK TABLES"],
    ];
    assert_eq!(sent, [&stages[..], &rest.concat()].concat());
}

#[tokio::test]
async fn none_locks_nothing() {
    let sent = statements("none", &[], "SELECT COUNT(*)").await;
    assert!(
        !sent.iter().any(|sent| sent.contains("LOCK") || sent.contains("STAGE")),
        "{sent:?}"
    );
}

/// Whether a statement comes through within a moment.
async fn comes_through(world: &World, statement: &'static str) -> bool {
    let mut conn = world.server.connect().await;
    tokio::time::timeout(Duration::from_millis(400), conn.query_drop(statement))
        .await
        .is_ok()
}

#[tokio::test]
async fn online_lets_commits_go_on_and_holds_up_the_rest() {
    let world = World::new(&strategy("online"), &[]).await;
    world.server.run("CREATE TABLE t.m (i INT) ENGINE=MyISAM").await;
    world.server.run("CREATE TABLE t.r (i INT) ENGINE=Aria").await;
    world.helper.state().take = Take::AnswerAfter(3 * SECOND);
    let writer = world.server.write().await;
    writer.next_commit(5 * SECOND).await;
    let run = world.snapshot();
    let taken = world.helper.wait_for("TakeSnapshot").await;
    assert!(!comes_through(&world, "INSERT INTO t.m VALUES (1)").await);
    assert!(!comes_through(&world, "INSERT INTO t.r VALUES (1)").await);
    assert!(!comes_through(&world, "CREATE TABLE t.b (i INT)").await);
    let during = writer.commits_between(taken, Instant::now());
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(during > 50, "{during} commits");
    assert!(comes_through(&world, "INSERT INTO t.m VALUES (1)").await);
    println!("online: longest gap between commits {:?}", writer.longest_gap());

    let report = ended.json();
    assert_eq!(
        (&report["lock"], &report["state"]),
        (&"online".into(), &"consistent".into())
    );
    assert!(report["gtid"].is_null() && report["binlog_file"].is_null(), "{report}");
    let number = |key: &str| {
        let gtid = report[key].as_str().unwrap().to_owned();
        gtid.rsplit('-').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(number("gtid_floor") + 50 < number("gtid_ceiling"), "{report}");
    let state = world.helper.state();
    let properties = &state.snapshots[0].properties;
    assert_eq!(properties[LOCK], "online");
    assert_eq!(properties["floor-gtid"], report["gtid_floor"].as_str().unwrap());
    assert_eq!(properties["ceiling-gtid"], report["gtid_ceiling"].as_str().unwrap());
    assert!(
        !properties.contains_key(GTID) && !properties.contains_key(BINLOG_FILE),
        "{properties:?}"
    );
}

#[tokio::test]
async fn online_is_refused_where_the_redo_log_may_lag() {
    let world = World::new(&strategy("online"), &["--innodb-flush-log-at-trx-commit=2"]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("innodb_flush_log_at_trx_commit"), "{ended:?}");
    assert!(world.helper.calls().is_empty());
}

#[tokio::test]
async fn a_lost_online_lock_is_noticed() {
    let world = World::new(&strategy("online"), &[]).await;
    world.helper.state().take = Take::AnswerAfter(SECOND);
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    let ids = world.server.connections_of("snap").await;
    world.server.run(&format!("KILL {}", ids[0])).await;
    let ended = run.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}

#[tokio::test]
async fn none_is_refused_unless_every_table_is_seen_and_innodbs() {
    let world = World::new(&strategy("none"), &[]).await;
    world.server.run("CREATE TABLE t.m (i INT) ENGINE=MyISAM").await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("SHOW VIEW"), "{ended:?}");

    world.server.run("GRANT SHOW VIEW ON *.* TO snap@localhost").await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("t.m (MyISAM)"), "{ended:?}");
    assert!(world.helper.calls().is_empty());

    world.server.run("ALTER TABLE t.m ENGINE=InnoDB").await;
    world.server.run("CREATE VIEW t.v AS SELECT 1").await;
    world.helper.state().take = Take::AnswerAfter(SECOND);
    let writer = world.server.write().await;
    let run = world.snapshot();
    let taken = world.helper.wait_for("TakeSnapshot").await;
    assert!(comes_through(&world, "CREATE TABLE t.b (i INT)").await);
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(writer.commits_between(taken, taken + SECOND) > 20);
    let report = ended.json();
    assert_eq!(
        (&report["lock"], &report["state"]),
        (&"none".into(), &"crash-consistent".into())
    );
    assert_eq!(report["hold_ms"], 0);
    assert!(report["gtid"].is_null(), "{report}");

    // The helper knows it as confirmed, people are told what it is.
    assert_eq!(world.helper.listing(), [(NAME.to_owned(), STATE_CONSISTENT.to_owned())]);
    let listed = world.run(&["list", "main", "--json"]).await.json();
    assert_eq!(listed["snapshots"][0]["state"], "crash-consistent");
    let table = world.run(&["list", "main"]).await.stdout;
    assert!(table.contains("crash-consistent"), "{table}");
}

#[tokio::test]
async fn a_lock_that_the_server_lacks_is_refused_before_the_helper_is_asked() {
    let world = World::new(&strategy("instance"), &[]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("LOCK INSTANCE FOR BACKUP"), "{ended:?}");
    assert!(world.helper.calls().is_empty());
}

/// What a hold costs with a helper that answers at once; printed, since it depends on the machine.
#[tokio::test]
async fn how_long_a_hold_is() {
    for word in ["exact", "online", "ftwrl"] {
        let world = World::new(&strategy(word), &[]).await;
        let writer = world.server.write().await;
        writer.next_commit(5 * SECOND).await;
        let mut holds = Vec::new();
        for _ in 0..15 {
            world.helper.state().snapshots.clear();
            let ended = world.snapshot().end().await;
            assert_eq!(ended.code, 0, "{ended:?}");
            holds.push(ended.json()["hold_ms"].as_u64().unwrap());
        }
        holds.sort_unstable();
        println!("{word}: hold_ms {holds:?}, median {}", holds[holds.len() / 2]);
    }
}
