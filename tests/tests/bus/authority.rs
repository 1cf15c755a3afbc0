//! Nothing happens unless polkit says yes, about the right caller.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mariasnap_dbus::names::{ACTION_LIST, BUS_NAME, INTERFACE, OBJECT_PATH};
use mariasnap_dbus::{DestroyRequest, HelperError, SnapshotHelper1Proxy};
use mariasnap_tests::private_bus::{Mood, Setup, World};
use zbus::message::{Flags, Message};

/// The error of each method that polkit guards.
async fn refusals(helper: &SnapshotHelper1Proxy<'_>) -> Vec<HelperError> {
    let request = [DestroyRequest {
        name: "mariasnap-1".into(),
        guid: 1,
    }];
    vec![
        helper.prepare_snapshot("main").await.unwrap_err(),
        helper.create_snapshot("main", BTreeMap::new()).await.unwrap_err(),
        helper
            .confirm_snapshot("main", "mariasnap-1", 1, BTreeMap::new())
            .await
            .unwrap_err(),
        helper.list_snapshots("main").await.unwrap_err(),
        helper.destroy_snapshots("main", &request).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_no_and_a_challenge_forbid_every_method_by_both_ways() {
    let world = World::usual().await;
    for helper in [world.peer_proxy().await, world.bus_proxy().await] {
        for mood in [Mood::No, Mood::Challenge] {
            world.polkit_says(mood);
            assert!(helper.list_targets().await.unwrap().is_empty());
            for error in refusals(&helper).await {
                assert!(matches!(error, HelperError::NotAuthorized(_)), "{mood:?}: {error:?}");
            }
        }
    }
    assert!(world.record().is_empty());
}

#[tokio::test]
async fn an_unknown_target_looks_like_a_forbidden_one() {
    let world = World::usual().await;
    let helper = world.peer_proxy().await;
    let unknown = helper.prepare_snapshot("nowhere").await.unwrap_err();
    assert_eq!(world.asked().len(), 1, "polkit is asked about an unknown target too");
    world.polkit_says(Mood::No);
    assert_eq!(unknown, helper.prepare_snapshot("main").await.unwrap_err());
    assert_eq!(unknown, helper.prepare_snapshot("nowhere").await.unwrap_err());
}

#[tokio::test]
async fn each_action_is_asked_for_on_its_own() {
    let world = World::usual().await;
    let helper = world.peer_proxy().await;
    world.polkit_says(Mood::Only(ACTION_LIST));
    assert_eq!(helper.list_targets().await.unwrap().len(), 2);
    helper.list_snapshots("main").await.unwrap();
    assert!(helper.create_snapshot("main", BTreeMap::new()).await.is_err());
    assert!(world.record().is_empty());
}

#[tokio::test]
async fn polkit_that_fails_or_hangs_is_a_no() {
    let environment = vec![("HELPER_POLKIT_MS", "300".to_owned())];
    let world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let helper = world.peer_proxy().await;
    for mood in [Mood::Error, Mood::Hang] {
        world.polkit_says(mood);
        let started = Instant::now();
        assert!(matches!(
            helper.list_targets().await,
            Err(HelperError::AuthorityUnavailable(_))
        ));
        for error in refusals(&helper).await {
            assert!(
                matches!(error, HelperError::AuthorityUnavailable(_)),
                "{mood:?}: {error:?}"
            );
        }
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    assert!(world.record().is_empty());
}

#[tokio::test]
async fn no_polkit_is_a_no() {
    let world = World::new(Setup {
        without_polkit: true,
        ..Setup::default()
    })
    .await;
    for error in refusals(&world.peer_proxy().await).await {
        assert!(matches!(error, HelperError::AuthorityUnavailable(_)), "{error:?}");
    }
    assert!(world.record().is_empty());
}

#[tokio::test]
async fn the_lock_is_never_held_up_by_a_question() {
    let world = World::usual().await;
    let helper = world.peer_proxy().await;
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    world.asked();
    world.polkit_says(Mood::Hang);
    helper.take_snapshot(&ticket, BTreeMap::new()).await.unwrap();
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn polkit_is_told_who_and_what() {
    let world = World::usual().await;
    let request = [
        DestroyRequest {
            name: "mariasnap-1".into(),
            guid: 1,
        },
        DestroyRequest {
            name: "mariasnap-2".into(),
            guid: 1,
        },
    ];
    world
        .peer_proxy()
        .await
        .destroy_snapshots("main", &request)
        .await
        .unwrap();
    let asked = world.asked().pop().unwrap();
    assert_eq!(asked.kind, "unix-process");
    assert!(
        asked.subject.contains_key("pidfd") || asked.subject.contains_key("start-time"),
        "{asked:?}"
    );
    assert!(asked.subject["uid"].contains(&format!("({})", uid())), "{asked:?}");
    assert_eq!(asked.details["target"], "main");
    assert_eq!(asked.details["dataset"], "tank/binlog,tank/mysql/*");
    assert_eq!(asked.details["snapshot"], "mariasnap-1,mariasnap-2");
    let bus = world.bus().await;
    mariasnap_tests::private_bus::proxy(&bus)
        .await
        .list_snapshots("main")
        .await
        .unwrap();
    let asked = world.asked().pop().unwrap();
    assert_eq!((asked.kind.as_str(), asked.flags), ("system-bus-name", 0));
    assert!(
        asked.subject["name"].contains(bus.unique_name().unwrap().as_str()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_forged_sender_on_the_peer_socket_is_not_believed() {
    let world = World::usual().await;
    let privileged = world.bus().await;
    let peer = world.peer().await.unwrap();
    let forged = Message::method_call(OBJECT_PATH, "ListSnapshots")
        .interface(INTERFACE)
        .destination(BUS_NAME)
        .sender(privileged.unique_name().unwrap().as_str())
        .build(&"main")
        .unwrap();
    peer.send(&forged).await.unwrap();
    mariasnap_tests::private_bus::until("the question", || !world.polkit.asked.lock().unwrap().is_empty()).await;
    let asked = world.asked().pop().unwrap();
    assert_eq!(asked.kind, "unix-process", "{asked:?}");
    assert!(
        !format!("{asked:?}").contains(privileged.unique_name().unwrap().as_str()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn only_a_caller_that_agrees_is_made_to_interact() {
    let world = World::usual().await;
    let bus = world.bus().await;
    let call = Message::method_call(OBJECT_PATH, "ListSnapshots")
        .interface(INTERFACE)
        .destination(BUS_NAME)
        .with_flags(Flags::ALLOW_INTERACTIVE_AUTH)
        .build(&"main")
        .unwrap();
    bus.send(&call).await.unwrap();
    mariasnap_tests::private_bus::until("the question", || !world.polkit.asked.lock().unwrap().is_empty()).await;
    assert_eq!(world.asked().pop().unwrap().flags, 1);
}

fn uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid()
}
