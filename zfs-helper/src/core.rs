//! What the methods do, whatever the way in; those that make a cut are in [`crate::cut`].
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mariasnap_dbus::names::{ACTION_DESTROY, ACTION_LIST, ACTION_SNAPSHOT};
use mariasnap_dbus::properties::{NAMESPACE, STATE, STATE_CONSISTENT};
use mariasnap_dbus::{DestroyOutcome, DestroyRequest, HelperError, Snapshot, TargetName, limits};

use crate::activity::Activity;
use crate::audit::Audit;
use crate::authority::{Authority, Question, not_authorized};
use crate::caller::Caller;
use crate::config::{Settings, Target};
use crate::pools::{Pools, Urgency};
use crate::properties;
use crate::rate::RateLimit;
use crate::request::{destroy_names, invalid, on_wire, ours, unix_now};
use crate::storage::Confirmation;
use crate::ticket::Tickets;
use crate::unit::Units;

/// Everything that the methods share.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) authority: Authority,
    pub(crate) units: Units,
    pub(crate) pools: Pools,
    pub(crate) tickets: Mutex<Tickets>,
    pub(crate) rate: Mutex<RateLimit>,
    /// Requests.
    pub(crate) activity: Arc<Activity>,
    /// Peer connections, idle ones too.
    pub(crate) connections: Arc<Activity>,
    pub(crate) ticket_lifetime: Duration,
    pub(crate) audit: Audit,
}

impl Core {
    /// Counts a request against its user's rate.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<(), HelperError> {
        match locked(&self.rate).admit(caller.uid, Instant::now()) {
            true => Ok(()),
            false => Err(HelperError::LimitExceeded("too many requests".to_owned())),
        }
    }

    pub(crate) async fn list_targets(&self, caller: &Caller) -> Result<Vec<mariasnap_dbus::Target>, HelperError> {
        let mut listed = Vec::new();
        for name in self.settings.targets().keys() {
            match self.authorised(caller, ACTION_LIST, name.as_str(), None).await {
                Ok(target) => listed.push(on_wire(target)),
                Err(HelperError::NotAuthorized(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listed)
    }

    pub(crate) async fn confirm(
        &self,
        caller: &Caller,
        target: &str,
        (name, guid): (&str, u64),
        sent: BTreeMap<String, String>,
    ) -> Result<(), HelperError> {
        let mut properties = properties::from_client(sent)?;
        let target = self.authorised(caller, ACTION_SNAPSHOT, target, None).await?;
        let name = ours(target, name)?;
        properties.insert(format!("{NAMESPACE}{STATE}"), STATE_CONSISTENT.to_owned());
        let not_before = unix_now()?.saturating_sub(limits::UNPROVEN_LIFETIME.as_secs());
        let confirmation = Confirmation {
            name,
            guid,
            not_before,
            properties,
        };
        let owned = target.clone();
        self.pools
            .run(target.pool(), Urgency::Nothing, move |storage| {
                storage.confirm(&owned, &confirmation)
            })
            .await
    }

    pub(crate) async fn list(&self, caller: &Caller, target: &str) -> Result<Vec<Snapshot>, HelperError> {
        let target = self.authorised(caller, ACTION_LIST, target, None).await?;
        let owned = target.clone();
        self.pools
            .run(target.pool(), Urgency::Nothing, move |storage| storage.list(&owned))
            .await
    }

    pub(crate) async fn destroy(
        &self,
        caller: &Caller,
        target: &str,
        requests: Vec<DestroyRequest>,
    ) -> Result<Vec<DestroyOutcome>, HelperError> {
        let names = destroy_names(&requests)?;
        let target = self.authorised(caller, ACTION_DESTROY, target, Some(&names)).await?;
        for request in &requests {
            ours(target, &request.name)?;
        }
        let owned = target.clone();
        self.pools
            .run(target.pool(), Urgency::Nothing, move |storage| {
                storage.destroy(&owned, &requests)
            })
            .await
    }

    /// The choke point: configured, and allowed by polkit. The answer doesn't tell which of the two is missing, and
    /// polkit is asked either way, so that neither does the time it takes.
    pub(crate) async fn authorised(
        &self,
        caller: &Caller,
        action: &'static str,
        target: &str,
        snapshots: Option<&str>,
    ) -> Result<&Target, HelperError> {
        let name = TargetName::parse(target).map_err(invalid)?;
        let found = self.settings.targets().get(&name);
        let datasets = found.map(Target::dataset_detail).unwrap_or_default();
        let question = Question {
            action,
            target: name.as_str(),
            datasets: &datasets,
            snapshots,
        };
        self.authority.demand(caller, &question).await?;
        found.ok_or_else(not_authorized)
    }
}

/// What a mutex guards is changed by single assignments only, so it is sound even after a panic.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
