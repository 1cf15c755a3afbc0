//! The bounds on a real server that doesn't give the lock, or that stands still: for how long others queue, what is
//! tried again, and what is left behind.

use std::time::{Duration, Instant};

use mariasnap_tests::fake_helper::{SyncPool, Take};
use mariasnap_tests::locker::{Ended, World};
use mariasnap_tests::mariadb::Server;
use mysql_async::prelude::Queryable;

const SECOND: Duration = Duration::from_secs(1);

async fn world(lock: &str) -> World {
    let server = Server::start(&[]).await;
    let socket = server.socket().display().to_string();
    let database = format!("[database]\nsocket = \"{socket}\"\nuser = \"snap\"\nconnect_timeout = \"1s\"\n");
    World::with_server(server, &format!("{database}[lock]\n{lock}"))
}

/// A statement that goes on meanwhile, on a connection of its own.
async fn meanwhile(world: &World, statement: &'static str) -> tokio::task::JoinHandle<()> {
    let mut conn = world.server.connect().await;
    let task = tokio::spawn(async move { conn.query_drop(statement).await.unwrap_or_default() });
    tokio::time::sleep(Duration::from_millis(300)).await;
    task
}

/// Nobody is left behind, and nothing stays locked.
async fn assert_free(world: &World) {
    let deadline = Instant::now() + 3 * SECOND;
    while !world.server.connections_of("snap").await.is_empty() {
        assert!(Instant::now() < deadline, "a connection is left behind");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world
        .server
        .run("CREATE TABLE t.free (i INT) ENGINE=Aria TRANSACTIONAL=0")
        .await;
    world.server.run("INSERT INTO t.free VALUES (1)").await;
    world.server.write().await.next_commit(SECOND).await;
}

/// Waits until the run is in line for a lock.
async fn in_line(world: &World) {
    let waits = "user = 'snap' AND state LIKE 'Waiting%'";
    world.server.wait_for_process(waits, true).await;
}

fn assert_given_up(world: &World, ended: &Ended) {
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(!world.helper.calls().contains(&"TakeSnapshot"));
}

/// Behind a statement that runs for long, traffic stands still for one attempt and no longer, again and again, and the run
/// gives up in the end.
#[tokio::test]
async fn traffic_never_queues_for_longer_than_one_attempt() {
    let world = world("strategy = \"ftwrl\"\nmax_wait = \"6s\"\nmax_stall = \"1s\"").await;
    world.server.run("CREATE TABLE t.other (i INT)").await;
    world.server.run("INSERT INTO t.other VALUES (1)").await;
    let writer = world.server.write().await;
    writer.next_commit(5 * SECOND).await;
    // FLUSH TABLES comes through before it starts, FTWRL waits behind it.
    world.helper.state().sync = SyncPool::AnswerAfter(Duration::from_millis(400));
    let long = meanwhile(&world, "UPDATE t.other SET i = i + SLEEP(12)").await;
    let start = Instant::now();
    let ended = world.snapshot().end().await;
    let (took, gap) = (start.elapsed(), writer.longest_gap());
    assert_given_up(&world, &ended);
    println!("ftwrl behind a long UPDATE: gave up after {took:?}, longest gap between commits {gap:?}");
    assert!((4 * SECOND..8 * SECOND).contains(&took), "{took:?}");
    assert!(gap < 3 * SECOND, "{gap:?}");
    let attempts = ended
        .stderr
        .split(" attempts")
        .next()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .parse::<u32>();
    assert!(attempts.unwrap() >= 3, "{ended:?}");
    writer.next_commit(SECOND).await;
    long.abort();
}

/// A long SELECT doesn't hold `exact` up at all.
#[tokio::test]
async fn a_long_select_is_no_obstacle_to_exact() {
    let world = world("max_wait = \"2s\"").await;
    world.server.run("INSERT INTO t.a VALUES (1)").await;
    let long = meanwhile(&world, "SELECT SLEEP(5) FROM t.a").await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    long.abort();
}

/// Somebody else's backup: waited for in attempts, and taken when it is over.
#[tokio::test]
async fn another_backup_is_waited_for() {
    let world = world("max_wait = \"20s\"\nmax_stall = \"1s\"").await;
    let mut other = world.server.connect().await;
    other.query_drop("BACKUP STAGE START").await.unwrap();
    let run = world.snapshot();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    other.query_drop("BACKUP STAGE END").await.unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.json()["attempts"].as_u64().unwrap() >= 2, "{ended:?}");
    assert!(ended.json()["wait_ms"].as_u64().unwrap() >= 2000, "{ended:?}");
}

