//! The two ways to the helper.

use std::io;
use std::time::Duration;

use mariasnap_dbus::SnapshotHelper1Proxy;
use tokio::net::UnixStream;
use zbus::Connection;
use zbus::connection::Builder;

use super::{Helper, HelperFailure};
use crate::config::HelperSettings;

/// How long a person may take to answer an authentication dialogue.
const DIALOGUE: Duration = Duration::from_secs(120);

/// Who is calling, which decides the ways that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A run that holds a lock: the peer socket, and the system bus for root alone.
    Locker,
    /// A person at a terminal: the peer socket, or the system bus with a dialogue.
    Person,
}

impl Helper {
    /// Connects to the peer socket, or, where this process can't open it, through the system bus.
    pub async fn connect(settings: &HelperSettings, caller: Caller) -> Result<Self, HelperFailure> {
        let error = match bounded(settings, peer(settings)).await {
            Ok(connection) => return Self::over(connection, false, settings).await,
            Err(error) => error,
        };
        let is_closed_to_us = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
        let may_use_bus = caller == Caller::Person || rustix::process::geteuid().is_root();
        if !is_closed_to_us || !may_use_bus {
            return Err(unreachable(settings, error.to_string()));
        }
        match bounded(settings, bus()).await {
            Ok(connection) => Self::over(connection, caller == Caller::Person, settings).await,
            Err(other) => Err(unreachable(
                settings,
                format!("{error}; nor over the system bus: {other}"),
            )),
        }
    }

    async fn over(
        connection: Connection,
        with_dialogue: bool,
        settings: &HelperSettings,
    ) -> Result<Self, HelperFailure> {
        let bound = match with_dialogue {
            true => settings.timeout.get().max(DIALOGUE),
            false => settings.timeout.get(),
        };
        let proxy = SnapshotHelper1Proxy::builder(&connection)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await;
        match proxy {
            Ok(proxy) => Ok(Self {
                proxy,
                with_dialogue,
                bound,
            }),
            Err(error) => Err(unreachable(settings, error.to_string())),
        }
    }
}

async fn peer(settings: &HelperSettings) -> io::Result<Connection> {
    let stream = UnixStream::connect(&settings.socket).await?.into_std()?;
    let builder = Builder::unix_stream(stream).p2p();
    builder.build().await.map_err(io::Error::other)
}

async fn bus() -> io::Result<Connection> {
    Connection::system().await.map_err(io::Error::other)
}

async fn bounded<T>(settings: &HelperSettings, attempt: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let bound = settings.timeout.get();
    match tokio::time::timeout(bound, attempt).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {bound:?} (helper.timeout)"),
        )),
    }
}

fn unreachable(settings: &HelperSettings, why: String) -> HelperFailure {
    HelperFailure::Unreachable {
        socket: settings.socket.clone(),
        why,
    }
}
