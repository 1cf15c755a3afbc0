//! Nobody can use the helper up: connections, requests and messages are bounded.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mariasnap_dbus::HelperError;
use mariasnap_dbus::limits::MAX_MESSAGE_BYTES;
use mariasnap_dbus::names::{BUS_NAME, INTERFACE, OBJECT_PATH};
use mariasnap_tests::private_bus::{Mood, Setup, World, until};
use zbus::message::Message;

/// Through the handshake, by hand.
fn greeted(world: &World) -> UnixStream {
    let mut stream = world.stream();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n").unwrap();
    let mut answer = [0; 6 + 3 + 32 + 2];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer.starts_with(b"DATA\r\nOK "));
    stream
}

/// Whether the helper ended the connection, rather than answering.
fn is_closed(stream: &mut UnixStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// The first 16 bytes of a method call.
fn header(body: u32, fields: u32) -> Vec<u8> {
    let numbers = [body.to_le_bytes(), 1_u32.to_le_bytes(), fields.to_le_bytes()];
    [&[b'l', 1, 0, 1][..], &numbers.concat()].concat()
}

#[tokio::test]
async fn a_message_out_of_bounds_ends_the_connection_before_it_is_read() {
    let world = World::usual().await;
    let most = u32::try_from(MAX_MESSAGE_BYTES).unwrap();
    for (body, fields) in [
        (most, 16),
        (120 << 20, 16),
        (16, 60 << 20),
        (u32::MAX, u32::MAX),
        (0, 0),
    ] {
        let mut stream = greeted(&world);
        stream.write_all(&header(body, fields)).unwrap();
        assert!(is_closed(&mut stream), "body {body}, fields {fields}");
    }
    let helper = world.peer_proxy().await;
    let values: Vec<String> = (0..60).map(|index| format!("{index}{}", "x".repeat(8000))).collect();
    let keys: Vec<String> = (0..60).map(|index| format!("k{index}")).collect();
    let properties: BTreeMap<&str, &str> = keys
        .iter()
        .map(String::as_str)
        .zip(values.iter().map(String::as_str))
        .collect();
    assert!(helper.create_snapshot("main", properties).await.is_err());
    assert!(world.record().is_empty());
    world.peer_proxy().await.list_targets().await.unwrap();
}

#[tokio::test]
async fn one_user_has_at_most_eight_connections() {
    let world = World::usual().await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(world.peer().await.unwrap());
    }
    assert!(world.peer().await.is_err());
    open.pop().unwrap().close().await.unwrap();
    for _ in 0..50 {
        if world.peer().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a closed connection kept its place");
}

/// Requests that wait for polkit keep their connection's place past its end.
#[tokio::test]
async fn connecting_anew_gains_no_more_requests() {
    let world = World::usual().await;
    world.polkit_says(Mood::Late(Duration::from_secs(2)));
    let call = Message::method_call(OBJECT_PATH, "ListTargets").interface(INTERFACE);
    let call = call.destination(BUS_NAME).build(&()).unwrap();
    for _ in 0..8 {
        greeted(&world).write_all(call.data().bytes()).unwrap();
    }
    until("the questions", || world.polkit.asked.lock().unwrap().len() >= 8).await;
    assert!(world.peer().await.is_err());
    world.polkit_says(Mood::Yes);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    world.peer_proxy().await.list_targets().await.unwrap();
}

#[tokio::test]
async fn a_slow_handshake_gives_its_place_up() {
    let environment = vec![("HELPER_HANDSHAKE_MS", "200".to_owned())];
    let world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let mut stream = world.stream();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"\0AUTH EXT").unwrap();
    assert!(is_closed(&mut stream));
}

