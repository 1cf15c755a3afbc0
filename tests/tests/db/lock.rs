//! The lock on a real server: what stands still, for how long, and what happens when it is lost.

use std::time::{Duration, Instant};

use mariasnap_dbus::properties::{BINLOG_FILE, BINLOG_POSITION, GTID, HOLD_MS, LOCK, SERVER_UUID};
use mariasnap_tests::fake_helper::{NAME, Take};
use mariasnap_tests::locker::{Ended, World};
use mysql_async::prelude::Queryable;

const SECOND: Duration = Duration::from_secs(1);

/// Commits stand still from the lock to the unlock and not longer, and what is recorded is where they stood.
async fn commits_stand_still_only_while_held(config: &str, options: &[&str], lock: &str) {
    let world = World::new(config, options).await;
    world.helper.state().take = Take::AnswerAfter(Duration::from_millis(1500));
    let writer = world.server.write().await;
    writer.next_commit(5 * SECOND).await;

    let run = world.snapshot();
    let taken = world.helper.wait_for("TakeSnapshot").await;
    writer.assert_still().await;
    let (file, position, gtid) = world.server.position().await;
    let ended = run.end().await;
    let end = Instant::now();
    writer.next_commit(SECOND).await;

    assert_eq!(ended.code, 0, "{ended:?}");
    let report = ended.json();
    assert_eq!(report["binlog_file"], file.as_str());
    assert_eq!(report["binlog_position"], position);
    assert_eq!(report["gtid"], gtid.as_str());
    assert_eq!(report["lock"], lock);
    assert_eq!(report["state"], "consistent");
    let hold = report["hold_ms"].as_u64().unwrap();
    assert!((1500..2500).contains(&hold), "{hold}");
    let during = writer.commits_between(taken + Duration::from_millis(50), taken + Duration::from_millis(1450));
    assert_eq!(during, 0);
    assert!(writer.commits_between(taken + Duration::from_millis(1500), end + SECOND) > 0);

    let state = world.helper.state();
    let properties = &state.snapshots[0].properties;
    assert_eq!(properties[BINLOG_FILE], file);
    assert_eq!(properties[BINLOG_POSITION], position.to_string());
    assert_eq!(properties[GTID], gtid);
    assert_eq!(properties[LOCK], lock);
    assert_eq!(properties[HOLD_MS], hold.to_string());
    assert!(!properties[SERVER_UUID].is_empty());
    let calls: Vec<_> = state.calls.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        calls,
        [
            "PrepareSnapshot",
            "SyncPool",
            "TakeSnapshot",
            "ConfirmSnapshot",
            "ListSnapshots"
        ]
    );
}

#[tokio::test]
async fn exact_holds_commits_only_while_held() {
    commits_stand_still_only_while_held("", &[], "exact").await;
}

#[tokio::test]
async fn exact_flushes_a_lagging_redo_log_without_moving_the_position() {
    let options = ["--innodb-flush-log-at-trx-commit=2"];
    commits_stand_still_only_while_held("", &options, "exact").await;
}

#[tokio::test]
async fn ftwrl_holds_commits_only_while_held() {
    commits_stand_still_only_while_held("[lock]\nstrategy = \"ftwrl\"", &[], "ftwrl").await;
}

#[tokio::test]
async fn the_flushes_leave_no_trace_in_the_binary_log() {
    for lock in ["exact", "ftwrl"] {
        let config = format!("[lock]\nstrategy = \"{lock}\"");
        let world = World::new(&config, &["--innodb-flush-log-at-trx-commit=0"]).await;
        let before = world.server.position().await;
        assert_eq!(world.snapshot().end().await.code, 0);
        assert_eq!(world.server.position().await, before, "{lock}");
    }
}

/// A lock that goes away between its being obtained and the cut's answer is noticed by the proof.
async fn a_killed_connection_is_noticed(config: &str) {
    let world = World::new(config, &[]).await;
    world.helper.state().take = Take::AnswerAfter(SECOND);
    let writer = world.server.write().await;
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    let ids = world.server.connections_of("snap").await;
    assert_eq!(ids.len(), 1, "one pinned connection");
    world.server.run(&format!("KILL {}", ids[0])).await;
    writer.next_commit(SECOND).await;

    let ended = run.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "lock-lost");
    assert_eq!(ended.json()["error"]["snapshot"], NAME);
    assert_eq!(world.helper.listing(), [], "a snapshot without a lock isn't kept");
    assert!(!world.helper.calls().contains(&"ConfirmSnapshot"));
}

#[tokio::test]
async fn a_killed_connection_is_noticed_with_exact() {
    a_killed_connection_is_noticed("").await;
}

#[tokio::test]
async fn a_killed_connection_is_noticed_with_ftwrl() {
    a_killed_connection_is_noticed("[lock]\nstrategy = \"ftwrl\"").await;
}

