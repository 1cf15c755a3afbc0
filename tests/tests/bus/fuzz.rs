//! Ten thousand messages that no client would send: the helper stays up, small, and changes nothing.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use mariasnap_dbus::names::{ACTION_DESTROY, ACTION_LIST, ACTION_SNAPSHOT, INTERFACE, OBJECT_PATH};
use mariasnap_tests::private_bus::{Asked, Setup, World};
use zbus::message::Message;

const MESSAGES: usize = 10_000;
const MAX_RESIDENT_KIB: u64 = 16 * 1024;

/// In no name, key or value, and too many for the flipped bytes to mend.
const FORBIDDEN: &str = "\n\n\n\n\n\n\n\n";

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

/// A well-formed call of one of our methods that changes nothing. The caller may do anything, half of the calls are
/// about a target that there is, and most have the arguments that the method takes; then one of them is wrong.
fn call(random: &mut Random, taken: &str) -> Vec<u8> {
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
    let method = random.pick(&METHODS);
    let builder = Message::method_call(OBJECT_PATH, method).interface(INTERFACE);
    let text: String = String::from_utf8_lossy(&random.bytes(60)).replace('\0', "?");
    let (target, name) = (random.pick(&["main", "other", &text]), random.pick(&[taken, &text]));
    let wrong = format!("{text}{FORBIDDEN}");
    let key = random.pick(&["a", &wrong]);
    let (properties, guid) = (BTreeMap::from([(key, wrong.as_str())]), random.next());
    let message = match (method, random.below(8)) {
        (_, 0) => builder.build(&random.bytes(200)),
        (_, 1) => builder.build(&(text.as_str(), guid)),
        ("PrepareSnapshot" | "SyncPool" | "ListSnapshots", _) => builder.build(&target),
        ("TakeSnapshot" | "CreateSnapshot", _) => builder.build(&(target, properties)),
        ("ConfirmSnapshot", 2..5) => builder.build(&(target, name, guid, properties)),
        ("ConfirmSnapshot", _) => builder.build(&(target, name, guid, BTreeMap::<&str, &str>::new())),
        ("DestroySnapshots", _) => builder.build(&(target, vec![(name, guid)])),
        _ => builder.build(&()),
    };
    message.unwrap().data().bytes().to_vec()
}

/// One hostile input: with some bytes flipped, cut short, or nothing but noise.
fn hostile(random: &mut Random, taken: &str) -> Vec<u8> {
    let mut bytes = call(random, taken);
    match random.below(4) {
        0 | 1 => {
            for _ in 0..=random.below(6) {
                let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
                bytes[at] = random.next().to_le_bytes()[0];
            }
        }
        2 => bytes.truncate(usize::try_from(random.below(bytes.len() as u64)).unwrap()),
        _ => bytes = random.bytes(400),
    }
    bytes
}

fn connected(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Through the handshake.
fn greeted(socket: &Path) -> UnixStream {
    let mut stream = connected(socket);
    stream.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n").unwrap();
    let mut answer = [0; 6 + 3 + 32 + 2];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer.starts_with(b"DATA\r\nOK "), "{answer:?}");
    stream
}

/// Reads one whole answer, and no byte of the next.
fn read_answer(stream: &mut UnixStream) {
    let mut header = [0; 16];
    stream.read_exact(&mut header).unwrap();
    let number = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().unwrap()) as usize;
    assert!(matches!(header, [b'l', 2 | 3, ..]), "no answer: {header:?}");
    let left = number(12).next_multiple_of(8) + number(4);
    stream.read_exact(&mut vec![0; left]).unwrap();
}

/// Sends that and nothing more. The helper may answer, and hangs up in the end.
fn send_last(stream: &mut UnixStream, bytes: &[u8]) {
    // What it refuses to read is refused.
    if stream.write_all(bytes).and(stream.shutdown(Shutdown::Write)).is_ok()
        && let Err(error) = stream.read_to_end(&mut Vec::new())
    {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

/// Sends [`MESSAGES`] at least: calls, each of which is answered, and at the end of each connection something worse, after
/// which the helper hangs up. Returns how many were calls.
fn attack(socket: &Path, random: &mut Random, taken: &str) -> usize {
    let (mut calls, mut worse) = (0, 0);
    while calls + worse < MESSAGES {
        // Some don't even get through the handshake.
        if random.below(10) == 0 {
            send_last(&mut connected(socket), &random.bytes(600));
            continue;
        }
        let mut stream = greeted(socket);
        for _ in 0..random.below(8) {
            stream.write_all(&call(random, taken)).unwrap();
            read_answer(&mut stream);
            calls += 1;
        }
        send_last(&mut stream, &hostile(random, taken));
        worse += 1;
    }
    println!("{calls} calls were answered, {worse} connections ended with worse");
    calls
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
    let environment = vec![("HELPER_BURST", "1000000".to_owned())];
    let mut world = World::new(Setup {
        environment,
        ..Setup::default()
    })
    .await;
    let helper = world.bus_proxy().await;
    let taken = helper.create_snapshot("main", BTreeMap::new()).await.unwrap().name;
    let before = world.record().len();
    world.asked();
    let socket = world.peer_socket();
    // On a thread of its own, since the mock polkit answers from this one.
    let calls = tokio::task::spawn_blocking(move || attack(&socket, &mut Random(seed), &taken))
        .await
        .unwrap();
    assert!(calls > MESSAGES / 2, "{calls}");
    assert!(world.helper_runs());
    let asked = world.asked();
    for action in [ACTION_LIST, ACTION_SNAPSHOT, ACTION_DESTROY] {
        let about_main = |asked: &Asked| asked.action == action && asked.details["target"] == "main";
        assert!(asked.iter().any(about_main), "no message got as far as {action}");
    }
    assert_eq!(world.peer_proxy().await.list_targets().await.unwrap().len(), 2);
    let changes = world.record().split_off(before);
    assert!(changes.is_empty(), "{}, the first: {}", changes.len(), changes[0]);
    let resident = resident_high_water_kib(world.helper_pid());
    println!("resident at most: {resident} KiB");
    assert!(resident < MAX_RESIDENT_KIB, "{resident} KiB");
}
