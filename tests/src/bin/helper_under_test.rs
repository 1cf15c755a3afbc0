//! The helper with fake storage, shorter limits and a private bus. Never shipped: it is a binary of the tests.
//!
//! Everything between the sockets and the storage is the product's own code. Its one argument is the directory that
//! [`mariasnap_tests::private_bus`] made; the limits come from the environment.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use mariasnap_tests::fake_storage::FakeStorage;
use mariasnap_zfs_helper::pools::Pools;
use mariasnap_zfs_helper::{Limits, Wiring, config, log, privilege, serve};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn ms(name: &str, default: Duration) -> Duration {
    number(name).map_or(default, Duration::from_millis)
}

fn main() {
    let directory = std::env::args().nth(1).unwrap();
    let directory = Path::new(&directory);
    log::init().unwrap();
    let text = std::fs::read_to_string(directory.join("helper.toml")).unwrap();
    let settings = config::parse("helper.toml", &text).unwrap();
    let patience = ms("HELPER_STORAGE_MS", Duration::from_secs(60));
    let pools = Pools::start(&settings, patience, FakeStorage::open).unwrap();
    privilege::drop_all().unwrap();
    let default = Limits::default();
    let limits = Limits {
        idle: ms("HELPER_IDLE_MS", default.idle),
        polkit: ms("HELPER_POLKIT_MS", default.polkit),
        ticket: ms("HELPER_TICKET_MS", default.ticket),
        handshake: ms("HELPER_HANDSHAKE_MS", default.handshake),
        burst: number("HELPER_BURST").map_or(default.burst, |burst| burst.try_into().unwrap()),
        per_second: number("HELPER_PER_SECOND").map_or(default.per_second, |rate| rate.try_into().unwrap()),
        ..default
    };
    let listener = match number("HELPER_BUS_ONLY") {
        Some(_) => None,
        None => Some(std::os::unix::net::UnixListener::bind(directory.join("peer")).unwrap()),
    };
    let bus = directory.join("bus");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(serve(Wiring {
            settings,
            pools,
            listener,
            bus,
            limits,
        }))
        .unwrap();
    runtime.shutdown_background();
}
