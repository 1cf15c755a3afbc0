//! What an authorised caller gets, by either way in.

use std::collections::BTreeMap;
use std::time::Duration;

use mariasnap_dbus::{DestroyRequest, HelperError, SnapshotHelper1Proxy};
use mariasnap_tests::fake_storage::TAKE_MS;
use mariasnap_tests::private_bus::{Mood, Setup, World, proxy, until};

fn request(name: &str, guid: u64) -> DestroyRequest {
    DestroyRequest {
        name: name.to_owned(),
        guid,
    }
}

async fn whole_story(helper: &SnapshotHelper1Proxy<'_>) {
    let names: Vec<String> = helper
        .list_targets()
        .await
        .unwrap()
        .into_iter()
        .map(|target| target.name)
        .collect();
    assert_eq!(names, ["main", "other"]);
    let (ticket, name, _) = helper.prepare_snapshot("main").await.unwrap();
    helper.sync_pool(&ticket).await.unwrap();
    // Again, as before another attempt at the lock.
    helper.sync_pool(&ticket).await.unwrap();
    let cut = helper
        .take_snapshot(&ticket, BTreeMap::from([("gtid", "0-1-7")]))
        .await
        .unwrap();
    assert_eq!(cut.name, name);
    let listed = helper.list_snapshots("main").await.unwrap();
    let newest = listed.last().unwrap();
    assert_eq!(
        (newest.guid, newest.property("state"), newest.property("gtid")),
        (cut.guid, Some("unproven"), Some("0-1-7"))
    );
    helper
        .confirm_snapshot("main", &name, cut.guid, BTreeMap::from([("hold-ms", "4")]))
        .await
        .unwrap();
    let listed = helper.list_snapshots("main").await.unwrap();
    let newest = listed.last().unwrap();
    assert_eq!(
        (newest.property("state"), newest.property("hold-ms")),
        (Some("consistent"), Some("4"))
    );
    let second = helper.create_snapshot("main", BTreeMap::new()).await.unwrap();
    let wanted = [
        request(&second.name, second.guid),
        request(&name, cut.guid),
        request("mariasnap-none", 1),
    ];
    let outcomes = helper.destroy_snapshots("main", &wanted).await.unwrap();
    let outcomes: Vec<_> = outcomes.iter().map(|outcome| outcome.outcome.as_str()).collect();
    assert_eq!(outcomes, ["destroyed", "min-keep", "not-found"]);
}

#[tokio::test]
async fn by_the_peer_socket() {
    whole_story(&World::usual().await.peer_proxy().await).await;
}

#[tokio::test]
async fn by_the_bus() {
    whole_story(&World::usual().await.bus_proxy().await).await;
}

/// Only an unproven snapshot of the target's own is marked consistent, by its name and its guid, and once.
#[tokio::test]
async fn nothing_else_is_confirmed() {
    let world = World::usual().await;
    for helper in [world.peer_proxy().await, world.bus_proxy().await] {
        let own = helper.create_snapshot("main", BTreeMap::new()).await.unwrap();
        let others = helper.create_snapshot("other", BTreeMap::new()).await.unwrap();
        let before = world.record();
        let confirm = |target, name, guid| helper.confirm_snapshot(target, name, guid, BTreeMap::new());
        for (target, name, guid) in [
            ("main", "mariasnap-none", own.guid),
            ("main", own.name.as_str(), own.guid - 1),
            ("main", own.name.as_str(), own.guid ^ (1 << 63)),
        ] {
            let refused = confirm(target, name, guid).await;
            assert!(
                matches!(refused, Err(HelperError::NoSuchSnapshot(_))),
                "{name} of {target}: {refused:?}"
            );
        }
        for (target, name, guid) in [
            ("main", others.name.as_str(), others.guid),
            ("other", own.name.as_str(), own.guid),
            ("main", "autosnap_daily", own.guid),
            ("main", "", own.guid),
        ] {
            let refused = confirm(target, name, guid).await;
            assert!(
                matches!(refused, Err(HelperError::InvalidArgument(_))),
                "{name} of {target}: {refused:?}"
            );
        }
        let reserved = BTreeMap::from([("state", "consistent")]);
        let refused = helper.confirm_snapshot("main", &own.name, own.guid, reserved).await;
        assert!(matches!(refused, Err(HelperError::InvalidArgument(_))), "{refused:?}");
        assert_eq!(world.record(), before);
        confirm("main", &own.name, own.guid).await.unwrap();
        let again = confirm("main", &own.name, own.guid).await;
        assert!(matches!(again, Err(HelperError::NoSuchSnapshot(_))), "{again:?}");
        assert_eq!(world.record().len(), before.len() + 1);
    }
}

