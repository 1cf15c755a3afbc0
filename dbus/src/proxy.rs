//! The client's side of the interface.

use std::collections::BTreeMap;

use crate::{Cut, DestroyOutcome, DestroyRequest, HelperError, Snapshot, Target};

/// A storage helper, over a bus or a peer connection.
#[zbus::proxy(
    interface = "org.mariasnap.SnapshotHelper1",
    default_service = "org.mariasnap.ZfsHelper1",
    default_path = "/org/mariasnap/SnapshotHelper1"
)]
pub trait SnapshotHelper1 {
    /// The configured targets that the caller may list.
    fn list_targets(&self) -> Result<Vec<Target>, HelperError>;

    /// Does all that need not happen under the lock: authorises the caller, resolves datasets, makes the name.
    /// Returns a ticket, good for one `TakeSnapshot` on this connection within
    /// [`crate::limits::TICKET_LIFETIME`], the name that the snapshot will have, and the pool that it will be in, whose
    /// open transaction group tells when the cut takes no later write in.
    fn prepare_snapshot(&self, target: &str) -> Result<(String, String, String), HelperError>;

    /// Waits until the pool has written what it holds in memory, so that the cut has little left to write. The
    /// ticket stays good. Not more than 16 times a ticket.
    fn sync_pool(&self, ticket: &str) -> Result<(), HelperError>;

    /// Snapshots all datasets of the target in one transaction group. The snapshot is born `unproven`.
    fn take_snapshot(&self, ticket: &str, properties: BTreeMap<&str, &str>) -> Result<Cut, HelperError>;

    /// `PrepareSnapshot` and `TakeSnapshot` in one, for callers that hold no lock that a round trip would prolong.
    fn create_snapshot(&self, target: &str, properties: BTreeMap<&str, &str>) -> Result<Cut, HelperError>;

    /// Marks an unproven snapshot consistent and adds properties to it, in one transaction group.
    fn confirm_snapshot(
        &self,
        target: &str,
        name: &str,
        guid: u64,
        properties: BTreeMap<&str, &str>,
    ) -> Result<(), HelperError>;

    /// The target's snapshots that are ours, oldest first.
    fn list_snapshots(&self, target: &str) -> Result<Vec<Snapshot>, HelperError>;

    /// Destroys those that pass every guard; one outcome for each request, in the same order.
    fn destroy_snapshots(&self, target: &str, snapshots: &[DestroyRequest])
    -> Result<Vec<DestroyOutcome>, HelperError>;
}
