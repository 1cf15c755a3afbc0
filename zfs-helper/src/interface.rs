//! The D-Bus object: names the caller, counts the request, hands it on, logs the outcome.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use mariasnap_dbus::limits::MAX_DESTROY;
use mariasnap_dbus::{Cut, DestroyOutcome, DestroyRequest, HelperError, Snapshot, Target};
use tokio::sync::Semaphore;
use zbus::message::Header;

use crate::activity::Activity;
use crate::audit::Call;
use crate::caller::{Caller, PeerProcess};
use crate::core::Core;

/// Requests from the bus whose callers it is being asked about.
const MAX_UNNAMED: usize = 64;

/// The object as one connection sees it.
pub(crate) struct SnapshotHelper {
    core: Arc<Core>,
    way_in: WayIn,
}

enum WayIn {
    Peer(Arc<PeerProcess>),
    /// Requests under way have places, so that nobody fills the helper with questions that wait for an administrator. (A
    /// peer connection is bounded where it is read.)
    Bus(Arc<Activity>, Semaphore),
}

impl SnapshotHelper {
    pub(crate) fn for_peer(core: Arc<Core>, process: Arc<PeerProcess>) -> Self {
        let way_in = WayIn::Peer(process);
        Self { core, way_in }
    }

    pub(crate) fn for_bus(core: Arc<Core>) -> Self {
        let way_in = WayIn::Bus(
            Activity::new(core.settings.targets().len()),
            Semaphore::new(MAX_UNNAMED),
        );
        Self { core, way_in }
    }

    /// Of a caller without a name there is no entry: the bus has lost it, or won't say who it is.
    async fn identify(&self, header: &Header<'_>, method: &'static str, target: String) -> Result<Call, HelperError> {
        let (started, busy) = (Instant::now(), self.core.activity.begin());
        let (mut caller, _place) = match &self.way_in {
            WayIn::Peer(process) => (Caller::peer(process.clone(), header), None),
            WayIn::Bus(places, unnamed) => {
                let refused = || HelperError::LimitExceeded("too many requests under way".to_owned());
                let _unnamed = unnamed.try_acquire().map_err(|_| refused())?;
                let caller = Caller::bus(header, self.core.authority.bus(), &self.core.units).await?;
                let place = places.begin_for(caller.uid).ok_or_else(refused)?;
                (caller, Some(place))
            }
        };
        // Nobody is asked for a password over each target in turn.
        caller.interactive &= method != "ListTargets";
        Ok(Call {
            caller,
            method,
            target,
            snapshots: String::new(),
            started,
            busy,
            _place,
        })
    }
}

/// Runs a method for a caller who has been named and counted, and logs it.
macro_rules! answer {
    ($self:ident, $header:ident, $method:literal, $target:expr, $caller:ident => $work:expr) => {
        answer!($self, $header, $method, $target, String::new(), $caller => $work)
    };
    ($self:ident, $header:ident, $method:literal, $target:expr, $snapshots:expr, $caller:ident => $work:expr) => {{
        let mut call = $self.identify(&$header, $method, $target.to_owned()).await?;
        call.snapshots = $snapshots;
        let $caller = &call.caller;
        let result = match $self.core.admit($caller) {
            Ok(()) => $work.await,
            Err(error) => Err(error),
        };
        $self.core.audit.record(call, &result);
        result
    }};
}

#[zbus::interface(name = "org.mariasnap.SnapshotHelper1")]
impl SnapshotHelper {
    #[zbus(out_args("targets"))]
    async fn list_targets(&self, #[zbus(header)] header: Header<'_>) -> Result<Vec<Target>, HelperError> {
        answer!(self, header, "ListTargets", "", caller => self.core.list_targets(caller))
    }

    #[zbus(out_args("ticket", "name", "pool"))]
    async fn prepare_snapshot(
        &self,
        #[zbus(header)] header: Header<'_>,
        target: &str,
    ) -> Result<(String, String, String), HelperError> {
        answer!(self, header, "PrepareSnapshot", target, caller => self.core.prepare(caller, target))
    }

    async fn sync_pool(&self, #[zbus(header)] header: Header<'_>, ticket: &str) -> Result<(), HelperError> {
        let target = self.core.target_of(ticket);
        answer!(self, header, "SyncPool", target, caller => self.core.sync_pool(caller, ticket))
    }

    #[zbus(out_args("cut"))]
    async fn take_snapshot(
        &self,
        #[zbus(header)] header: Header<'_>,
        ticket: &str,
        properties: BTreeMap<String, String>,
    ) -> Result<Cut, HelperError> {
        // Not counted against the rate here, and so not by `answer`.
        let call = self
            .identify(&header, "TakeSnapshot", self.core.target_of(ticket))
            .await?;
        let result = self.core.take(&call.caller, ticket, properties).await;
        self.core.audit.record(call, &result);
        result
    }

    #[zbus(out_args("cut"))]
    async fn create_snapshot(
        &self,
        #[zbus(header)] header: Header<'_>,
        target: &str,
        properties: BTreeMap<String, String>,
    ) -> Result<Cut, HelperError> {
        answer!(self, header, "CreateSnapshot", target,
            caller => self.core.create(caller, target, properties))
    }

    async fn confirm_snapshot(
        &self,
        #[zbus(header)] header: Header<'_>,
        target: &str,
        name: &str,
        guid: u64,
        properties: BTreeMap<String, String>,
    ) -> Result<(), HelperError> {
        answer!(self, header, "ConfirmSnapshot", target, name.to_owned(),
            caller => self.core.confirm(caller, target, (name, guid), properties))
    }

    #[zbus(out_args("snapshots"))]
    async fn list_snapshots(
        &self,
        #[zbus(header)] header: Header<'_>,
        target: &str,
    ) -> Result<Vec<Snapshot>, HelperError> {
        answer!(self, header, "ListSnapshots", target, caller => self.core.list(caller, target))
    }

    #[zbus(out_args("outcomes"))]
    async fn destroy_snapshots(
        &self,
        #[zbus(header)] header: Header<'_>,
        target: &str,
        snapshots: Vec<DestroyRequest>,
    ) -> Result<Vec<DestroyOutcome>, HelperError> {
        let names = snapshots.iter().map(|request| request.name.as_str());
        let names = names.take(MAX_DESTROY).collect::<Vec<_>>().join(" ");
        answer!(self, header, "DestroySnapshots", target, names,
            caller => self.core.destroy(caller, target, snapshots))
    }
}
