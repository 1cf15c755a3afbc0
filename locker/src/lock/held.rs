//! The lock while it is held: the proof, and the unlock.

use std::time::Duration;

use tokio::time::Instant;

use super::acquire::{flatten, release};
use super::{Cause, Doubt, Kind, Plan};
use crate::database::{DatabaseError, Position, Session};
use crate::interrupt::{Deadline, Stop};

/// `BACKUP STAGE x` is refused with this while the connection is in stage x or a later one.
const ER_BACKUP_WRONG_STAGE: u16 = 4147;
/// A statement that conflicts with the connection's own `FLUSH TABLES WITH READ LOCK` is refused with this.
const ER_CANT_UPDATE_WITH_READLOCK: u16 = 1223;

/// A lock that was obtained.
#[derive(Debug)]
pub struct Held {
    pub(super) session: Session,
    pub(super) plan: Plan,
    pub(super) position: Position,
    pub(super) waited: Duration,
    pub(super) since: Instant,
    pub(super) deadline: Deadline,
    pub(super) unsynced: Option<String>,
}

impl Held {
    /// Which lock.
    pub fn kind(&self) -> Kind {
        self.plan.kind
    }

    /// The server's position, read under the lock.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// From the first lock statement until the lock was held.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// When it must be given back.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Proves that the lock has been held without a break since [`super::acquire`] returned.
    ///
    /// Three questions on the connection that locked: is it still the same, did the position stand still, and
    /// does the server refuse a statement that it refuses to a holder of this lock alone.
    pub async fn prove(&mut self, stop: &mut Stop) -> Result<(), Doubt> {
        let deadline = Some(self.deadline);
        let read = stop.unless(deadline, self.plan.reader.read(&mut self.session)).await;
        self.compare(flatten(read)?)?;
        if let Some((statement, refusal)) = self.question() {
            let answer = stop.unless(deadline, self.session.run(statement)).await;
            check_refusal(statement, refusal, answer.map_err(Cause::from)?)?;
        }
        Ok(())
    }

    fn compare(&self, now: Position) -> Result<(), Doubt> {
        let expected = u64::from(self.session.id());
        if now.connection_id != expected || self.position.connection_id != expected {
            let found = now.connection_id;
            return Err(Doubt::OtherConnection { expected, found });
        }
        if now.is_unmoved_since(&self.position) {
            return Ok(());
        }
        Err(Doubt::Moved {
            before: self.position.to_string(),
            after: now.to_string(),
        })
    }

    /// The statement that only a holder of the lock is refused, and the error it then gets.
    ///
    /// A server without `BACKUP STAGE` offers no such question that is harmless where the lock is gone; there the
    /// connection's identity has to do, since nothing but its end or our own UNLOCK TABLES releases the lock.
    fn question(&self) -> Option<(&'static str, u16)> {
        match self.plan.kind {
            Kind::Exact => Some(("BACKUP STAGE BLOCK_COMMIT", ER_BACKUP_WRONG_STAGE)),
            Kind::Ftwrl if self.plan.has_backup_stage => Some(("BACKUP STAGE START", ER_CANT_UPDATE_WITH_READLOCK)),
            Kind::Ftwrl => None,
        }
    }

    /// Unlocks. Returns what the hold was, and whether the unlock's own answer leaves a doubt.
    pub async fn release(self) -> (Hold, Result<(), Doubt>) {
        let (gone, unlocked) = release(self.session, &self.plan).await;
        let hold = Hold {
            kind: self.plan.kind,
            position: self.position,
            waited: self.waited,
            held: gone.saturating_duration_since(self.since),
            unsynced: self.unsynced,
        };
        (hold, unlocked.map_err(Doubt::Unlock))
    }
}

/// A lock that was held and has been given back.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Which lock.
    pub kind: Kind,
    /// The server's position under it.
    pub position: Position,
    /// From the first lock statement until the lock was held.
    pub waited: Duration,
    /// For how long commits can have stood still.
    pub held: Duration,
    /// Why the pool wasn't synced before; none if it was.
    pub unsynced: Option<String>,
}

fn check_refusal(statement: &'static str, refusal: u16, answer: Result<(), DatabaseError>) -> Result<(), Doubt> {
    let answer = match answer {
        Err(error) if error.code() == Some(refusal) => return Ok(()),
        Err(error) => error.to_string(),
        Ok(()) => "was accepted".to_owned(),
    };
    Err(Doubt::NotHeld { statement, answer })
}