/// Writes without transactions queue behind BLOCK_DDL, which waits for such a statement that runs.
#[tokio::test]
async fn writes_without_transactions_are_let_through_between_attempts() {
    let world = world("max_wait = \"7s\"\nmax_stall = \"1s\"").await;
    world.server.run("CREATE TABLE t.m (i INT) ENGINE=MyISAM").await;
    world.server.run("CREATE TABLE t.n (i INT) ENGINE=MyISAM").await;
    world.server.run("INSERT INTO t.m VALUES (1)").await;
    let long = meanwhile(&world, "UPDATE t.m SET i = i + SLEEP(10)").await;
    let run = world.snapshot();
    in_line(&world).await;
    let start = Instant::now();
    world.server.run("INSERT INTO t.n VALUES (1)").await;
    let waited = start.elapsed();
    assert!(waited < 3 * SECOND, "{waited:?}");
    let ended = run.end().await;
    assert_given_up(&world, &ended);
    long.abort();
}

/// A long ALTER goes on, and the snapshot is taken in the middle of it.
#[tokio::test]
async fn a_long_alter_is_no_obstacle() {
    let world = world("max_wait = \"3s\"").await;
    world.server.run("CREATE TABLE t.big (i INT) ENGINE=InnoDB").await;
    world
        .server
        .run("INSERT INTO t.big SELECT seq FROM t.seq_1_to_400000")
        .await;
    let alter = meanwhile(&world, "ALTER TABLE t.big ADD COLUMN j INT, ALGORITHM=COPY").await;
    assert!(!alter.is_finished(), "the ALTER must last longer for this test");
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    alter.await.unwrap();
    world.server.run("SELECT j FROM t.big LIMIT 1").await;
}

async fn kill_the_locker(world: &World) {
    let ids = world.server.connections_of("snap").await;
    assert_eq!(ids.len(), 1);
    world.server.run(&format!("KILL {}", ids[0])).await;
}

/// Who kills our connection wants us gone: no other attempt follows.
#[tokio::test]
async fn a_kill_while_it_waits_ends_the_run() {
    for occupy in ["BACKUP STAGE START", "LOCK TABLES t.a WRITE"] {
        let world = world("max_wait = \"20s\"").await;
        let mut other = world.server.connect().await;
        other.query_drop(occupy).await.unwrap();
        let run = world.snapshot();
        in_line(&world).await;
        kill_the_locker(&world).await;
        let start = Instant::now();
        let ended = run.end().await;
        assert_given_up(&world, &ended);
        assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
        other.disconnect().await.unwrap();
        assert_free(&world).await;
    }
}

#[tokio::test]
async fn a_kill_during_the_pools_sync_ends_the_run() {
    let world = world("").await;
    world.helper.state().sync = SyncPool::AnswerAfter(SECOND);
    let run = world.snapshot();
    world.helper.wait_for("SyncPool").await;
    kill_the_locker(&world).await;
    let ended = run.end().await;
    assert_given_up(&world, &ended);
    assert_free(&world).await;
}

#[tokio::test]
async fn a_server_that_stands_still_while_we_wait_is_given_up_on() {
    let world = world("max_wait = \"4s\"\nmax_stall = \"1s\"").await;
    let mut other = world.server.connect().await;
    other.query_drop("BACKUP STAGE START").await.unwrap();
    let run = world.snapshot();
    in_line(&world).await;
    world.server.signal("STOP");
    let start = Instant::now();
    let ended = run.end().await;
    let took = start.elapsed();
    world.server.signal("CONT");
    assert_given_up(&world, &ended);
    assert!(took < 6 * SECOND, "{took:?}");
    other.query_drop("BACKUP STAGE END").await.unwrap();
    assert_free(&world).await;
}

