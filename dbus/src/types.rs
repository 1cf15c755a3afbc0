//! What crosses the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zbus::Type;

/// A configured target, as `ListTargets` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Target {
    /// Its name; see [`crate::TargetName`].
    pub name: String,
    /// What its snapshots' names start with, before a `-`.
    pub prefix: String,
    /// Destroy never leaves fewer consistent snapshots than this.
    pub min_keep: u32,
    /// What is snapshotted, in one transaction group.
    pub datasets: Vec<TargetDataset>,
}

/// One dataset of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct TargetDataset {
    /// Full ZFS name.
    pub name: String,
    /// Whether its children are part of the target.
    pub children: bool,
}

/// A snapshot that has been taken and is not yet proven consistent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Cut {
    /// Name after the `@`, the same on every dataset of the target.
    pub name: String,
    /// The helper's random id of this cut, kept in the property `id`.
    pub id: String,
    /// ZFS guid of the snapshot of the target's first dataset.
    pub guid: u64,
    /// Transaction group of the cut: the snapshot holds exactly the writes of groups up to it.
    pub createtxg: u64,
    /// How long the storage call took, in microseconds.
    pub took_us: u64,
}

/// One snapshot of a target: the snapshots of the same name and id on all its datasets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Snapshot {
    /// Name after the `@`.
    pub name: String,
    /// ZFS guid on the first of [`Self::datasets`].
    pub guid: u64,
    /// Transaction group of the cut on the first of [`Self::datasets`].
    pub createtxg: u64,
    /// When it was taken, in seconds since the epoch.
    pub creation: u64,
    /// Bytes that only this snapshot holds, over all its datasets.
    pub used: u64,
    /// Bytes reachable from it, over all its datasets.
    pub referenced: u64,
    /// Number of holds, over all its datasets.
    pub holds: u32,
    /// Clones that depend on it.
    pub clones: Vec<String>,
    /// The datasets that carry it; fewer than the target's if somebody destroyed some.
    pub datasets: Vec<String>,
    /// Our own properties without their namespace, `state`, `id` and `target` among them.
    pub properties: BTreeMap<String, String>,
}

impl Snapshot {
    /// One of our properties, by its key without the namespace.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }
}

/// A snapshot to destroy: both must match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct DestroyRequest {
    /// Name after the `@`.
    pub name: String,
    /// [`Snapshot::guid`] as it was listed.
    pub guid: u64,
}

/// What became of one [`DestroyRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct DestroyOutcome {
    /// The name as requested.
    pub name: String,
    /// One of [`Outcome`]'s wire words.
    pub outcome: String,
    /// For people: why, and what to do.
    pub detail: String,
}

/// The words of [`DestroyOutcome::outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Gone from every dataset of the target.
    Destroyed,
    /// No snapshot of that name on the target.
    NotFound,
    /// There is one, but it isn't ours: its property is missing or inherited, or another target's.
    NotOurs,
    /// There is one of that name, but not the one that was listed.
    GuidMismatch,
    /// A hold is on it.
    Held,
    /// A clone depends on it.
    Cloned,
    /// It is mounted below `.zfs/snapshot`, so somebody reads it or did within the last minutes.
    Busy,
    /// Destroying it would leave fewer consistent snapshots than `min_keep`.
    MinKeep,
    /// ZFS refused; the detail has its words.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 9] = [
        Self::Destroyed,
        Self::NotFound,
        Self::NotOurs,
        Self::GuidMismatch,
        Self::Held,
        Self::Cloned,
        Self::Busy,
        Self::MinKeep,
        Self::Failed,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::NotFound => "not-found",
            Self::NotOurs => "not-ours",
            Self::GuidMismatch => "guid-mismatch",
            Self::Held => "held",
            Self::Cloned => "cloned",
            Self::Busy => "busy",
            Self::MinKeep => "min-keep",
            Self::Failed => "failed",
        }
    }

    /// The outcome of a word from the wire; a word that a newer helper made up counts as [`Self::Failed`].
    pub fn from_wire(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
            .unwrap_or(Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_survive_the_wire() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_wire(outcome.as_str()), outcome);
        }
        assert_eq!(Outcome::from_wire("made-up"), Outcome::Failed);
    }

    #[test]
    fn the_interfaces_file_names_every_outcome() {
        let file = include_str!("../data/org.mariasnap.SnapshotHelper1.xml");
        let (_, from_first) = file.split_once("in order: name, ").unwrap();
        let (words, _) = from_first.split_once(", and").unwrap();
        let mut named: Vec<_> = words.split('|').map(str::trim).collect();
        let mut all = Outcome::ALL.map(Outcome::as_str);
        named.sort_unstable();
        all.sort_unstable();
        assert_eq!(named, all);
    }
}
