//! The lock strategies on a real server: their statements, whom each one holds up, and what each one refuses.

use std::time::{Duration, Instant};

use mariasnap_dbus::properties::{BINLOG_FILE, GTID, LOCK, STATE_CONSISTENT};
use mariasnap_tests::fake_helper::{NAME, Take};
use mariasnap_tests::locker::World;
use mariasnap_tests::mariadb::Server;
use mysql_async::prelude::Queryable;

const SECOND: Duration = Duration::from_secs(1);

fn strategy(word: &str) -> String {
    format!("[lock]\nstrategy = \"{word}\"\n")
}

/// The packets that the locker's connection sent from its first lock statement on: of each, the first words of its
/// statements.
async fn packets(word: &str, options: &[&str], first: &str) -> Vec<String> {
    let options: Vec<_> = options
        .iter()
        .chain(&["--general-log", "--general-log-file=general"])
        .copied()
        .collect();
    let world = World::new(&strategy(word), &options).await;
    world.server.run("GRANT SHOW VIEW ON *.* TO snap@localhost").await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let log = std::fs::read_to_string(world.server.dir().join("data/general")).unwrap();
    // "time id Query\tpacket", the time only where it is another than that of the line before.
    let id = |head: &str| head.split_whitespace().last().map(str::to_owned);
    let connect = log.lines().find_map(|line| line.split_once(" Connect\tsnap@")).unwrap();
    let own = id(connect.0);
    let sent = log.lines().filter_map(|line| line.split_once(" Query\t"));
    let sent = sent.filter(|(head, _)| id(head) == own).map(|(_, packet)| packet);
    let words = |statement: &str| statement.split(' ').take(4).collect::<Vec<_>>().join(" ");
    sent.skip_while(|packet| !packet.starts_with(first))
        .map(|packet| packet.split("; ").map(words).collect::<Vec<_>>().join("; "))
        .collect()
}

const POSITION: &str = "SELECT CONNECTION_ID(), @@gtid_binlog_pos, @@gtid_current_pos,; SHOW MASTER STATUS";
const FLUSH: &str = "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS";
const NARROW: &str = "SET SESSION lock_wait_timeout =";
const TIGHTEN: &str = "SET SESSION wait_timeout =";

#[tokio::test]
async fn exact_locks_then_reads_beside_the_cut_then_proves_and_unlocks() {
    let stages = ["BACKUP STAGE START", "BACKUP STAGE FLUSH", "BACKUP STAGE BLOCK_DDL"];
    let end = format!("{POSITION}; BACKUP STAGE END");
    let (lock, look) = ("BACKUP STAGE BLOCK_COMMIT", format!("{POSITION}; {TIGHTEN}"));
    let flushed = format!("{lock}; {FLUSH}");
    let sent = packets("exact", &[], stages[0]).await;
    assert_eq!(sent, [&stages[..], &[NARROW, &flushed, &look, &end]].concat());

    let sent = packets("exact", &["--innodb-flush-log-at-trx-commit=3"], lock).await;
    assert_eq!(sent, [lock, &look, &end]);
}

/// What a restore has that leaves the binary log out, or is given an empty one. Where InnoDB's log says of the last commits
/// no more than that they are prepared, the server doesn't start there, and asks to be told what became of them.
#[tokio::test]
async fn innodbs_files_alone_hold_every_commit_before_the_position() {
    let mut world = World::new("[lock]\nmax_hold = \"20s\"\n", &[]).await;
    world.helper.state().take = Take::AnswerAfter(3 * SECOND);
    let (.., before) = world.server.position().await;
    let writer = world.server.write().await;
    writer.next_commit(5 * SECOND).await;
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    let copy = tempfile::tempdir().unwrap();
    world.server.copy_data(&copy.path().join("data"));
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    drop(writer);
    world.server.kill();

    let number = |gtid: &str| gtid.rsplit('-').next().unwrap().parse::<u64>().unwrap();
    let rows = number(ended.json()["gtid"].as_str().unwrap()) - number(&before);
    assert!(rows > 0);
    let options = ["--skip-networking", "--skip-log-bin"].map(str::to_owned);
    let restored = Server::launch(copy, &options).await;
    assert_eq!(
        restored.rows("SELECT COUNT(*) AS n FROM t.a").await[0]["n"],
        rows.to_string()
    );
}

#[tokio::test]
async fn online_never_stops_commits() {
    let aria = "SHOW GLOBAL STATUS WHERE";
    let lock = format!("BACKUP STAGE BLOCK_DDL; {aria}; {POSITION}; {TIGHTEN}");
    let end = format!("{aria}; {POSITION}; BACKUP STAGE END");
    let sent = packets("online", &[], "BACKUP STAGE START").await;
    assert_eq!(sent, ["BACKUP STAGE START", "BACKUP STAGE FLUSH", NARROW, &lock, &end]);
}

#[tokio::test]
async fn ftwrl_asks_before_it_unlocks() {
    let lock = format!("FLUSH TABLES WITH READ; {FLUSH}; {POSITION}; {TIGHTEN}");
    let question = format!("{POSITION}; BACKUP STAGE START");
    let sent = packets("ftwrl", &[], "FLUSH").await;
    let gentle = "FLUSH NO_WRITE_TO_BINLOG TABLES";
    assert_eq!(sent, [gentle, NARROW, &lock, &question, "UNLOCK TABLES"]);
}

#[tokio::test]
async fn none_locks_nothing() {
    let sent = packets("none", &[], "SET SESSION autocommit").await;
    let last = sent.last_chunk::<2>().unwrap();
    assert_eq!(last, &[POSITION, POSITION]);
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
    world
        .server
        .run("CREATE TABLE t.r (i INT) ENGINE=Aria TRANSACTIONAL=0")
        .await;
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
    assert_eq!(ended.json()["warnings"], serde_json::json!([]));
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

/// BLOCK_DDL doesn't hold them up, so that what they recover to isn't the binary log's affair: it is told.
#[tokio::test]
async fn crash_safe_aria_tables_that_are_written_under_online_are_told() {
    let world = World::new(&strategy("online"), &[]).await;
    world.server.run("CREATE TABLE t.r (i INT) ENGINE=Aria").await;
    world.helper.state().take = Take::AnswerAfter(2 * SECOND);
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    assert!(comes_through(&world, "INSERT INTO t.r VALUES (1)").await);
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let warning = ended.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("Aria"), "{warning}");
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
