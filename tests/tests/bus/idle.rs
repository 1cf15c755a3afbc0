//! The helper leaves when idle, and no request is lost over it.

use std::collections::BTreeMap;
use std::time::Duration;

use mariasnap_dbus::HelperError;
use mariasnap_tests::fake_storage::TAKE_MS;
use mariasnap_tests::private_bus::{Setup, World, until};

#[tokio::test]
async fn it_leaves_when_idle_and_stays_while_connected() {
    let environment = vec![("HELPER_IDLE_MS", "1000".to_owned())];
    let mut world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let peer = world.peer().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1800)).await;
    assert!(world.helper_runs());
    peer.close().await.unwrap();
    until("the idle exit", || !world.helper_runs()).await;
}

#[tokio::test]
async fn it_stays_for_a_ticket_on_the_bus() {
    let environment = vec![("HELPER_IDLE_MS", "1000".to_owned())];
    let mut world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let helper = world.bus_proxy().await;
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    helper.take_snapshot(&ticket, BTreeMap::new()).await.unwrap();
    until("the idle exit", || !world.helper_runs()).await;
}

#[tokio::test]
async fn it_stays_while_a_pool_works_for_nobody() {
    let environment = vec![
        ("HELPER_IDLE_MS", "1000".to_owned()),
        ("HELPER_STORAGE_MS", "100".to_owned()),
        (TAKE_MS, "3000".to_owned()),
    ];
    let mut world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let helper = world.bus_proxy().await;
    let unknown = helper.create_snapshot("main", BTreeMap::new()).await;
    assert!(matches!(unknown, Err(HelperError::OutcomeUnknown(_))), "{unknown:?}");
    until("the idle exit", || !world.helper_runs()).await;
    assert_eq!(world.record().len(), 1);
}

#[tokio::test]
async fn told_to_stop_it_waits_for_a_ticket_and_for_no_idle_connection() {
    let mut world = World::usual().await;
    let (helper, _idle) = (world.peer_proxy().await, world.peer().await.unwrap());
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    let pid = world.helper_pid().to_string();
    let told = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.unwrap().success());
    tokio::time::sleep(Duration::from_millis(500)).await;
    helper.take_snapshot(&ticket, BTreeMap::new()).await.unwrap();
    until("the exit", || !world.helper_runs()).await;
}

/// Requests at every distance from the exit, each answered by the helper that was there or by the next one.
#[tokio::test]
async fn no_request_is_lost_at_the_exit() {
    const IDLE_MS: u64 = 60;
    let environment = vec![
        ("HELPER_IDLE_MS", IDLE_MS.to_string()),
        ("HELPER_BUS_ONLY", "1".to_owned()),
        ("HELPER_BURST", "1000".to_owned()),
    ];
    let world = World::new(Setup {
        environment,
        activated: true,
        ..Setup::default()
    })
    .await;
    let helper = world.bus_proxy().await;
    let mut lost = Vec::new();
    for round in 0..300_u64 {
        // Around the idle limit, where the helper decides to leave, gives its name up, drains and closes.
        tokio::time::sleep(Duration::from_micros(1000 * (IDLE_MS - 10) + 400 * round)).await;
        let (one, two) = tokio::join!(helper.list_targets(), helper.list_snapshots("main"));
        lost.extend(one.err().map(|error| (round, error)));
        lost.extend(two.err().map(|error| (round, error)));
    }
    assert!(
        lost.is_empty(),
        "{} of 600 lost, the first: {:?}",
        lost.len(),
        lost.first()
    );
}