#[tokio::test]
async fn a_ticket_is_for_one_use_on_one_connection() {
    let world = World::usual().await;
    let (owner, other, bus) = (
        world.peer_proxy().await,
        world.peer_proxy().await,
        world.bus_proxy().await,
    );
    let (ticket, _, _) = owner.prepare_snapshot("main").await.unwrap();
    for thief in [&other, &bus] {
        let stolen = thief.take_snapshot(&ticket, BTreeMap::new()).await;
        assert!(matches!(stolen, Err(HelperError::UnknownTicket(_))), "{stolen:?}");
        assert!(matches!(
            thief.sync_pool(&ticket).await,
            Err(HelperError::UnknownTicket(_))
        ));
        assert!(matches!(
            thief.prepare_snapshot("main").await,
            Err(HelperError::Busy(_))
        ));
        assert!(matches!(
            thief.create_snapshot("main", BTreeMap::new()).await,
            Err(HelperError::Busy(_))
        ));
    }
    owner.take_snapshot(&ticket, BTreeMap::new()).await.unwrap();
    let again = owner.take_snapshot(&ticket, BTreeMap::new()).await;
    assert!(matches!(again, Err(HelperError::UnknownTicket(_))), "{again:?}");
    let made_up = owner.take_snapshot(&"0".repeat(32), BTreeMap::new()).await;
    assert!(matches!(made_up, Err(HelperError::UnknownTicket(_))), "{made_up:?}");
    assert_eq!(world.record().len(), 1);
}

