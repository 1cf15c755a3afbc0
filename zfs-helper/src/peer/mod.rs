//! The way in for the locker: plain D-Bus over a unix socket, with no bus in between.
#![forbid(unsafe_code)]

mod framing;
mod handshake;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mariasnap_dbus::names::OBJECT_PATH;
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};

use crate::caller::{Owner, PeerProcess};
use crate::core::{Core, locked};
use crate::interface::SnapshotHelper;

/// Connections in all, and of one user.
const MAX_CONNECTIONS: usize = 32;
const MAX_PER_USER: usize = 8;

/// Connections now open, by user.
type Open = Arc<Mutex<HashMap<u32, usize>>>;

/// Accepts connections for ever. One over a limit, or whose process can't be told, is closed without a word.
pub(crate) async fn accept(core: Arc<Core>, listener: UnixListener, handshake: Duration) {
    let open = Open::default();
    for number in 0.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("can't accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let process = match PeerProcess::of(&stream, number) {
            Ok(process) => Arc::new(process),
            Err(error) => {
                tracing::warn!("closed a connection: {error}");
                continue;
            }
        };
        let Some(place) = Place::take(&open, process.uid) else {
            tracing::debug!("closed a connection of uid {}: too many are open", process.uid);
            continue;
        };
        let (core, busy) = (core.clone(), core.activity.begin());
        tokio::spawn(async move {
            let (_place, _busy, owner) = (place, busy, Owner::Peer(process.number));
            if let Err(error) = serve(core.clone(), stream, process, handshake).await {
                tracing::debug!("a connection failed: {error}");
            }
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

/// A connection's place among those allowed, given back when dropped.
struct Place {
    open: Open,
    uid: u32,
}

impl Place {
    fn take(open: &Open, uid: u32) -> Option<Self> {
        let mut by_user = locked(open);
        let (all, own) = (by_user.values().sum::<usize>(), by_user.get(&uid).copied().unwrap_or(0));
        if all >= MAX_CONNECTIONS || own >= MAX_PER_USER {
            return None;
        }
        by_user.insert(uid, own + 1);
        Some(Self {
            open: open.clone(),
            uid,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_user = locked(&self.open);
        match by_user.get(&self.uid).copied() {
            Some(own) if own > 1 => by_user.insert(self.uid, own - 1),
            _ => by_user.remove(&self.uid),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let open = Open::default();
        let mut first: Vec<_> = (0..9).map(|_| Place::take(&open, 1)).collect();
        assert_eq!(first.iter().flatten().count(), MAX_PER_USER);
        let others: Vec<_> = (2..9)
            .flat_map(|uid| (0..8).map(move |_| uid))
            .map(|uid| Place::take(&open, uid))
            .collect();
        assert_eq!(others.iter().flatten().count(), MAX_CONNECTIONS - MAX_PER_USER);
        first.remove(0);
        assert!(Place::take(&open, 1).is_some());
    }
}