/// BLOCK_COMMIT lets others rotate the binary log; whatever moves the position counts as a doubt.
#[tokio::test]
async fn a_position_that_moves_is_noticed() {
    let world = World::new("", &[]).await;
    world.helper.state().take = Take::AnswerAfter(SECOND);
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    world.server.run("FLUSH BINARY LOGS").await;
    let ended = run.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.stderr.contains("b.000002"), "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}

#[tokio::test]
async fn a_server_that_crashes_under_the_lock_is_noticed() {
    let mut world = World::new("", &[]).await;
    world.helper.state().take = Take::AnswerAfter(SECOND);
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    world.server.kill();
    let ended = run.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}

/// Somebody else's lock is waited for within the bound, and nobody queues behind us afterwards.
async fn an_occupied_lock_is_given_up(config: &str, occupy: &[&str], release: &str) {
    let world = World::new(&format!("[lock]\nmax_wait = \"2s\"\n{config}"), &[]).await;
    let mut other = world.server.connect().await;
    for statement in occupy {
        other.query_drop(*statement).await.unwrap();
    }
    let start = Instant::now();
    let ended = world.snapshot().end().await;
    let took = start.elapsed();
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!((Duration::from_millis(900)..4 * SECOND).contains(&took), "{took:?}");
    assert!(!world.helper.calls().contains(&"TakeSnapshot"));
    // The connection is gone on the server too, where it was in line.
    world.server.wait_for_process("user = 'snap'", false).await;
    other.query_drop(release).await.unwrap();
    world.server.write().await.next_commit(SECOND).await;
}

#[tokio::test]
async fn another_backup_is_given_up_on() {
    an_occupied_lock_is_given_up("", &["BACKUP STAGE START"], "BACKUP STAGE END").await;
}

#[tokio::test]
async fn exact_behind_a_table_lock_is_given_up_on() {
    an_occupied_lock_is_given_up("", &["LOCK TABLES t.a WRITE"], "UNLOCK TABLES").await;
}

/// Both hold commits up, and neither minds the other.
#[tokio::test]
async fn anothers_read_lock_is_no_obstacle() {
    for lock in ["exact", "ftwrl"] {
        let world = World::new(&format!("[lock]\nstrategy = \"{lock}\""), &[]).await;
        let mut other = world.server.connect().await;
        other.query_drop("FLUSH TABLES WITH READ LOCK").await.unwrap();
        let ended = world.snapshot().end().await;
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}

#[tokio::test]
async fn ftwrl_behind_a_table_lock_is_given_up_on() {
    an_occupied_lock_is_given_up("strategy = \"ftwrl\"", &["LOCK TABLES t.a WRITE"], "UNLOCK TABLES").await;
}

/// A run whose cut takes longer than the hold may; commits go on when that is over.
async fn held_past_its_bound(answer_after: Duration) -> (World, Ended) {
    let world = World::new("[lock]\nmax_hold = \"1s\"", &[]).await;
    world.helper.state().take = Take::AnswerAfter(answer_after);
    let writer = world.server.write().await;
    let run = world.snapshot();
    let taken = world.helper.wait_for("TakeSnapshot").await;
    tokio::time::sleep_until((taken + SECOND).into()).await;
    writer.next_commit(SECOND).await;
    let ended = run.end().await;
    (world, ended)
}

#[tokio::test]
async fn the_hold_is_bounded() {
    let (world, ended) = held_past_its_bound(4 * SECOND).await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert_eq!(
        world.helper.listing(),
        [],
        "cut perhaps after the unlock, so it isn't kept"
    );
}

#[tokio::test]
async fn the_hold_is_bounded_even_if_the_helper_never_answers() {
    let (_world, ended) = held_past_its_bound(60 * SECOND).await;
    assert_eq!(ended.code, 9, "{ended:?}");
    assert_eq!(ended.json()["error"]["snapshot"], NAME);
    assert!(ended.stderr.contains("mariasnap list main"), "{ended:?}");
}

#[tokio::test]
async fn a_stopped_process_loses_the_lock_by_the_servers_own_bound() {
    let world = World::new("[lock]\nmax_wait = \"30s\"\nmax_hold = \"1s\"", &[]).await;
    world.helper.state().take = Take::AnswerAfter(10 * SECOND);
    let writer = world.server.write().await;
    let run = world.snapshot();
    let taken = world.helper.wait_for("TakeSnapshot").await;
    run.signal("STOP");
    writer.assert_still().await;
    // max_hold, the server's second on top, and two for a busy machine.
    let bound = (taken + 4 * SECOND).saturating_duration_since(Instant::now());
    writer.next_commit(bound).await;
    run.signal("CONT");
    let ended = run.end().await;
    assert!([6, 9].contains(&ended.code), "{ended:?}");
    assert!(!world.helper.calls().contains(&"ConfirmSnapshot"));
}

#[tokio::test]
async fn a_signal_unlocks_at_once() {
    for signal in ["TERM", "INT"] {
        let world = World::new("", &[]).await;
        world.helper.state().take = Take::AnswerAfter(4 * SECOND);
        let writer = world.server.write().await;
        let run = world.snapshot();
        world.helper.wait_for("TakeSnapshot").await;
        writer.assert_still().await;
        run.signal(signal);
        writer.next_commit(2 * SECOND).await;
        let ended = run.end().await;
        assert_eq!(ended.code, 8, "{ended:?}");
        assert!(ended.stderr.contains(&format!("SIG{signal}")), "{ended:?}");
        assert_eq!(world.helper.listing(), []);
    }
}

#[tokio::test]
async fn a_signal_while_waiting_for_the_lock_leaves_nobody_queueing() {
    let world = World::new("[lock]\nstrategy = \"ftwrl\"", &[]).await;
    let logging = "SET GLOBAL general_log_file = 'general', GLOBAL general_log = ON";
    world.server.run(logging).await;
    let mut other = world.server.connect().await;
    other.query_drop("LOCK TABLES t.a WRITE").await.unwrap();
    let run = world.snapshot();
    world
        .server
        .wait_for_process("user = 'snap' AND state LIKE 'Waiting%'", true)
        .await;
    let ids = world.server.connections_of("snap").await;
    run.signal("TERM");
    let ended = run.end().await;
    assert_eq!(ended.code, 8, "{ended:?}");
    world.server.wait_for_process("user = 'snap'", false).await;
    // By itself the server would have noticed a second later.
    let log = std::fs::read_to_string(world.server.dir().join("data/general")).unwrap();
    assert!(log.contains(&format!("KILL {}", ids[0])), "{log}");
}
