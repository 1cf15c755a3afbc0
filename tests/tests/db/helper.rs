//! The helper: refusing, failing, dying, and what is left on the storage afterwards.

use std::time::Duration;

use mariasnap_dbus::Outcome;
use mariasnap_dbus::properties::{STATE_CONSISTENT, STATE_UNPROVEN};
use mariasnap_tests::fake_helper::{NAME, SyncPool, Take, snapshot};
use mariasnap_tests::locker::{Ended, World};

const SECOND: Duration = Duration::from_secs(1);

/// Runs with this `TakeSnapshot`, and sees to it that writers go on whatever comes of it.
async fn take(world: &World, take: Take) -> Ended {
    world.helper.state().take = take;
    let writer = world.server.write().await;
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    writer.next_commit(SECOND).await;
    run.end().await
}

#[tokio::test]
async fn a_refusal_comes_before_any_lock() {
    let world = World::new("", &[]).await;
    world.helper.state().refuse_prepare = true;
    world
        .server
        .run("SET GLOBAL general_log_file = 'general', GLOBAL general_log = ON")
        .await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 7, "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "refused");
    let log = std::fs::read_to_string(world.server.dir().join("data/general")).unwrap();
    assert!(log.contains("SHOW VARIABLES"), "it did log in: {log}");
    assert!(!log.contains("BACKUP STAGE") && !log.contains("FLUSH"), "{log}");
}

#[tokio::test]
async fn a_sync_that_fails_costs_nothing_but_a_warning() {
    let world = World::new("[lock]\nmax_wait = \"3s\"", &[]).await;
    world.helper.state().sync = SyncPool::Fail;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let warning = ended.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(
        warning.contains("wasn't synced") && warning.contains("I/O error"),
        "{warning}"
    );
}

/// The cut would queue behind the sync, with commits stopped.
#[tokio::test]
async fn no_commit_stops_while_the_pool_is_busy() {
    for (sync, why) in [
        (SyncPool::AnswerAfter(20 * SECOND), "lock.max_"),
        (SyncPool::Busy, "is busy with other requests"),
    ] {
        let world = World::new("[lock]\nmax_wait = \"3s\"\nmax_stall = \"1s\"", &[]).await;
        world.helper.state().sync = sync;
        let ended = world.snapshot().end().await;
        assert_eq!(ended.code, 5, "{ended:?}");
        assert!(
            ended.stderr.contains("the pool's sync") && ended.stderr.contains(why),
            "{ended:?}"
        );
        let calls = world.helper.calls();
        assert!(
            calls.contains(&"SyncPool") && !calls.contains(&"TakeSnapshot"),
            "{calls:?}"
        );
    }
}

#[tokio::test]
async fn a_pool_that_was_busy_is_asked_again_before_the_next_attempt() {
    let world = World::new("[lock]\nmax_wait = \"9s\"\nmax_stall = \"1s\"", &[]).await;
    world.helper.state().sync = SyncPool::FirstAfter(20 * SECOND);
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.json()["attempts"], 2);
    assert_eq!(ended.json()["warnings"], serde_json::json!([]));
}

#[tokio::test]
async fn failures_of_the_storage_have_their_codes() {
    let world = World::new("", &[]).await;
    assert_eq!(take(&world, Take::Fail).await.code, 8);
    world.helper.state().calls.clear();
    assert_eq!(take(&world, Take::Busy).await.code, 10);
    assert_eq!(world.helper.listing(), []);
}

#[tokio::test]
async fn a_helper_that_dies_before_the_cut_left_nothing() {
    let world = World::new("", &[]).await;
    let ended = take(&world, Take::Die { taken: false }).await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(ended.stderr.contains("nothing was taken"), "{ended:?}");
}

