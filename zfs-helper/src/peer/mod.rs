//! The way in for the locker: plain D-Bus over a unix socket, with no bus in between.
#![forbid(unsafe_code)]

pub(crate) mod framing;
mod handshake;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mariasnap_dbus::names::OBJECT_PATH;
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};

use crate::caller::{Owner, PeerProcess};
use crate::core::{Core, locked};
use crate::interface::SnapshotHelper;
use crate::places::Places;

/// Accepts connections for ever. One over a limit, or whose process can't be told, is closed without a word.
pub(crate) async fn accept(core: Arc<Core>, listener: UnixListener, handshake: Duration) {
    let places = Places::default();
    for number in 0.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("can't accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let process = match PeerProcess::of(&stream, number, &places) {
            Ok(process) => Arc::new(process),
            Err(error) => {
                tracing::debug!("closed a connection: {error}");
                continue;
            }
        };
        let (core, busy) = (core.clone(), core.connections.begin());
        tokio::spawn(async move {
            let (_busy, owner) = (busy, Owner::Peer(process.number));
            if let Err(error) = serve(core.clone(), stream, process.clone(), handshake).await {
                tracing::debug!("a connection failed: {error}");
            }
            // In this order: a ticket is issued under the lock, and not to who is gone.
            process.gone.store(true, Ordering::Release);
            locked(&core.tickets).drop_owner(&owner);
        });
    }
}

async fn serve(
    core: Arc<Core>,
    stream: UnixStream,
    process: Arc<PeerProcess>,
    patience: Duration,
) -> Result<(), zbus::Error> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(4096, read);
    let guid = zbus::Guid::generate();
    let greeted = tokio::time::timeout(
        patience,
        handshake::greet(&mut read, &mut write, process.uid, guid.as_str()),
    );
    greeted.await.map_err(std::io::Error::other)??;
    let connection = zbus::connection::Builder::authenticated_socket(framing::Stream::new(read, write), guid)
        .p2p()
        .serve_at(OBJECT_PATH, SnapshotHelper::for_peer(core, process))
        .build()
        .await?;
    connection.closed().await;
    Ok(())
}
