//! The early word: the lock is given back at it, and what comes afterwards is checked all the same.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use mariasnap_dbus::properties::{STATE_CONSISTENT, UNLOCK_TXG};
use mariasnap_tests::fake_helper::{CREATETXG, NAME, Take};
use mariasnap_tests::locker::{Ended, World};

/// From the word to the answer; a hold is far from it either way.
const DELAY: Duration = Duration::from_secs(3);

fn word(name: &'static str, open_txg: u64) -> Take {
    Take::SayEarly {
        name,
        open_txg,
        answer_after: Some(DELAY),
    }
}

/// A run under a writer, and whether commits waited for the answer.
async fn run(config: &str, take: Take) -> (World, Ended, bool) {
    let world = World::new(config, &[]).await;
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
async fn commits_go_on_at_the_word() {
    let (world, ended, waited) = run("", word(NAME, CREATETXG + 1)).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!waited && hold_ms(&ended) < DELAY.as_millis() / 2, "{ended:?}");
    assert_eq!(world.helper.listing(), [(NAME.to_owned(), STATE_CONSISTENT.to_owned())]);
    let noted = world.helper.state().snapshots[0]
        .property(UNLOCK_TXG)
        .map(str::to_owned);
    assert_eq!(noted, Some((CREATETXG + 1).to_string()));
}

#[tokio::test]
async fn a_word_that_comes_true_too_late_costs_the_snapshot_and_a_full_hold() {
    let (world, ended, waited) = run("", word(NAME, CREATETXG)).await;
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
    let (_world, ended, waited) = run("[lock]\nearly_cut = false", word(NAME, CREATETXG + 1)).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(waited && hold_ms(&ended) >= DELAY.as_millis(), "{ended:?}");
}

#[tokio::test]
async fn a_word_about_another_snapshot_is_none() {
    let (_world, ended, waited) = run("", word("mariasnap-another", CREATETXG + 1)).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(waited && hold_ms(&ended) >= DELAY.as_millis(), "{ended:?}");
}

#[tokio::test]
async fn a_helper_that_dies_after_the_word_leaves_no_snapshot() {
    let take = Take::SayEarly {
        name: NAME,
        open_txg: CREATETXG + 1,
        answer_after: None,
    };
    let (world, ended, waited) = run("", take).await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(!waited && ended.stderr.contains("destroyed again"), "{ended:?}");
    assert_eq!(world.helper.listing(), []);
}

/// The word says that the cut is made, not that the lock was held: that is asked of the server.
#[tokio::test]
async fn a_lock_lost_before_the_word_is_found_out() {
    let world = World::new("", &[]).await;
    world.helper.state().take = Take::SayEarlyAfter {
        pause: DELAY,
        open_txg: CREATETXG + 1,
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