#[tokio::test]
async fn a_helper_that_dies_after_the_cut_has_it_discarded_by_the_next() {
    let world = World::new("", &[]).await;
    let ended = take(&world, Take::Die { taken: true }).await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(ended.stderr.contains("destroyed again"), "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}

#[tokio::test]
async fn a_helper_that_dies_for_good_leaves_the_outcome_unknown() {
    let world = World::new("", &[]).await;
    let ended = take(&world, Take::DieForGood).await;
    assert_eq!(ended.code, 9, "{ended:?}");
    assert_eq!(ended.json()["error"]["snapshot"], NAME);
}

#[tokio::test]
async fn a_helper_that_dies_after_the_proof_is_asked_again() {
    let world = World::new("", &[]).await;
    world.helper.state().confirm_dies = 1;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(world.helper.listing(), [(NAME.to_owned(), STATE_CONSISTENT.to_owned())]);
}

#[tokio::test]
async fn a_confirmation_whose_answer_is_lost_counts() {
    for dies in 1..3 {
        let world = World::new("", &[]).await;
        world.helper.state().confirm_dies = dies;
        world.helper.state().confirm_works_before_it_dies = true;
        let ended = world.snapshot().end().await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(world.helper.listing(), [(NAME.to_owned(), STATE_CONSISTENT.to_owned())]);
    }
}

#[tokio::test]
async fn a_snapshot_that_cant_be_confirmed_isnt_kept() {
    let world = World::new("", &[]).await;
    world.helper.state().confirm_dies = 2;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}

#[tokio::test]
async fn old_ones_go_after_the_snapshot_and_never_before() {
    let world = World::new("[keep]\nlast = 2", &[]).await;
    let hour = Duration::from_secs(3600);
    world.helper.state().snapshots = vec![
        snapshot("old-1", 1, 9 * hour, STATE_CONSISTENT),
        snapshot("old-2", 2, 8 * hour, STATE_CONSISTENT),
        snapshot("old-3", 3, 7 * hour, STATE_CONSISTENT),
        snapshot("stale", 4, 2 * hour, STATE_UNPROVEN),
        snapshot("young", 5, hour / 2, STATE_UNPROVEN),
    ];
    world
        .helper
        .state()
        .outcomes
        .insert("old-2".to_owned(), Outcome::MinKeep);
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.json()["pruned"], serde_json::json!(["old-1", "stale"]));
    assert!(
        ended.json()["warnings"][0].as_str().unwrap().contains("old-2"),
        "{ended:?}"
    );
    let left: Vec<_> = world.helper.listing().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["old-2", "old-3", "young", NAME]);
    let calls = world.helper.calls();
    assert_eq!(calls[3..], ["ConfirmSnapshot", "ListSnapshots", "DestroySnapshots"]);
}

#[tokio::test]
async fn stale_leftovers_make_room_for_the_next_run() {
    let world = World::new("[keep]\nlast = 9", &[]).await;
    let hour = Duration::from_secs(3600);
    world.helper.state().snapshots = vec![
        snapshot("good", 1, 9 * hour, STATE_CONSISTENT),
        snapshot("stale", 2, 2 * hour, STATE_UNPROVEN),
    ];
    world.helper.state().snapshot_limit = Some(2);
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.json()["pruned"], serde_json::json!(["stale"]));

    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 8, "nothing is left that may go: {ended:?}");
    assert_eq!(world.helper.listing().len(), 2);
}

#[tokio::test]
async fn a_failed_pruning_leaves_the_snapshot_consistent() {
    let world = World::new("[keep]\nlast = 1", &[]).await;
    let hour = Duration::from_secs(3600);
    world.helper.state().snapshots = vec![snapshot("old-1", 1, 9 * hour, STATE_CONSISTENT)];
    world
        .helper
        .state()
        .outcomes
        .insert("old-1".to_owned(), Outcome::Failed);
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 11, "{ended:?}");
    assert_eq!(ended.json()["state"], "consistent");
    assert!(ended.json()["prune_error"].as_str().unwrap().contains("old-1"));
}

#[tokio::test]
async fn list_destroy_and_targets() {
    let world = World::new("", &[]).await;
    assert_eq!(world.snapshot().end().await.code, 0);

    let listed = world.run(&["list", "main", "--json"]).await;
    assert_eq!((listed.code, &listed.json()["snapshots"][0]["name"]), (0, &NAME.into()));
    let table = world.run(&["list", "main"]).await.stdout;
    assert!(
        table.lines().nth(1).unwrap().starts_with(NAME) && table.contains("consistent"),
        "{table}"
    );

    let gone = world.run(&["destroy", "main", NAME, "no-such", "--json"]).await;
    assert_eq!(gone.code, 12, "{gone:?}");
    assert_eq!(gone.json()["outcomes"][0]["outcome"], "not-found");
    assert_eq!(gone.json()["outcomes"][1]["outcome"], "destroyed");
    assert_eq!(world.helper.listing(), []);
}

#[tokio::test]
async fn without_a_helper_nothing_is_locked() {
    let world = World::new("", &[]).await;
    std::fs::remove_file(world.helper.socket()).unwrap();
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 13, "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "helper-unreachable");
    assert!(ended.stderr.contains("nothing was locked"), "{ended:?}");
}
