//! Attempt after attempt until the lock is held or the wait is over.

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Attempt, flatten};
use super::release::release;
use super::{Cause, Held, LockError, Plan};
use crate::database::{DatabaseError, Server, ServerBounds, Session};
use crate::helper::HelperFailure;
use crate::interrupt::{Deadline, Interrupt, Stop};
use crate::report::log;

/// The pause after the first attempt; each one is twice as long as that before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// With less than this left of the wait, no attempt is begun.
const LEAST: Duration = Duration::from_millis(200);

const RECONNECT: &str = "connecting for another attempt";

/// Takes the lock and reads the position under it. `sync` runs before commits stop, in each attempt, and counts towards
/// the wait. Where it fails, only speed is lost; while it is under way, commits aren't stopped.
///
/// Nobody queues behind an attempt for longer than `lock.max_stall`: it is then given up, all that it locked or waited
/// for is let go, and after a pause it is made again, until `lock.max_wait` is over. Whatever fails, nothing stays locked:
/// the stage is ended, or the connection is closed and killed.
pub async fn acquire(
    mut session: Session,
    plan: Plan,
    sync: impl AsyncFn() -> Result<(), HelperFailure>,
    stop: &mut Stop,
) -> Result<Held, LockError> {
    let started = Instant::now();
    let wait = Deadline::max_wait(plan.bounds.max_wait.get());
    let (mut number, mut pause) = (1, FIRST_PAUSE);
    loop {
        let attempt = Attempt {
            session: &mut session,
            plan: &plan,
            stop,
            started,
            number,
            deadline: wait.earlier(Deadline::max_stall(plan.bounds.max_stall.get())),
        };
        let error = match attempt.climb(sync()).await {
            Ok(top) => return Ok(Held::new(session, plan, top, number)),
            Err(error) => error,
        };
        if let (_, Err(unlock)) = release(session, &plan).await {
            tracing::debug!(error = %unlock, "the unlock failed; the connection is closed");
        }
        if !error.is_passing() || wait.remaining() < LEAST {
            return Err(error);
        }
        let rest = pause.min(wait.remaining() / 2);
        log::retreated(&error, rest);
        session = again(&plan, rest, wait, stop)
            .await
            .map_err(|cause| LockError::NotObtained {
                step: RECONNECT,
                attempts: number,
                waited: started.elapsed(),
                cause,
            })?;
        number += 1;
        pause *= 2;
    }
}

/// Lets the others go on for a while, then connects anew.
async fn again(plan: &Plan, pause: Duration, wait: Deadline, stop: &mut Stop) -> Result<Session, Cause> {
    stop.unless(Some(wait), tokio::time::sleep(pause)).await?;
    flatten(stop.unless(Some(wait), reconnect(plan)).await)
}

async fn reconnect(plan: &Plan) -> Result<Session, DatabaseError> {
    let mut session = Session::connect(&plan.database).await?;
    let server = Server::inspect(&mut session).await?;
    plan.server.require_same(&server)?;
    session
        .set_bounds(&server, ServerBounds::on_the_way(&plan.bounds))
        .await?;
    Ok(session)
}

impl LockError {
    /// Whether another attempt may come through: others were in the way, and nobody asked us to go.
    fn is_passing(&self) -> bool {
        /// ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK.
        const OTHERS_IN_THE_WAY: [u16; 2] = [1205, 1213];
        match (self, self.cause()) {
            (Self::LostBeforeCut { .. }, _) => false,
            (_, Cause::Interrupt(interrupt)) => matches!(interrupt, Interrupt::MaxStall(_) | Interrupt::MaxHold { .. }),
            (_, Cause::Helper(failure)) => failure.is_pool_busy(),
            (_, Cause::Database(error)) => error.code().is_some_and(|code| OTHERS_IN_THE_WAY.contains(&code)),
        }
    }
}
