//! The database held still while somebody else copies it: the same lock, bounds and proof as for a snapshot.

mod claim;
mod command;
mod error;
mod frozen;
mod hold;
mod verdict;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use mariasnap_dbus::TargetName;

pub use claim::{Claim, ClaimError, Seen, end, forget, look};
pub use command::around;
pub use error::{FreezeError, Lapse};
pub use frozen::Frozen;
pub use verdict::Verdict;

use crate::config::Settings;
use crate::database::{SILENCE_MARGIN, ServerBounds};
use crate::interrupt::Stop;
use crate::lock::{self, Held};
use crate::logging::step;
use crate::ready::Lockable;
use crate::snapshot::milliseconds;
use hold::hold;

/// Where it is told what is frozen, unless `--run-dir` says otherwise.
pub const DEFAULT_RUN_DIR: &str = "/run/mariasnap";

/// One freeze of one target.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The target.
    pub target: &'a TargetName,
    /// Its configuration, as [`Settings::for_freeze`] makes it.
    pub settings: &'a Settings,
    /// The run's id.
    pub run: &'a str,
    /// Where it is told, while it lasts, what is frozen.
    pub run_dir: &'a Path,
    /// Whether a freeze that was killed before keeps this one from locking.
    pub once: bool,
}

impl Job<'_> {
    /// Keeps everybody else from freezing the target until the claim is dropped.
    pub fn claim(&self) -> Result<Claim, FreezeError> {
        Ok(Claim::make(self.run_dir, self.target, self.once)?)
    }
}

/// A freeze that is over, the lock proven to have been held all the while.
#[derive(Debug)]
pub struct Thawed<T> {
    /// What was frozen.
    pub frozen: Frozen,
    /// For how long commits stood still.
    pub held: Duration,
    /// What ended it.
    pub end: T,
}

impl<T> fmt::Display for Thawed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, held_ms) = (&self.frozen.target, milliseconds(self.held));
        write!(
            f,
            "{target} is thawed; the lock was held all the while, for {held_ms} ms"
        )
    }
}

/// Holds the database still from before `act` begins until after it ends, or fails: `act` isn't begun without the lock,
/// and is dropped as soon as the lock isn't held any more. With `on_signal`, a signal ends the freeze as `act` would.
///
/// The lock is given back whatever happens, at the latest when `freeze.max_hold` is over; the claim is the caller's to give
/// up, once it has said how the freeze ended.
pub async fn run<T>(
    job: Job<'_>,
    claim: &mut Claim,
    act: impl AsyncFnOnce(&Frozen) -> T,
    on_signal: Option<T>,
    stop: &mut Stop,
) -> Result<Thawed<T>, FreezeError> {
    let getting_ready = async {
        let mut lockable = Lockable::make(job.settings, patience(job.settings)).await?;
        let frozen = Frozen::before_the_lock(&job, &mut lockable);
        let (session, plan) = lockable.plan(job.settings).await?;
        Ok::<_, FreezeError>((frozen, session, plan))
    };
    let ready = stop.unless(None, getting_ready).await;
    let (mut frozen, session, plan) = ready.map_err(FreezeError::Interrupted)??;

    step("locking the database");
    let mut held = lock::acquire(session, plan, async || Ok(()), stop).await?;
    if let Err(lapse) = frozen.fill(&mut held).await {
        return Err(lapsed(held.release().await.0.held, lapse));
    }
    let ended = match claim.tell(&frozen) {
        Ok(()) => hold(&mut held, stop, act(&frozen)).await,
        Err(error) => {
            held.release().await;
            return Err(error.into());
        }
    };
    let ended = match (ended, on_signal) {
        (Err(Lapse::Interrupted(interrupt)), Some(end)) if interrupt.is_signal() => Ok(end),
        (ended, _) => ended,
    };
    // Unlocked before anything is said of it.
    let (held, end) = give_back(held, ended, stop).await;
    let end = end?;
    Ok(Thawed { frozen, held, end })
}

/// Gives the lock back; with a proof, where the hold came to its end.
async fn give_back<T>(held: Held, ended: Result<T, Lapse>, stop: &mut Stop) -> (Duration, Result<T, FreezeError>) {
    let (hold, failure) = match &ended {
        Ok(_) => {
            let (hold, proven) = held.prove_and_release(stop).await;
            (hold, proven.err())
        }
        Err(_) => (held.release().await.0, None),
    };
    let held = hold.held;
    let end = match (ended, failure) {
        (Ok(end), None) => Ok(end),
        (Ok(_), Some(doubt)) => Err(FreezeError::Unproven { held, doubt }),
        (Err(lapse), _) => Err(lapsed(held, lapse)),
    };
    (held, end)
}

/// Between two looks for a quiet moment.
fn patience(settings: &Settings) -> ServerBounds {
    ServerBounds {
        lock_wait: settings.lock.max_wait,
        silence: SILENCE_MARGIN,
    }
}

fn lapsed(held: Duration, lapse: Lapse) -> FreezeError {
    FreezeError::Lapsed { held, lapse }
}
