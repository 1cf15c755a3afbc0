//! One attempt at the lock: the steps that all strategies share.

use std::time::Duration;

use tokio::time::Instant;

use super::plan::Reading;
use super::{Cause, LockError, Plan};
use crate::database::{Batch, DatabaseError, NARROW, Session};
use crate::helper::HelperFailure;
use crate::interrupt::{Deadline, Interrupt, Stop};

const LOCKING: &str = "locking";

const SYNC: &str = "the pool's sync";

/// What an attempt has to go by.
pub(super) struct Attempt<'a> {
    pub(super) session: &'a mut Session,
    pub(super) plan: &'a Plan,
    pub(super) stop: &'a mut Stop,
    /// When the first attempt began.
    pub(super) started: Instant,
    /// Which attempt this is, from 1.
    pub(super) number: u32,
    /// When it is given up, so that those go on who queue behind it.
    pub(super) deadline: Deadline,
}

/// The lock, just obtained: since when, after how long a wait, until when, and what was seen.
#[derive(Debug)]
pub(super) struct Top {
    pub(super) since: Instant,
    pub(super) waited: Duration,
    pub(super) deadline: Deadline,
    /// None where it is taken beside the cut.
    pub(super) reading: Option<Reading>,
    pub(super) unsynced: Option<String>,
}

impl Attempt<'_> {
    /// Goes all the way up. Where it fails, what was locked on the way still is.
    pub(super) async fn climb(
        mut self,
        sync: impl Future<Output = Result<(), HelperFailure>>,
    ) -> Result<Top, LockError> {
        self.session.unbound();
        let strategy = self.plan.kind.strategy();
        for statement in strategy.gentle() {
            let done = self.stop.unless(Some(self.deadline), self.session.run(statement)).await;
            flatten(done).map_err(|cause| self.not_obtained(statement, cause))?;
        }
        let unsynced = self.sync(sync).await?;
        if strategy.hard().is_some() {
            let narrowing = self.session.narrow(&self.plan.bounds);
            let narrowed = self.stop.unless(Some(self.deadline), narrowing).await;
            flatten(narrowed).map_err(|cause| self.not_obtained(NARROW, cause))?;
        }

        let since = Instant::now();
        let hold = Deadline::max_hold(self.plan.bounds.hold_key, self.plan.bounds.max_hold.get());
        let reading = self.lock_and_read(self.deadline.earlier(hold)).await?;
        Ok(Top {
            since,
            waited: self.started.elapsed(),
            deadline: hold,
            reading,
            unsynced,
        })
    }

    /// Waits for the pool's sync. One that is still under way when the attempt is over, or may be, fails it: the cut would
    /// queue behind it, and commits with the cut. What only costs speed is returned for later: nothing is logged while
    /// anything is locked.
    async fn sync(
        &mut self,
        sync: impl Future<Output = Result<(), HelperFailure>>,
    ) -> Result<Option<String>, LockError> {
        let synced = self.stop.unless(Some(self.deadline), sync).await;
        match synced.map_err(|interrupt| self.not_obtained(SYNC, interrupt.into()))? {
            Ok(()) => Ok(None),
            Err(failure) if failure.is_pool_busy() => Err(self.not_obtained(SYNC, Cause::Helper(Box::new(failure)))),
            Err(failure) => Ok(Some(format!(
                "the pool wasn't synced before the lock, so commits may have stood still for longer: {failure}"
            ))),
        }
    }

    async fn lock_and_read(&mut self, deadline: Deadline) -> Result<Option<Reading>, LockError> {
        let locking = self.session.batch(LOCKING, &self.plan.lock);
        let Batch { mut sets, failure } = match self.stop.unless(Some(deadline), locking).await {
            Ok(batch) => batch,
            Err(interrupt) => return Err(self.not_obtained(self.plan.step(0), interrupt.into())),
        };
        if let Some(error) = failure {
            return Err(self.fell(sets.len(), error));
        }
        if !self.plan.look.is_empty() {
            return Ok(None);
        }
        let read = sets.split_off(self.plan.steps.len().min(sets.len()));
        let read = self.plan.interpret(read).map(Some);
        read.map_err(|error| self.fell(self.plan.steps.len(), error))
    }

    fn fell(&self, answered: usize, error: DatabaseError) -> LockError {
        let (step, cause) = (self.plan.step(answered), Cause::from(error));
        match self.plan.is_locked_after(answered) {
            true => LockError::LostBeforeCut { step, cause },
            false => self.not_obtained(step, cause),
        }
    }

    fn not_obtained(&self, step: &'static str, cause: Cause) -> LockError {
        LockError::NotObtained {
            step,
            attempts: self.number,
            waited: self.started.elapsed(),
            cause,
        }
    }
}

/// One cause out of the two that a step has.
pub(super) fn flatten<T>(done: Result<Result<T, DatabaseError>, Interrupt>) -> Result<T, Cause> {
    Ok(done??)
}
