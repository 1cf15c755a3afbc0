//! A target as the helper is to be told of it.

use mariasnap_dbus::{Dataset, Prefix, TargetName};

pub(crate) use crate::layout::member::{Member, covers, is_below, tidy};

/// One `[targets.NAME]` of the helper's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: TargetName,
    /// Its datasets, in order of name, none covered by another.
    pub(crate) members: Vec<Member>,
    /// What its snapshots' names start with.
    pub(crate) prefix: Prefix,
    /// Destroy never leaves fewer consistent snapshots than this.
    pub(crate) min_keep: u32,
}

impl Target {
    /// The polkit detail `dataset`, exactly as the helper renders it.
    pub(crate) fn detail(&self) -> String {
        let members: Vec<_> = self.members.iter().map(Member::to_string).collect();
        members.join(",")
    }

    /// Whether a snapshot of the target includes the dataset.
    pub(crate) fn covers(&self, dataset: &Dataset) -> bool {
        covers(&self.members, dataset)
    }
}
