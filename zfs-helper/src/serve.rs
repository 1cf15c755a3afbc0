//! From the bus connection to the idle exit.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mariasnap_dbus::limits::TICKET_LIFETIME;
use mariasnap_dbus::names::{BUS_NAME, OBJECT_PATH};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use zbus::fdo::RequestNameFlags;

use crate::activity::Activity;
use crate::audit::Audit;
use crate::authority::Authority;
use crate::config::Settings;
use crate::core::{Core, locked};
use crate::interface::SnapshotHelper;
use crate::pools::Pools;
use crate::rate::RateLimit;
use crate::ticket::Tickets;
use crate::unit::Units;

/// All timers may elapse at once, as after a night without power, and all units are one user.
const REQUESTS_PER_RUN: usize = 10;

/// How long things may take. Fixed in the product; tests shorten them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Without connection, ticket or request, until the helper leaves.
    pub idle: Duration,
    /// For polkit to answer.
    pub polkit: Duration,
    /// For polkit to answer when it may ask somebody.
    pub interactive: Duration,
    /// For a ticket to be redeemed.
    pub ticket: Duration,
    /// For a peer to get through the handshake.
    pub handshake: Duration,
    /// For requests under way to finish once the helper has been told to stop.
    pub drain: Duration,
    /// Requests that one user may make at once, if not more for the sake of many targets.
    pub burst: u32,
    /// Requests a second of one user, on average.
    pub per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30),
            polkit: Duration::from_secs(10),
            interactive: Duration::from_secs(120),
            ticket: TICKET_LIFETIME,
            handshake: Duration::from_secs(5),
            drain: Duration::from_secs(65),
            burst: 40,
            per_second: 20,
        }
    }
}

/// What the helper is made of.
pub struct Wiring {
    /// What may be touched.
    pub settings: Settings,
    /// The threads that touch it, already started.
    pub pools: Pools,
    /// Where peers connect, if systemd passed a socket.
    pub listener: Option<std::os::unix::net::UnixListener>,
    /// Socket of the bus to serve on and to ask polkit on.
    pub bus: PathBuf,
    /// How long things may take.
    pub limits: Limits,
}

/// Why the helper couldn't serve, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The system bus can't be used; without it polkit can't be asked.
    #[error("system bus: {0}")]
    Bus(#[from] zbus::Error),
    /// A socket or a signal couldn't be set up, or systemd not be told.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Serves until idle or told to stop; then finishes what is under way and leaves without losing a request.
pub async fn serve(wiring: Wiring) -> Result<(), ServeError> {
    let mut stop = signal(SignalKind::terminate())?;
    let limits = wiring.limits.clone();
    // Long enough for the most patient question; each question has its own, shorter limit.
    let timeout = limits.interactive + limits.polkit;
    // Two connections, so that a queue full of requests can't hold up polkit's answers, and so that nothing but
    // requests under way keeps the first one open when we leave.
    let (bus, questions) = (
        crate::bus::connect(&wiring.bus, false).await?,
        crate::bus::connect(&wiring.bus, true).await?,
    );
    let bus = bus.method_timeout(timeout).build().await?;
    let questions = questions.method_timeout(timeout).build().await?;
    let targets = wiring.settings.targets().len();
    let burst = u32::try_from(targets * REQUESTS_PER_RUN).unwrap_or(u32::MAX);
    let core = Arc::new(Core {
        settings: wiring.settings,
        authority: Authority::new(&questions, limits.polkit, limits.interactive).await?,
        units: Units::new(&questions).await?,
        activity: wiring.pools.activity.clone(),
        connections: Activity::new(targets),
        pools: wiring.pools,
        tickets: Mutex::new(Tickets::default()),
        rate: Mutex::new(RateLimit::new(limits.burst.max(burst), limits.per_second)),
        ticket_lifetime: limits.ticket,
        audit: Audit::start()?,
    });
    let mut accepting = tokio::task::JoinSet::new();
    if let Some(listener) = wiring.listener {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::UnixListener::from_std(listener)?;
        accepting.spawn(crate::peer::accept(core.clone(), listener, limits.handshake));
    }
    bus.object_server()
        .at(OBJECT_PATH, SnapshotHelper::for_bus(core.clone()))
        .await?;
    bus.request_name_with_flags(BUS_NAME, RequestNameFlags::DO_NOT_QUEUE)
        .await?;
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status("serving")])?;
    let gone = || ServeError::Io(std::io::Error::other("the system bus closed the connection"));
    tokio::select! {
        () = idle(&core, limits.idle) => {}
        _ = stop.recv() => {}
        () = bus.closed() => return Err(gone()),
        () = questions.closed() => return Err(gone()),
    }
    // No await since `idle` returned: nothing can have been accepted in between. Later connections wait in systemd's
    // socket and start the helper anew.
    accepting.abort_all();
    leave(&core, bus, limits.drain).await
}

async fn idle(core: &Core, limit: Duration) {
    loop {
        let quiet = core.activity.quiet_for().zip(core.connections.quiet_for());
        let left = match quiet.map(|(requests, connections)| requests.min(connections)) {
            Some(quiet) if quiet < limit => limit - quiet,
            Some(_) if locked(&core.tickets).none_live(Instant::now()) => return,
            _ => limit.min(Duration::from_secs(1)),
        };
        tokio::time::sleep(left).await;
    }
}

/// Gives the name up first: what the bus delivered until then is still answered, what comes later starts a new helper.
async fn leave(core: &Core, bus: zbus::Connection, drain: Duration) -> Result<(), ServeError> {
    /// For a request that is in the connection's queue to be counted.
    const SETTLE: Duration = Duration::from_millis(50);
    sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status("leaving")])?;
    let until = Instant::now() + drain;
    // A bus that doesn't read would hold us here past systemd's patience.
    match tokio::time::timeout(SETTLE * 20, bus.release_name(BUS_NAME)).await {
        Ok(released) => drop(released?),
        Err(_) => tracing::warn!("the bus doesn't take the name back"),
    }
    tokio::time::sleep(SETTLE).await;
    // A connection without request or ticket loses nothing: it is made anew.
    let wanted = || {
        core.activity.quiet_for().is_none_or(|quiet| quiet < SETTLE) || !locked(&core.tickets).none_live(Instant::now())
    };
    while Instant::now() < until && wanted() {
        tokio::time::sleep(SETTLE / 5).await;
    }
    if tokio::time::timeout(SETTLE * 20, bus.graceful_shutdown())
        .await
        .is_err()
    {
        tracing::warn!("left with the bus connection still in use");
    }
    Ok(())
}
