//! The way in for the locker: plain D-Bus over a unix socket, with no bus in between.
#![forbid(unsafe_code)]

pub(crate) mod framing;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mariasnap_dbus::names::OBJECT_PATH;
use tokio::net::{UnixListener, UnixStream};

use crate::caller::{Owner, PeerProcess};
use crate::core::{Core, locked};
use crate::interface::SnapshotHelper;

/// Accepts connections for ever. One over a limit, or whose process can't be told, is closed without a word.
pub(crate) async fn accept(core: Arc<Core>, listener: UnixListener, handshake: Duration) {
    for number in 0.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("can't accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let process = match PeerProcess::of(&stream, number, &core.connections, &core.units) {
            Ok(process) => Arc::new(process),
            Err(error) => {
                tracing::debug!("closed a connection: {error}");
                continue;
            }
        };
        let core = core.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(core.clone(), stream, process.clone(), handshake).await {
                tracing::debug!("a connection failed: {error}");
            }
            // In this order: a ticket is issued under the lock, and not to who is gone.
            process.gone.store(true, Ordering::Release);
            locked(&core.tickets).drop_owner(&Owner::Peer(number));
        });
    }
}

async fn serve(
    core: Arc<Core>,
    stream: UnixStream,
    process: Arc<PeerProcess>,
    patience: Duration,
) -> Result<(), zbus::Error> {
    let connection = zbus::connection::Builder::socket(framing::bounded(stream))
        .server(zbus::Guid::generate())
        .user_id(process.uid)
        .p2p()
        .serve_at(OBJECT_PATH, SnapshotHelper::for_peer(core, process))
        .build();
    let connection = tokio::time::timeout(patience, connection).await;
    connection.map_err(std::io::Error::other)??.closed().await;
    Ok(())
}
