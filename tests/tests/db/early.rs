//! The early cut: the lock is given back once the pool has moved on, and what comes afterwards is checked all the same.

use std::time::Duration;

use mariasnap_dbus::properties::{STATE_CONSISTENT, UNLOCK_TXG};
use mariasnap_tests::fake_helper::{CREATETXG, MOMENT, NAME, Take};
use mariasnap_tests::locker::{Ended, World};

/// From when the pool moves on to the answer; a hold is far from it either way.
const DELAY: Duration = Duration::from_secs(3);

fn moves_on_to(open_txg: u64) -> Take {
    Take::MoveOn {
        after: MOMENT,
        open_txg,
        answer_after: Some(DELAY),
    }
}

/// A run under a writer, and whether commits waited for the answer.
async fn run(config: &str, take: Take) -> (World, Ended, bool) {
    run_in(World::new(config, &[]).await, take).await
}

async fn run_in(world: World, take: Take) -> (World, Ended, bool) {
    world.helper.state().take = take;
    let writer = world.server.write().await;
    let ended = world.snapshot().end().await;
    let gap = writer.longest_gap();
    println!("longest gap {gap:?}");
    (world, ended, gap > DELAY / 2)
}

fn hold_ms(ended: &Ended) -> u128 {
    ended.json()["hold_ms"].as_u64().unwrap().into()
}

#[tokio::test]
async fn commits_go_on_once_the_pool_has_moved_on() {
    let (world, ended, waited) = run("", moves_on_to(CREATETXG + 1)).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!waited && hold_ms(&ended) < DELAY.as_millis() / 2, "{ended:?}");
    assert_eq!(world.helper.listing(), [(NAME.to_owned(), STATE_CONSISTENT.to_owned())]);
    let noted = world.helper.state().snapshots[0]
        .property(UNLOCK_TXG)
        .map(str::to_owned);
    assert_eq!(noted, Some((CREATETXG + 1).to_string()));
}

#[tokio::test]
async fn a_pool_that_moved_on_to_the_cuts_own_group_costs_the_snapshot_and_a_full_hold() {
    let (world, ended, waited) = run("", moves_on_to(CREATETXG)).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(waited && hold_ms(&ended) >= DELAY.as_millis(), "{ended:?}");
    let calls = world.helper.calls();
    let count = |method| calls.iter().filter(|call| **call == method).count();
    assert_eq!((count("TakeSnapshot"), count("DestroySnapshots")), (2, 1), "{calls:?}");
    assert_eq!(world.helper.listing().len(), 1);
    assert_eq!(world.helper.state().snapshots[0].property(UNLOCK_TXG), None);
    let warning = ended.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(
        warning.contains("too early") && warning.contains("destroyed again"),
        "{warning}"
    );
}

#[tokio::test]
async fn the_configuration_can_have_it_ignored() {
    let (_world, ended, waited) = run("[lock]\nearly_cut = false", moves_on_to(CREATETXG + 1)).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(waited && hold_ms(&ended) >= DELAY.as_millis(), "{ended:?}");
}

#[tokio::test]
async fn where_the_pool_cannot_be_watched_the_lock_is_held_and_that_is_said() {
    let unreadable: [fn(&World); 3] = [
        |world| world.helper.pool().vanish(),
        |world| world.helper.pool().say(&"nothing of the kind\n".repeat(20)),
        |world| {
            world.helper.pool().vanish();
            let pipe = world.helper.kstat().join("tank/txgs");
            assert!(
                std::process::Command::new("mkfifo")
                    .arg(pipe)
                    .status()
                    .unwrap()
                    .success()
            );
        },
    ];
    for break_it in unreadable {
        let world = World::new("", &[]).await;
        break_it(&world);
        let (_world, ended, waited) = run_in(world, Take::AnswerAfter(DELAY)).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(waited && hold_ms(&ended) >= DELAY.as_millis(), "{ended:?}");
        let warnings = ended.json()["warnings"].to_string();
        assert!(warnings.contains("until the snapshot is on the disks"), "{warnings}");
    }
}

#[tokio::test]
async fn a_helper_that_dies_after_the_unlock_leaves_no_snapshot() {
    let take = Take::MoveOn {
        after: MOMENT,
        open_txg: CREATETXG + 1,
        answer_after: None,
    };
    let (world, ended, waited) = run("", take).await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(!waited && ended.stderr.contains("destroyed again"), "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}

/// The pool says that the cut is made, not that the lock was held: that is asked of the server.
#[tokio::test]
async fn a_lock_lost_before_the_pool_moves_on_is_found_out() {
    let world = World::new("", &[]).await;
    world.helper.state().take = Take::MoveOn {
        after: DELAY,
        open_txg: CREATETXG + 1,
        answer_after: Some(MOMENT),
    };
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    for id in world.server.connections_of("snap").await {
        world.server.run(&format!("KILL {id}")).await;
    }
    let ended = run.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}
