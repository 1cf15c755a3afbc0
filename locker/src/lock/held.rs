//! The lock while it is held: the proof, and the unlock.

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Top;
use super::plan::Reading;
use super::release::release;
use super::strategy::Proof;
use super::{Cause, Doubt, Kind, Plan};
use crate::database::{Batch, DatabaseError, Position, Session, keep_for};
use crate::interrupt::{Deadline, Interrupt, Stop};

const LOOKING: &str = "reading the position under the lock";
const KEEPING: &str = "keeping the lock";
const PROVING: &str = "proving that the lock is held";

/// `BACKUP STAGE END` is refused with this where the connection is in no stage.
const ER_BACKUP_NOT_RUNNING: u16 = 4146;

/// A lock that was obtained.
#[derive(Debug)]
pub struct Held {
    session: Session,
    plan: Plan,
    record: Record,
    /// Why the position couldn't be read under it.
    unread: Option<DatabaseError>,
}

/// What is known of it since.
#[derive(Debug)]
struct Record {
    kind: Kind,
    attempts: u32,
    top: Top,
}

impl Record {
    fn into_hold(self, gone: Instant) -> Hold {
        let Self { kind, attempts, top } = self;
        Hold {
            kind,
            attempts,
            waited: top.waited,
            held: match kind.strategy().hard() {
                Some(_) => gone.saturating_duration_since(top.since),
                None => Duration::ZERO,
            },
            warnings: top.unsynced.into_iter().collect(),
        }
    }
}

impl Held {
    pub(super) fn new(session: Session, plan: Plan, top: Top, attempts: u32) -> Self {
        let kind = plan.kind;
        let record = Record { kind, attempts, top };
        Self {
            session,
            plan,
            record,
            unread: None,
        }
    }

    /// Where the lock lets commits go on: a position that the snapshot is at or past.
    pub fn floor(&self) -> Option<&Position> {
        let reading = self.record.top.reading.as_ref();
        reading
            .filter(|_| !self.plan.kind.stops_commits())
            .map(|reading| &reading.position)
    }

    /// Which lock it is.
    pub fn kind(&self) -> Kind {
        self.record.kind
    }

    /// From the first lock statement until it was held.
    pub fn waited(&self) -> Duration {
        self.record.top.waited
    }

    /// The position, once it has been read.
    pub fn position(&self) -> Option<&Position> {
        self.record.top.reading.as_ref().map(|reading| &reading.position)
    }

    /// When it must be given back.
    pub fn deadline(&self) -> Deadline {
        self.record.top.deadline
    }

    /// Reads the position while the cut is made, where that is soon enough; see [`Plan`]. What goes wrong shows in the
    /// proof.
    pub async fn look(&mut self) {
        if self.plan.look.is_empty() {
            return;
        }
        let Batch { sets, failure } = self.session.batch(LOOKING, &self.plan.look).await;
        match failure.map_or_else(|| self.plan.interpret(sets), Err) {
            Ok(reading) => self.record.top.reading = Some(reading),
            Err(error) => self.unread = Some(error),
        }
    }

    /// Why it couldn't be.
    pub fn unread(&mut self) -> Option<DatabaseError> {
        self.unread.take()
    }

    /// Reads the position once more, for one that is told while the lock is held: a replica counts what it committed a
    /// little later than it lets the lock in (see [`Position::settled_by`]).
    pub async fn settle(&mut self) -> Result<(), DatabaseError> {
        let Batch { sets, failure } = self.session.batch(LOOKING, &self.plan.again).await;
        let later = failure.map_or_else(|| self.plan.interpret(sets), Err)?;
        if let Some(first) = self.record.top.reading.as_mut() {
            first.position = first.position.clone().settled_by(later.position);
        }
        Ok(())
    }

    /// Asks whether the connection that holds the lock still lives, and keeps it from being closed for its silence until
    /// `max_hold` is over. An error: the lock is gone, or nobody can tell.
    pub async fn keep(&mut self) -> Result<(), DatabaseError> {
        self.session
            .batch(KEEPING, &keep_for(self.deadline().remaining()))
            .await
            .failure
            .map_or(Ok(()), Err)
    }