#[tokio::test]
async fn a_ticket_dies_with_its_connection() {
    let world = World::usual().await;
    let owner = world.peer().await.unwrap();
    mariasnap_tests::private_bus::proxy(&owner)
        .await
        .prepare_snapshot("main")
        .await
        .unwrap();
    owner.close().await.unwrap();
    let other = world.peer_proxy().await;
    for _ in 0..20 {
        if other.prepare_snapshot("main").await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the ticket outlived its connection");
}

#[tokio::test]
async fn no_ticket_is_given_to_a_connection_that_has_ended() {
    let world = World::usual().await;
    world.polkit_says(Mood::Late(Duration::from_millis(400)));
    let owner = world.peer().await.unwrap();
    let asking = proxy(&owner).await;
    let asking = tokio::spawn(async move { asking.prepare_snapshot("main").await.map(drop) });
    until("the question", || !world.asked().is_empty()).await;
    owner.close().await.unwrap();
    asking.await.unwrap().unwrap_err();
    world.polkit_says(Mood::Yes);
    let other = world.peer_proxy().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    other.prepare_snapshot("main").await.unwrap();
}

#[tokio::test]
async fn a_ticket_expires() {
    let environment = vec![("HELPER_TICKET_MS", "200".to_owned())];
    let world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let helper = world.peer_proxy().await;
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let late = helper.take_snapshot(&ticket, BTreeMap::new()).await;
    assert!(matches!(late, Err(HelperError::UnknownTicket(_))), "{late:?}");
    helper.prepare_snapshot("main").await.unwrap();
    assert!(world.record().is_empty());
}

#[tokio::test]
async fn storage_that_hangs_leaves_the_outcome_unknown_and_other_pools_alone() {
    let environment = vec![("HELPER_STORAGE_MS", "300".to_owned()), (TAKE_MS, "1500".to_owned())];
    let world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let (helper, second) = (world.peer_proxy().await, world.peer_proxy().await);
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    let unknown = helper.take_snapshot(&ticket, BTreeMap::new()).await;
    assert!(matches!(unknown, Err(HelperError::OutcomeUnknown(_))), "{unknown:?}");
    second.list_snapshots("other").await.unwrap();
    let queued = second.list_snapshots("main").await;
    assert!(matches!(queued, Err(HelperError::Busy(_))), "{queued:?}");
}

#[tokio::test]
async fn bad_arguments_change_nothing() {
    let world = World::usual().await;
    let helper = world.peer_proxy().await;
    let long = "x".repeat(300);
    for bad in [
        "",
        "a@b",
        "a#b",
        "a%b",
        "a,b",
        "..",
        "-a",
        "a/b",
        "a b",
        "a\nb",
        long.as_str(),
    ] {
        let refused = helper.create_snapshot(bad, BTreeMap::new()).await;
        assert!(
            matches!(refused, Err(HelperError::InvalidArgument(_))),
            "{bad:?}: {refused:?}"
        );
    }
    for (bad, why) in [
        ("", "is empty"),
        ("mariasnap-a@b", "'@'"),
        ("mariasnap-a#b", "'#'"),
        ("mariasnap-a%b", "'%'"),
        ("mariasnap-a,b", "','"),
        ("mariasnap-a/b", "'/'"),
        ("mariasnap-a b", "' '"),
        ("mariasnap-a\nb", "'\\n'"),
        ("-mariasnap-a", "stand first"),
        ("..", "stand first"),
        (&format!("mariasnap-{long}"), "has 310 bytes"),
        ("autosnap_daily", "doesn't start with mariasnap-"),
        ("mariasnap", "doesn't start with mariasnap-"),
        ("mariasnapx-1", "doesn't start with mariasnap-"),
        ("other-1", "doesn't start with mariasnap-"),
    ] {
        let refused = helper.destroy_snapshots("main", &[request(bad, 1)]).await;
        assert!(
            matches!(&refused, Err(HelperError::InvalidArgument(text)) if text.contains(why)),
            "{bad:?}: {refused:?}"
        );
    }
    let twice = [request("mariasnap-1", 1), request("mariasnap-1", 2)];
    assert!(matches!(
        helper.destroy_snapshots("main", &twice).await,
        Err(HelperError::InvalidArgument(_))
    ));
    assert!(matches!(
        helper.destroy_snapshots("main", &[]).await,
        Err(HelperError::InvalidArgument(_))
    ));
    assert!(world.record().is_empty());
}

#[tokio::test]
async fn bad_properties_change_nothing() {
    let world = World::usual().await;
    let helper = world.peer_proxy().await;
    let long = "x".repeat(8192);
    let bad = [
        ("state", "consistent"),
        ("target", "x"),
        ("id", "x"),
        ("a", &long),
        ("a", "b\nc"),
        ("A", "b"),
        ("a:b", "c"),
    ];
    for (key, value) in bad {
        let refused = helper.create_snapshot("main", BTreeMap::from([(key, value)])).await;
        assert!(
            matches!(refused, Err(HelperError::InvalidArgument(_))),
            "{key}: {refused:?}"
        );
    }
    let keys: Vec<String> = (0..65).map(|index| format!("k{index}")).collect();
    let many: BTreeMap<&str, &str> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    let refused = helper.create_snapshot("main", many).await;
    assert!(matches!(refused, Err(HelperError::InvalidArgument(_))), "{refused:?}");
    assert!(world.record().is_empty());
    helper
        .create_snapshot("main", BTreeMap::from([("a", &long[1..])]))
        .await
        .unwrap();
}
