//! The configuration as written.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) targets: BTreeMap<String, RawTarget>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTarget {
    pub(super) datasets: Vec<RawDataset>,
    #[serde(default = "default_prefix")]
    pub(super) prefix: String,
    #[serde(default = "default_min_keep")]
    pub(super) min_keep: u32,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDataset {
    pub(super) name: String,
    #[serde(default)]
    pub(super) children: bool,
}

fn default_prefix() -> String {
    "mariasnap".to_owned()
}

fn default_min_keep() -> u32 {
    1
}