    /// Proves that the lock has been held without a break since [`super::acquire`] returned, and unlocks. Always unlocks,
    /// within the deadline and what closing a connection takes.
    ///
    /// The connection that locked must answer, the position must have stood still where commits did, and the lock's own
    /// proof must come out. Where that is the unlock itself, all of it is one round trip.
    pub async fn prove_and_release(mut self, stop: &mut Stop) -> (Hold, Result<Proven, Doubt>) {
        let (first, unread) = (self.record.top.reading.take(), self.unread.take());
        let Some(first) = first else {
            let (hold, _) = self.release().await;
            let cause = Cause::from(unread.unwrap_or(DatabaseError::Dropped));
            return (hold, Err(cause.into()));
        };
        let deadline = self.deadline();
        let asking = self.session.batch(PROVING, &self.plan.end);
        let asked = stop.unless(Some(deadline), asking).await;
        let answered = Instant::now();
        let (is_released, verdict) = self.judge(&first, asked);
        let (gone, unlocked) = match is_released {
            true => {
                self.session.close().await;
                (answered, Ok(()))
            }
            false => release(self.session, &self.plan).await,
        };
        let mut hold = self.record.into_hold(gone);
        let proven = verdict.and_then(|later| unlocked.map(|()| later).map_err(Doubt::Unlock));
        let proven = proven.map(|later| {
            let moved = hold.kind.strategy().uncovered().filter(|_| later.count != first.count);
            hold.warnings.extend(moved.map(|counter| counter.meaning.to_owned()));
            let (position, later) = (first.position, later.position);
            Proven { position, later }
        });
        (hold, proven)
    }

    /// Unlocks without a proof, after a cut that failed. Returns what the hold was, and that it isn't proven.
    pub async fn release(self) -> (Hold, Doubt) {
        let (gone, unlocked) = release(self.session, &self.plan).await;
        let doubt = unlocked.map_or_else(Doubt::Unlock, |()| Doubt::Unasked);
        (self.record.into_hold(gone), doubt)
    }

    /// Whether the lock has been given back already, and the reading of just now, unless there is a doubt.
    fn judge(&self, first: &Reading, asked: Result<Batch, Interrupt>) -> (bool, Result<Reading, Doubt>) {
        let Batch { sets, failure } = match asked {
            Ok(batch) => batch,
            Err(interrupt) => return (false, Err(Cause::from(interrupt).into())),
        };
        let proven = judge_answer(&self.plan, failure);
        let is_released = proven.is_ok() && self.plan.proof == Proof::Release;
        let later = self.plan.interpret(sets).map_err(|error| Cause::from(error).into());
        let later = proven.and(later).and_then(|later| self.compare(&first.position, later));
        (is_released, later)
    }

    fn compare(&self, first: &Position, reading: Reading) -> Result<Reading, Doubt> {
        let expected = u64::from(self.session.id());
        let later = &reading.position;
        if later.connection_id != expected || first.connection_id != expected {
            let found = later.connection_id;
            return Err(Doubt::OtherConnection { expected, found });
        }
        if !self.plan.kind.stops_commits() || later.is_unmoved_since(first) {
            return Ok(reading);
        }
        Err(Doubt::Moved {
            before: first.to_string(),
            after: later.to_string(),
        })
    }
}

/// What the answer after the position says of the lock.
fn judge_answer(plan: &Plan, failure: Option<DatabaseError>) -> Result<(), Doubt> {
    let (statement, refusal) = match plan.proof {
        Proof::Release => (plan.kind.strategy().release().unwrap_or_default(), None),
        Proof::Question { statement, refusal } => (statement, Some(refusal)),
        Proof::Identity => (PROVING, None),
    };
    let answer = match failure {
        None if refusal.is_none() => return Ok(()),
        None => "was accepted".to_owned(),
        Some(error) if refusal.is_some() && error.code() == refusal => return Ok(()),
        Some(error) if refusal.is_some() || error.code() == Some(ER_BACKUP_NOT_RUNNING) => error.to_string(),
        Some(error) => return Err(Cause::from(error).into()),
    };
    Err(Doubt::NotHeld { statement, answer })
}

/// A lock that was held and has been given back.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Which lock.
    pub kind: Kind,
    /// How many attempts it took.
    pub attempts: u32,
    /// From the first lock statement until the lock was held.
    pub waited: Duration,
    /// For how long others can have stood still: commits, or where they went on, DDL and writes without transactions.
    pub held: Duration,
    /// What wasn't as it should be.
    pub warnings: Vec<String>,
}

/// What a proof comes with.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The server's position under the lock.
    pub position: Position,
    /// The position just before the unlock. Where commits went on, the snapshot is at [`Self::position`], at this one, or
    /// between them.
    pub later: Position,
}
