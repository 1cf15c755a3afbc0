//! What became of a snapshot that must not be called consistent.

use std::fmt;
use std::time::Duration;

use mariasnap_dbus::properties::{STATE, STATE_UNPROVEN};
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

impl Cleaner<'_> {
    /// Destroys a snapshot that was taken in vain.
    pub(super) async fn discard(self, cut: &Cut) -> Fate {
        let name = cut.name.clone();
        match tokio::time::timeout(GRACE, self.destroy(&name, cut.guid)).await {
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
            _ => self.look(!failure.is_timeout()).await,
        }
    }

    /// After an interrupted `TakeSnapshot`: its answer is awaited for a while, for the name alone may mislead.
    pub(super) async fn after_interrupt(self, taking: impl Future<Output = Result<Cut, HelperFailure>>) -> Fate {
        match tokio::time::timeout(GRACE, taking).await {
            Ok(Ok(cut)) => self.discard(&cut).await,
            Ok(Err(failure)) => self.after_failure(&failure).await,
            Err(_) => self.unknown(),
        }
    }

    /// After a `ConfirmSnapshot` that failed: the snapshot may be consistent, and if so it isn't destroyed.
    pub(super) async fn after_confirm(self, cut: &Cut) -> Fate {
        match tokio::time::timeout(GRACE, self.find()).await {
            Ok(Ok(Some(_))) => self.discard(cut).await,
            _ => self.unknown(),
        }
    }

    /// Asks a new connection whether the snapshot is there. `is_final`: nothing can still create it.
    async fn look(self, is_final: bool) -> Fate {
        match tokio::time::timeout(GRACE, self.find()).await {
            Ok(Ok(Some(guid))) => match tokio::time::timeout(GRACE, self.destroy(&self.ticket.name, guid)).await {
                Ok(Ok(())) => Fate::Discarded {
                    name: self.ticket.name.clone(),
                },
                Ok(Err(why)) => Fate::LeftUnproven {
                    name: self.ticket.name.clone(),
                    why,
                },
                Err(_) => self.unknown(),
            },
            Ok(Ok(None)) if is_final => Fate::NotTaken,
            Ok(Ok(None)) | Err(_) => self.unknown(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the helper can't be asked what became of the snapshot");
                self.unknown()
            }
        }
    }

    async fn find(self) -> Result<Option<u64>, HelperFailure> {
        let helper = Helper::connect(self.settings, Caller::Locker).await?;
        let snapshots = helper.list(self.target).await?;
        let own = snapshots
            .iter()
            .find(|s| s.name == self.ticket.name && s.property(STATE) == Some(STATE_UNPROVEN));
        Ok(own.map(|snapshot| snapshot.guid))
    }

    /// On a connection of its own, since the one that took the snapshot may be what failed.
    async fn destroy(self, name: &str, guid: u64) -> Result<(), String> {
        let request = DestroyRequest {
            name: name.to_owned(),
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
