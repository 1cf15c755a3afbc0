//! What became of a snapshot that must not be called consistent.

use std::fmt;
use std::time::Duration;

use mariasnap_dbus::properties::{STATE, STATE_CONSISTENT, STATE_UNPROVEN};
use mariasnap_dbus::{Cut, DestroyRequest, HelperErrorKind, Outcome, TargetName};

use crate::config::HelperSettings;
use crate::helper::{Caller, Helper, HelperFailure, Ticket};

/// How long a helper is waited for after the unlock, once it is known that the snapshot won't count.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What is left on the storage after a run that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing was taken.
    NotTaken,
    /// It was taken, and destroyed again.
    Discarded {
        /// Its name.
        name: String,
    },
    /// It is there, unproven, and couldn't be destroyed.
    LeftUnproven {
        /// Its name.
        name: String,
        /// Why it couldn't be destroyed.
        why: String,
    },
    /// Nobody knows.
    Unknown {
        /// The name that it has if it is there.
        name: String,
        /// The target to list.
        target: String,
    },
}

impl Fate {
    /// The snapshot's name, where there is or may be one.
    pub fn snapshot(&self) -> Option<&str> {
        match self {
            Self::NotTaken => None,
            Self::Discarded { name } | Self::LeftUnproven { name, .. } | Self::Unknown { name, .. } => Some(name),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken => f.write_str("nothing was taken"),
            Self::Discarded { name } => write!(f, "snapshot {name} was destroyed again"),
            Self::LeftUnproven { name, why } => write!(
                f,
                "snapshot {name} stays behind as unproven ({why}); a later run sweeps it after an hour"
            ),
            Self::Unknown { name, target } => write!(
                f,
                "what became of snapshot {name} isn't known; \"mariasnap list {target}\" shows it if it exists, and \
                 while it is unproven a later run sweeps it after an hour"
            ),
        }
    }
}

/// A run's view of its helper, for finding out and clearing up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cleaner<'a> {
    pub(super) settings: &'a HelperSettings,
    pub(super) target: &'a TargetName,
    pub(super) ticket: &'a Ticket,
}

/// What there is under the ticket's name; with its guid.
enum Seen {
    Absent,
    Unproven(u64),
    Consistent(u64),
    /// Neither, so not ours to judge.
    Strange,
}

impl Cleaner<'_> {
    /// Destroys a snapshot that was taken in vain.
    pub(super) async fn discard(self, guid: u64) -> Fate {
        let name = self.ticket.name.clone();
        match tokio::time::timeout(GRACE, self.destroy(guid)).await {
            Ok(Ok(())) => Fate::Discarded { name },
            Ok(Err(why)) => Fate::LeftUnproven { name, why },
            Err(_) => Fate::LeftUnproven {
                name,
                why: format!("the helper didn't answer within {GRACE:?}"),
            },
        }
    }

    /// After a `TakeSnapshot` that failed.
    pub(super) async fn after_failure(self, failure: &HelperFailure) -> Fate {
        match failure.answer().map(|answer| answer.kind()) {
            Some(HelperErrorKind::Refused | HelperErrorKind::Failed) => Fate::NotTaken,
            _ => self.after_silence(!failure.is_timeout()).await,
        }
    }

    /// After an interrupted `TakeSnapshot`: its answer is awaited for a while, for the name alone may mislead.
    pub(super) async fn after_interrupt(self, taking: impl Future<Output = Result<Cut, HelperFailure>>) -> Fate {
        match tokio::time::timeout(GRACE, taking).await {
            Ok(Ok(cut)) => self.discard(cut.guid).await,
            Ok(Err(failure)) => self.after_failure(&failure).await,
            Err(_) => self.unknown(),
        }
    }

    /// After a `ConfirmSnapshot` that failed or whose answer was lost. None: it took effect all the same, and since
    /// the lock was proven, the snapshot is what it should be.
    pub(super) async fn after_confirm(self, cut: &Cut) -> Option<Fate> {
        match self.look().await {
            Some(Seen::Consistent(guid)) if guid == cut.guid => None,
            Some(Seen::Unproven(guid)) if guid == cut.guid => Some(self.discard(guid).await),
            _ => Some(self.unknown()),
        }
    }

    /// After a `TakeSnapshot` of which nothing is known. `is_final`: nothing can still create the snapshot.
    async fn after_silence(self, is_final: bool) -> Fate {
        match self.look().await {
            Some(Seen::Unproven(guid)) => self.discard(guid).await,
            Some(Seen::Absent) if is_final => Fate::NotTaken,
            _ => self.unknown(),
        }
    }

    /// Asks over a new connection what became of the snapshot. None: nobody tells.
    async fn look(self) -> Option<Seen> {
        match tokio::time::timeout(GRACE, self.find()).await {
            Ok(Ok(seen)) => Some(seen),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the helper can't be asked what became of the snapshot");
                None
            }
            Err(_) => None,
        }
    }

    async fn find(self) -> Result<Seen, HelperFailure> {
        let helper = Helper::connect(self.settings, Caller::Locker).await?;
        let snapshots = helper.list(self.target).await?;
        let own = snapshots.iter().find(|snapshot| snapshot.name == self.ticket.name);
        Ok(own.map_or(Seen::Absent, |own| match own.property(STATE) {
            Some(STATE_UNPROVEN) => Seen::Unproven(own.guid),
            Some(STATE_CONSISTENT) => Seen::Consistent(own.guid),
            _ => Seen::Strange,
        }))
    }

    /// On a connection of its own, since the one that took the snapshot may be what failed.
    async fn destroy(self, guid: u64) -> Result<(), String> {
        let request = DestroyRequest {
            name: self.ticket.name.clone(),
            guid,
        };
        let destroyed = async {
            let helper = Helper::connect(self.settings, Caller::Locker).await?;
            helper.destroy(self.target, &[request]).await
        };
        let outcomes = destroyed.await.map_err(|error| error.to_string())?;
        match outcomes
            .first()
            .map(|outcome| (Outcome::from_wire(&outcome.outcome), &outcome.detail))
        {
            Some((Outcome::Destroyed | Outcome::NotFound, _)) => Ok(()),
            Some((_, detail)) => Err(detail.clone()),
            None => Err("the helper gave no outcome".to_owned()),
        }
    }

    fn unknown(self) -> Fate {
        Fate::Unknown {
            name: self.ticket.name.clone(),
            target: self.target.to_string(),
        }
    }
}
