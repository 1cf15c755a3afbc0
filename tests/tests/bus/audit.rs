//! The audit log: nothing is missing from it, and no locked database waits for it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use mariasnap_tests::private_bus::{Setup, World};

/// Fills the pipe, so that the next who writes to it waits.
fn fill(pipe: &PipeWriter) {
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    // Opened anew: not to block is this writer's own choice, not the helper's.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits();
    let options = OpenOptions::new()
        .write(true)
        .custom_flags(nonblock.cast_signed())
        .open(path);
    let mut pipe = options.unwrap();
    for size in [4096, 1] {
        while pipe.write(&vec![b'\n'; size]).is_ok() {}
    }
}

/// Empties the pipe until the log says `what`.
async fn read_until(mut pipe: PipeReader, what: &'static str) {
    let reading = tokio::task::spawn_blocking(move || {
        let (mut text, mut chunk) = (String::new(), [0; 4096]);
        while !text.contains(what) {
            let length = pipe.read(&mut chunk).unwrap();
            assert!(length > 0, "the log ended without {what:?}");
            text.push_str(str::from_utf8(&chunk[..length]).unwrap());
        }
    });
    reading.await.unwrap();
}

#[tokio::test]
async fn a_stuck_journal_holds_up_no_cut_and_misses_none() {
    let (reader, writer) = std::io::pipe().unwrap();
    let log = Some(writer.try_clone().unwrap());
    let world = World::new(Setup {
        log,
        ..Setup::default()
    })
    .await;
    let helper = world.peer_proxy().await;
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    fill(&writer);
    // Nor do others' entries, and those who are gone leave their places to others: a user has eight.
    for _ in 0..10 {
        world.peer_proxy().await.list_targets().await.unwrap();
    }
    helper.take_snapshot(&ticket, BTreeMap::new()).await.unwrap();
    read_until(reader.try_clone().unwrap(), "TakeSnapshot main for uid").await;
    fill(&writer);
    helper.take_snapshot(&ticket, BTreeMap::new()).await.unwrap_err();
    read_until(reader, "UnknownTicket").await;
}

#[tokio::test]
async fn the_last_entry_is_written_before_the_idle_exit() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let environment = vec![("HELPER_IDLE_MS", "1000".to_owned())];
    let world = World::new(Setup {
        environment,
        log: Some(writer),
        ..Setup::default()
    })
    .await;
    let peer = world.peer().await.unwrap();
    let helper = mariasnap_tests::private_bus::proxy(&peer).await;
    let (ticket, _, _) = helper.prepare_snapshot("main").await.unwrap();
    helper.take_snapshot(&ticket, BTreeMap::new()).await.unwrap();
    peer.close().await.unwrap();
    // Until the helper, which alone holds the other end, is gone.
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.contains("TakeSnapshot main for uid"), "{text}");
}