#[tokio::test]
async fn another_uid_or_no_authentication_gets_nowhere() {
    let environment = vec![("HELPER_HANDSHAKE_MS", "1000".to_owned())];
    let world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let greetings = [
        &b"\0AUTH EXTERNAL 31323334\r\nBEGIN\r\n"[..],
        b"\0AUTH ANONYMOUS\r\nBEGIN\r\n",
        b"\0BEGIN\r\n",
        b"\n",
    ];
    let greeted = greetings.map(|greeting| {
        let mut stream = world.stream();
        stream.write_all(greeting).unwrap();
        (greeting, stream)
    });
    for (greeting, mut stream) in greeted {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // All that it says: where it waits for another try, it hangs up in the end.
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer).map_err(|error| error.kind());
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("OK"), "{greeting:?}: {answer:?}");
        assert!(
            matches!(ended, Ok(_) | Err(ErrorKind::ConnectionReset)),
            "{greeting:?}: {ended:?}"
        );
    }
    world.peer_proxy().await.list_targets().await.unwrap();
}

#[tokio::test]
async fn requests_over_the_rate_are_refused_except_under_the_lock() {
    // Ten for each target are the least; no more come meanwhile, however slow the machine is.
    const BURST: usize = 25;
    let environment = vec![
        ("HELPER_BURST", BURST.to_string()),
        ("HELPER_PER_SECOND", "0".to_owned()),
    ];
    let world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let (helper, bus) = (world.peer_proxy().await, world.bus_proxy().await);
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    let mut refused = 0;
    for _ in 0..100 {
        match helper.list_targets().await {
            Ok(_) => {}
            Err(HelperError::LimitExceeded(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 100 - (BURST - 1), "of 100 that came after one");
    assert!(
        matches!(bus.list_targets().await, Err(HelperError::LimitExceeded(_))),
        "the same user by another way"
    );
    helper.take_snapshot(&ticket, BTreeMap::new()).await.unwrap();
    let mut guesses = Vec::new();
    for _ in 0..50 {
        guesses.push(helper.take_snapshot(&ticket, BTreeMap::new()).await);
    }
    let is_refused = |guess: &Result<_, _>| matches!(guess, Err(HelperError::LimitExceeded(_)));
    assert!(guesses.iter().all(is_refused), "{guesses:?}");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let world = World::usual().await;
    let call = Message::method_call(OBJECT_PATH, "CreateSnapshot")
        .interface(INTERFACE)
        .destination(BUS_NAME);
    let call = call.build(&("mainXXXX", BTreeMap::<&str, &str>::new())).unwrap();
    let mut bytes = call.data().bytes().to_vec();
    let at = bytes.windows(8).position(|window| window == b"mainXXXX").unwrap();
    bytes[at + 4..at + 8].copy_from_slice(&[0xff, 0xfe, 0xc0, 0x80]);
    let mut stream = greeted(&world);
    stream.write_all(&bytes).unwrap();
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).unwrap();
    assert!(length == 0 || answer[1] == 3, "an error message or the end");
    assert!(world.record().is_empty());
}

/// 30 MiB to each of the helper's connections to the bus, which itself lets more through.
#[tokio::test]
async fn a_long_message_on_the_bus_is_thrown_away_and_the_next_one_answered() {
    let world = World::usual().await;
    let client = world.bus().await;
    let bus = zbus::fdo::DBusProxy::new(&client).await.unwrap();
    let body = "x".repeat(30 << 20);
    let mut reached = 0;
    for name in bus.list_names().await.unwrap() {
        let is_unique = name.starts_with(':');
        if is_unique && bus.get_connection_unix_process_id(name.clone().into()).await == Ok(world.helper_pid()) {
            let signal = Message::signal("/", INTERFACE, "Long").destination(name);
            client.send(&signal.build(&body).unwrap()).await.unwrap();
            reached += 1;
        }
    }
    let call = Message::method_call(OBJECT_PATH, "ListSnapshots").destination(BUS_NAME);
    let call = call.interface(INTERFACE).build(&body).unwrap();
    client.send(&call).await.unwrap();
    let helper = mariasnap_tests::private_bus::proxy(&client).await;
    helper.list_snapshots("main").await.unwrap();
    assert_eq!(reached, 2);
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.helper_pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 28 << 10, "{peak} kB");
}