#[tokio::test]
async fn a_server_that_stands_still_while_we_hold_is_given_up_on() {
    let world = world("max_hold = \"1s\"").await;
    world.helper.state().take = Take::AnswerAfter(Duration::from_millis(300));
    let writer = world.server.write().await;
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    world.server.signal("STOP");
    let start = Instant::now();
    let ended = run.end().await;
    let took = start.elapsed();
    world.server.signal("CONT");
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(took < 4 * SECOND, "{took:?}");
    assert_eq!(world.helper.listing(), []);
    writer.next_commit(SECOND).await;
    assert_free(&world).await;
}

/// The same where the process stands still before it hears that it has the lock, and so hasn't told the server what is left.
#[tokio::test]
async fn a_process_stopped_in_line_holds_nobody_up_for_longer() {
    let world = world("max_wait = \"30s\"\nmax_hold = \"4s\"").await;
    let writer = world.server.write().await;
    writer.next_commit(5 * SECOND).await;
    world.helper.state().sync = SyncPool::AnswerAfter(SECOND);
    let run = world.snapshot();
    world.helper.wait_for("SyncPool").await;
    // The writer's commit waits for a replica that isn't there, BLOCK_COMMIT for the commit.
    world
        .server
        .run(
            "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC, GLOBAL rpl_semi_sync_master_timeout = 3500, \
             GLOBAL rpl_semi_sync_master_enabled = ON",
        )
        .await;
    let in_line = "info LIKE 'BACKUP STAGE BLOCK_COMMIT%'";
    world.server.wait_for_process(in_line, true).await;
    let queued = Instant::now();
    run.signal("STOP");
    world.server.wait_for_process(in_line, false).await;
    let granted = Instant::now();
    assert!(granted - queued > SECOND, "nothing was put to the test");
    while writer.commits_between(granted + SECOND / 10, Instant::now()) == 0 {
        assert!(queued.elapsed() < 15 * SECOND, "no commit");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stall = queued.elapsed();
    run.signal("CONT");
    println!("stopped in line, hold of 4 s at most: commits stood still for {stall:?}");
    // A second for the server's whole seconds, and one for the machine.
    assert!(stall < 6 * SECOND, "{stall:?}");
    assert_ne!(run.end().await.code, 0);
    assert_free(&world).await;
}

/// The server's own bound counts from when others began to queue, not from when the lock was granted: a process that is
/// stopped after a long wait for the lock doesn't hold them up for twice `max_hold`.
#[tokio::test]
async fn a_process_stopped_late_holds_nobody_up_for_longer() {
    let world = world("strategy = \"ftwrl\"\nmax_wait = \"30s\"\nmax_hold = \"6s\"").await;
    world.server.run("CREATE TABLE t.other (i INT)").await;
    world.server.run("INSERT INTO t.other VALUES (1)").await;
    world.helper.state().sync = SyncPool::AnswerAfter(2 * SECOND);
    world.helper.state().take = Take::AnswerAfter(20 * SECOND);
    let writer = world.server.write().await;
    let run = world.snapshot();
    world.helper.wait_for("SyncPool").await;
    // FLUSH TABLES is through; FTWRL waits behind this for about four seconds, and the writer behind FTWRL.
    let long = meanwhile(&world, "UPDATE t.other SET i = i + SLEEP(6)").await;
    world.helper.wait_for("TakeSnapshot").await;
    run.signal("STOP");
    long.await.unwrap();
    let deadline = Instant::now() + 12 * SECOND;
    let start = Instant::now();
    while writer.commits_between(start, Instant::now()) == 0 {
        assert!(Instant::now() < deadline, "no commit");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let gap = writer.longest_gap();
    run.signal("CONT");
    println!("stopped late in a hold of 6 s at most: commits stood still for {gap:?}");
    // max_hold, the server's second on top, and two for a busy machine.
    assert!(gap < 9 * SECOND, "{gap:?}");
    assert!(gap > 4 * SECOND, "it did wait: {gap:?}");
    let ended = run.end().await;
    assert!([6, 9].contains(&ended.code), "{ended:?}");
}
