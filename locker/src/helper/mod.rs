//! The storage helper, as the locker and people at a terminal call it.

mod connect;
mod error;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use mariasnap_dbus::{
    Cut, DestroyOutcome, DestroyRequest, HelperError, Outcome, Snapshot, SnapshotHelper1Proxy, Target, TargetName,
    limits,
};
use serde::Serialize;
use zbus::DynamicType;
use zbus::proxy::MethodFlags;

pub use connect::Caller;
pub use error::HelperFailure;

const DESTROY: &str = "DestroySnapshots";

/// A snapshot's properties on their way to the helper.
pub type Properties = BTreeMap<String, String>;

/// What `PrepareSnapshot` gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Good for one `TakeSnapshot` on the same connection.
    pub id: String,
    /// The name that the snapshot will have.
    pub name: String,
    /// The pool that it will be in.
    pub pool: String,
}

/// A connection to the helper.
#[derive(Debug)]
pub struct Helper {
    proxy: SnapshotHelper1Proxy<'static>,
    with_dialogue: bool,
    bound: Duration,
}

impl Helper {
    /// The configured targets.
    pub async fn targets(&self) -> Result<Vec<Target>, HelperFailure> {
        let answer = self.call("ListTargets", &()).await;
        answer.map_err(failure("ListTargets", "(all)"))
    }

    /// The target's snapshots, oldest first.
    pub async fn list(&self, target: &TargetName) -> Result<Vec<Snapshot>, HelperFailure> {
        let answer = self.call("ListSnapshots", &(target.as_str(),)).await;
        answer.map_err(failure("ListSnapshots", target.as_str()))
    }

    /// Destroys in as many calls as the contract's limit asks for. Where a later one fails, what the earlier ones did
    /// is returned all the same, and the rest as failed.
    pub async fn destroy(
        &self,
        target: &TargetName,
        requests: &[DestroyRequest],
    ) -> Result<Vec<DestroyOutcome>, HelperFailure> {
        let mut outcomes = Vec::with_capacity(requests.len());
        let mut batches = requests.chunks(limits::MAX_DESTROY);
        for batch in batches.by_ref() {
            let answer: Result<Vec<DestroyOutcome>, _> = self.call(DESTROY, &(target.as_str(), batch)).await;
            match answer.map_err(failure(DESTROY, target.as_str())) {
                Ok(done) => outcomes.extend(done),
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(error) => {
                    let left = batch.iter().chain(batches.flatten());
                    outcomes.extend(left.map(|request| failed(request, &error)));
                    break;
                }
            }
        }
        Ok(outcomes)
    }

    /// Does what need not happen under the lock.
    pub async fn prepare(&self, target: &TargetName) -> Result<Ticket, HelperFailure> {
        let answer = self.bounded(self.proxy.prepare_snapshot(target.as_str())).await;
        let (id, name, pool) = answer.map_err(failure("PrepareSnapshot", target.as_str()))?;
        Ok(Ticket { id, name, pool })
    }

    /// Waits until the pool has written what it holds.
    pub async fn sync_pool(&self, target: &TargetName, ticket: &Ticket) -> Result<(), HelperFailure> {
        let answer = self.bounded(self.proxy.sync_pool(&ticket.id)).await;
        answer.map_err(failure("SyncPool", target.as_str()))
    }

    /// Takes the snapshot.
    pub async fn take(
        &self,
        target: &TargetName,
        ticket: &Ticket,
        properties: &Properties,
    ) -> Result<Cut, HelperFailure> {
        let answer = self
            .bounded(self.proxy.take_snapshot(&ticket.id, borrowed(properties)))
            .await;
        answer.map_err(failure("TakeSnapshot", target.as_str()))
    }

    /// Marks it consistent.
    pub async fn confirm(&self, target: &TargetName, cut: &Cut, properties: &Properties) -> Result<(), HelperFailure> {
        let answer = self
            .bounded(
                self.proxy
                    .confirm_snapshot(target.as_str(), &cut.name, cut.guid, borrowed(properties)),
            )
            .await;
        answer.map_err(failure("ConfirmSnapshot", target.as_str()))
    }

    /// A call that may ask the person at the terminal for a password.
    async fn call<B, R>(&self, method: &'static str, body: &B) -> Result<R, HelperError>
    where
        B: Serialize + DynamicType,
        R: for<'d> zbus::zvariant::DynamicDeserialize<'d>,
    {
        let flags = match self.with_dialogue {
            true => MethodFlags::ALLOW_INTERACTIVE_AUTH,
            false => MethodFlags::empty(),
        };
        let calling = async { Ok(self.proxy.inner().call_with_flags(method, flags, body).await?) };
        let answer: Option<R> = self.bounded(calling).await?;
        answer.ok_or(HelperError::ZBus(zbus::Error::InvalidReply))
    }

    /// Bounds a call here, since zbus's own bound doesn't reach every way of calling.
    async fn bounded<R>(&self, call: impl Future<Output = Result<R, HelperError>>) -> Result<R, HelperError> {
        let timed_out = || io::Error::new(io::ErrorKind::TimedOut, format!("nothing within {:?}", self.bound));
        match tokio::time::timeout(self.bound, call).await {
            Ok(answer) => answer,
            Err(_) => Err(HelperError::ZBus(timed_out().into())),
        }
    }
}

fn failed(request: &DestroyRequest, why: &HelperFailure) -> DestroyOutcome {
    DestroyOutcome {
        name: request.name.clone(),
        outcome: Outcome::Failed.as_str().to_owned(),
        detail: why.to_string(),
    }
}

fn borrowed(properties: &Properties) -> BTreeMap<&str, &str> {
    properties
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

fn failure(call: &'static str, target: &str) -> impl FnOnce(HelperError) -> HelperFailure {
    let target = target.to_owned();
    move |error| HelperFailure::Call { call, target, error }
}
