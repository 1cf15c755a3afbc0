//! The way up to the lock, step by step, within its bounds.

use std::future::Future;

use tokio::time::Instant;

use super::{Cause, Held, Kind, LockError};
use crate::config::{Database, LockSettings};
use crate::database::{DatabaseError, NARROW, Position, PositionReader, Session, kill};
use crate::helper::HelperFailure;
use crate::interrupt::{Deadline, Interrupt, Stop};

/// `FLUSH ENGINE LOGS` is written to the binary log even at BLOCK_COMMIT unless it says not to (10.11), which would
/// move the position that is about to be recorded.
const FLUSH_ENGINE_LOGS: &str = "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS";

const READ_POSITION: &str = "reading the position";

/// All that is decided before the lock.
#[derive(Debug)]
pub struct Plan {
    /// Which lock.
    pub kind: Kind,
    /// Its bounds.
    pub bounds: LockSettings,
    /// Whether the server has `BACKUP STAGE`, which the proof makes use of whatever the lock.
    pub has_backup_stage: bool,
    /// Whether InnoDB's log may lag behind the binary log.
    pub must_flush_logs: bool,
    /// How to read the position.
    pub reader: PositionReader,
    /// How to reach the server a second time, to make sure that a lost connection is gone there too.
    pub database: Database,
}

/// Takes the lock and reads the position under it. `sync` runs before commits stop and counts towards the wait; only
/// speed is lost where it fails or is slow, so neither ends the run.
///
/// Whatever fails, nothing stays locked: the stage is ended or the connection is closed.
pub async fn acquire(
    mut session: Session,
    plan: Plan,
    sync: impl Future<Output = Result<(), HelperFailure>>,
    stop: &mut Stop,
) -> Result<Held, LockError> {
    let mut climb = Climb {
        session: &mut session,
        plan: &plan,
        stop,
        started: Instant::now(),
    };
    match climb.reach_the_top(sync).await {
        Ok(Top {
            since,
            waited,
            deadline,
            position,
            unsynced,
        }) => Ok(Held {
            session,
            plan,
            position,
            waited,
            since,
            deadline,
            unsynced,
        }),
        Err(error) => {
            if let (_, Err(unlock)) = release(session, &plan).await {
                tracing::debug!(error = %unlock, "the unlock failed; the connection is closed");
            }
            Err(error)
        }
    }
}

struct Climb<'a> {
    session: &'a mut Session,
    plan: &'a Plan,
    stop: &'a mut Stop,
    started: Instant,
}

struct Top {
    since: Instant,
    waited: std::time::Duration,
    deadline: Deadline,
    position: Position,
    unsynced: Option<String>,
}

impl Climb<'_> {
    async fn reach_the_top(&mut self, sync: impl Future<Output = Result<(), HelperFailure>>) -> Result<Top, LockError> {
        let kind = self.plan.kind;
        self.session.unbound();
        let wait = Deadline::max_wait(self.plan.bounds.max_wait.get());
        for statement in kind.gentle() {
            self.step(wait, statement).await?;
        }
        let unsynced = self.sync(wait, sync).await?;
        let narrowing = self.session.narrow(&self.plan.bounds);
        let narrowed = self.stop.unless(Some(wait), narrowing).await;
        flatten(narrowed).map_err(|cause| self.not_obtained(NARROW, cause))?;

        let since = Instant::now();
        let hold = Deadline::max_hold(self.plan.bounds.max_hold.get());
        self.step(wait.earlier(hold), kind.hard()).await?;
        let waited = self.started.elapsed();
        let position = self.read_position(hold).await?;
        Ok(Top {
            since,
            waited,
            deadline: hold,
            position,
            unsynced,
        })
    }

    /// Syncs for half of what is left of the wait at most, so that the other half is there for the lock. What went
    /// wrong is returned for later: nothing is logged while anything is locked.
    async fn sync(
        &mut self,
        wait: Deadline,
        sync: impl Future<Output = Result<(), HelperFailure>>,
    ) -> Result<Option<String>, LockError> {
        let bound = wait.remaining() / 2;
        let synced = self.stop.unless(None, tokio::time::timeout(bound, sync)).await;
        let why = match synced.map_err(|interrupt| self.not_obtained("the pool's sync", interrupt.into()))? {
            Ok(Ok(())) => return Ok(None),
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("SyncPool took more than {bound:.1?}, half of what was left of lock.max_wait"),
        };
        Ok(Some(format!(
            "the pool wasn't synced before the lock, so commits may have stood still for longer: {why}"
        )))
    }

    async fn step(&mut self, deadline: Deadline, statement: &'static str) -> Result<(), LockError> {
        let done = self.stop.unless(Some(deadline), self.session.run(statement)).await;
        flatten(done).map_err(|cause| self.not_obtained(statement, cause))
    }

    fn not_obtained(&self, step: &'static str, cause: Cause) -> LockError {
        let waited = self.started.elapsed();
        LockError::NotObtained { step, waited, cause }
    }

    async fn read_position(&mut self, hold: Deadline) -> Result<Position, LockError> {
        let lost = |step| move |cause| LockError::LostBeforeCut { step, cause };
        if self.plan.must_flush_logs {
            let done = self.stop.unless(Some(hold), self.session.run(FLUSH_ENGINE_LOGS)).await;
            flatten(done).map_err(lost(FLUSH_ENGINE_LOGS))?;
        }
        let read = self.stop.unless(Some(hold), self.plan.reader.read(self.session)).await;
        flatten(read).map_err(lost(READ_POSITION))
    }
}

/// One cause out of the two that a step has.
pub(super) fn flatten<T>(done: Result<Result<T, DatabaseError>, Interrupt>) -> Result<T, Cause> {
    Ok(done??)
}

/// Gives the lock back by its statement, or else by closing the connection. An error means that the statement
/// didn't do it; the lock is gone all the same, or the server is. Also returns when it was gone.
pub(super) async fn release(mut session: Session, plan: &Plan) -> (Instant, Result<(), DatabaseError>) {
    let statement = plan.kind.release();
    let unlocked = if session.is_busy() {
        None
    } else {
        tokio::time::timeout(super::UNLOCK_BOUND, session.run(statement))
            .await
            .ok()
    };
    let (answered, id) = (Instant::now(), session.id());
    match unlocked {
        Some(Ok(())) => {
            session.close().await;
            (answered, Ok(()))
        }
        Some(Err(error)) => {
            session.slam();
            kill(&plan.database, id).await;
            (answered, Err(error))
        }
        None => {
            session.slam();
            kill(&plan.database, id).await;
            // No answer said that it is gone, so it may have stayed until the server ended the connection.
            (Instant::now(), Err(DatabaseError::Dropped))
        }
    }
}
