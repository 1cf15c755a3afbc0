//! The seam to storage: ZFS, or the tests' fake. Speaks in the contract's own errors.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use mariasnap_dbus::{Dataset, DestroyOutcome, DestroyRequest, HelperError, Snapshot, SnapshotName};

use crate::config::Target;

/// Full property names (`org.mariasnap:KEY`) and their values.
pub type Properties = BTreeMap<String, String>;

/// All that a cut needs, worked out beforehand. Its datasets exist and have room as of then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The pool of all datasets.
    pub pool: String,
    /// Sorted, never empty.
    pub datasets: Vec<Dataset>,
    /// The same on every dataset.
    pub name: SnapshotName,
}

impl Plan {
    /// `DATASET@NAME` for each dataset.
    pub fn snapshots(&self) -> Vec<String> {
        let full = |dataset: &Dataset| format!("{dataset}@{}", self.name);
        self.datasets.iter().map(full).collect()
    }
}

/// What the cut was, on the plan's first dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// ZFS's own id of the snapshot.
    pub guid: u64,
    /// Its transaction group.
    pub createtxg: u64,
}

/// What confirms a snapshot, and until when that is still possible.
#[derive(Debug, Clone)]
pub struct Confirmation {
    /// Name after the `@`.
    pub name: SnapshotName,
    /// As told when it was taken.
    pub guid: u64,
    /// A snapshot taken before this is too old; seconds since the epoch.
    pub not_before: u64,
    /// The new state, and what the client adds.
    pub properties: Properties,
}

/// One pool's storage. Used from one thread only, so calls on a pool never overlap.
pub trait Storage {
    /// Finds the target's datasets and checks that a snapshot of that name could be taken now.
    fn prepare(&mut self, target: &Target, name: SnapshotName) -> Result<Plan, HelperError>;

    /// Waits until the pool has written what it holds in memory.
    fn sync(&mut self, pool: &str) -> Result<(), HelperError>;

    /// Takes the planned snapshots in one transaction group, with the properties on each; all or none.
    fn take(&mut self, plan: &Plan, properties: &Properties) -> Result<Taken, HelperError>;

    /// Checks and marks every member of one unproven snapshot in one transaction group.
    fn confirm(&mut self, target: &Target, confirmation: &Confirmation) -> Result<(), HelperError>;

    /// The target's snapshots that are ours, oldest first.
    fn list(&mut self, target: &Target) -> Result<Vec<Snapshot>, HelperError>;

    /// Checks every guard and destroys what passes, in one transaction group; one outcome for each request, in order.
    fn destroy(&mut self, target: &Target, requests: &[DestroyRequest]) -> Result<Vec<DestroyOutcome>, HelperError>;
}
