//! The interface as served is the one in `dbus/data`.

use mariasnap_dbus::names::{BUS_NAME, INTERFACE, OBJECT_PATH};
use mariasnap_tests::outline::{FILE, outline};
use mariasnap_tests::private_bus::World;

#[tokio::test]
async fn the_file_describes_what_is_served() {
    let world = World::usual().await;
    for connection in [world.bus().await, world.peer().await.unwrap()] {
        let proxy = zbus::fdo::IntrospectableProxy::builder(&connection)
            .destination(BUS_NAME)
            .path(OBJECT_PATH);
        let served = proxy.build().await.unwrap().introspect().await.unwrap();
        let (served, file) = (outline(&served), outline(FILE));
        assert_eq!(served.iter().filter(|line| line.starts_with("method")).count(), 8);
        assert_eq!(served, file);
    }
}

#[tokio::test]
async fn the_bus_policy_lets_only_our_interfaces_through() {
    let world = World::usual().await;
    let bus = world.bus().await;
    let call = |interface: &'static str, method: &'static str| {
        let bus = bus.clone();
        async move {
            bus.call_method(Some(BUS_NAME), OBJECT_PATH, Some(interface), method, &())
                .await
        }
    };
    call("org.freedesktop.DBus.Peer", "Ping").await.unwrap();
    call(INTERFACE, "ListTargets").await.unwrap();
    let refused = call("org.example.Other", "Ping").await.unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
}
