//! Ten thousand messages that no client would send: the helper stays up, small, and changes nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use mariasnap_dbus::names::{INTERFACE, OBJECT_PATH};
use mariasnap_tests::private_bus::{Setup, World};
use zbus::message::Message;

const MESSAGES: u64 = 10_000;
const MAX_RESIDENT_KIB: u64 = 16 * 1024;

/// xorshift: the same messages in every run of the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next().to_le_bytes()[3]).collect()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// A well-formed call of one of our methods, with a body that may or may not fit.
fn call(random: &mut Random) -> Vec<u8> {
    const METHODS: [&str; 9] = [
        "ListTargets",
        "PrepareSnapshot",
        "SyncPool",
        "TakeSnapshot",
        "CreateSnapshot",
        "ConfirmSnapshot",
        "ListSnapshots",
        "DestroySnapshots",
        "Nothing",
    ];
    let builder = Message::method_call(OBJECT_PATH, random.pick(&METHODS)).interface(INTERFACE);
    let text: String = String::from_utf8_lossy(&random.bytes(60)).replace('\0', "?");
    let message = match random.below(6) {
        0 => builder.build(&text),
        1 => builder.build(&(text.as_str(), random.next())),
        2 => builder.build(&(
            text.as_str(),
            std::collections::HashMap::from([(text.as_str(), text.as_str())]),
        )),
        3 => builder.build(&("main", vec![(text.as_str(), random.next()); 3])),
        4 => builder.build(&random.bytes(200)),
        _ => builder.build(&()),
    };
    message.unwrap().data().bytes().to_vec()
}

/// One hostile input: intact, with some bytes flipped, cut short, or nothing but noise.
fn hostile(random: &mut Random) -> Vec<u8> {
    let mut bytes = call(random);
    match random.below(8) {
        0..4 => {}
        4 | 5 => {
            for _ in 0..=random.below(6) {
                let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
                bytes[at] = random.next().to_le_bytes()[0];
            }
        }
        6 => bytes.truncate(usize::try_from(random.below(bytes.len() as u64)).unwrap()),
        _ => bytes = random.bytes(400),
    }
    bytes
}

fn connected(socket: &Path, random: &mut Random) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    // Some don't even get through the handshake. A helper that has hung up already is as good an end as any.
    let greeting = match random.below(10) {
        0 => random.bytes(600),
        _ => b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n".to_vec(),
    };
    drop(stream.write_all(&greeting));
    stream
}

/// Reads an answer, if one comes, so that the helper never waits for us.
fn drain(stream: &mut UnixStream) -> usize {
    stream.read(&mut [0; 16 * 1024]).unwrap_or(0)
}

/// Sends [`MESSAGES`]; returns how many bytes came back.
fn attack(socket: &Path, random: &mut Random) -> usize {
    let (mut sent, mut answered) = (0, 0);
    while sent < MESSAGES {
        let mut stream = connected(socket, random);
        // The first message that is no message ends a connection: half of them get none, so that calls get through.
        let mild = random.below(2) == 0;
        for _ in 0..random.below(40) {
            sent += 1;
            let bytes = if mild { call(random) } else { hostile(random) };
            // Refused because an earlier one ended the connection: go on with a new one.
            if stream.write_all(&bytes).is_err() {
                break;
            }
            answered += drain(&mut stream);
        }
    }
    answered
}

fn resident_high_water_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn hostile_messages_change_nothing() {
    let seed = std::env::var("FUZZ_SEED").map_or(0x6d61_7269_6173_6e61, |seed| seed.parse().unwrap());
    println!("FUZZ_SEED={seed}");
    let environment = vec![
        ("HELPER_BURST", "1000000".to_owned()),
        ("HELPER_HANDSHAKE_MS", "500".to_owned()),
    ];
    let mut world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    // Only what polkit allows could change anything, and it allows nothing here but listing.
    world.polkit_says(mariasnap_tests::private_bus::Mood::Only(
        mariasnap_dbus::names::ACTION_LIST,
    ));
    let socket = world.peer_socket();
    // On a thread of its own, since the mock polkit answers from this one.
    let answered = tokio::task::spawn_blocking(move || attack(&socket, &mut Random(seed)))
        .await
        .unwrap();
    println!("{answered} bytes of answers");
    assert!(answered > 100_000, "hardly any message was answered");
    assert!(world.helper_runs());
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(world.peer_proxy().await.list_targets().await.unwrap().len(), 2);
    assert!(!world.asked().is_empty(), "no message got as far as polkit");
    assert_eq!(world.record(), Vec::<String>::new());
    let resident = resident_high_water_kib(world.helper_pid());
    println!("resident at most: {resident} KiB");
    assert!(resident < MAX_RESIDENT_KIB, "{resident} KiB");
}
