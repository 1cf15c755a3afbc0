//! The hold that lasts until somebody says that it is enough.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use super::Lapse;
use crate::interrupt::Stop;
use crate::lock::Held;

/// How often the connection that holds the lock is asked whether it lives. WatchdogSec= of the unit is above it.
const PULSE: Duration = Duration::from_secs(1);

/// Holds on until `act` ends. An error comes as soon as the lock is known to be gone, its time is over, or a signal comes;
/// `act` is then left where it stands.
pub(super) async fn hold<T>(held: &mut Held, stop: &mut Stop, act: impl Future<Output = T>) -> Result<T, Lapse> {
    let mut act = pin!(act);
    let deadline = held.deadline();
    loop {
        let rest = async {
            tokio::select! {
                biased;
                end = &mut act => Some(end),
                () = tokio::time::sleep(PULSE) => None,
            }
        };
        if let Some(end) = stop.unless(Some(deadline), rest).await? {
            return Ok(end);
        }
        // Not to be broken off by a signal: a statement without its answer would cost the proof.
        match deadline.bound(alive_during(held.keep())).await? {
            // The server keeps to the same bound, and may be a moment ahead.
            Err(_) if deadline.remaining().is_zero() => deadline.bound(pending()).await?,
            kept => kept?,
        }
    }
}

/// The server may stand still; whoever watches over this process is to know that it doesn't.
async fn alive_during<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        alive();
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(PULSE) => {}
        }
    }
}

fn alive() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]) {
        tracing::debug!(%error, "the service manager can't be told that all is well");
    }
}
