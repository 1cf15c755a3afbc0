//! The configuration as written; its names are checked already.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use mariasnap_dbus::{Prefix, TargetName};

use super::TargetDataset;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) targets: BTreeMap<TargetName, RawTarget>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTarget {
    pub(super) datasets: Vec<TargetDataset>,
    pub(super) prefix: Option<Prefix>,
    pub(super) min_keep: Option<u32>,
}
