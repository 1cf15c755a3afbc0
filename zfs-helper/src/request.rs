//! What requests are checked for and made of: names, random ids, the time.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use mariasnap_dbus::{DestroyRequest, HelperError, SnapshotName, limits};

use crate::config::{Target, TargetDataset};

/// A snapshot's name that carries the target's prefix.
pub(crate) fn ours(target: &Target, name: &str) -> Result<SnapshotName, HelperError> {
    let parsed = SnapshotName::parse(name).map_err(invalid)?;
    match name.strip_prefix(target.prefix.as_str()) {
        Some(rest) if rest.starts_with('-') => Ok(parsed),
        _ => Err(invalid(format!("{name} doesn't start with {}-", target.prefix))),
    }
}

/// The names of a destroy request, joined for polkit; each well-formed and there once.
pub(crate) fn destroy_names(requests: &[DestroyRequest]) -> Result<String, HelperError> {
    let (count, most) = (requests.len(), limits::MAX_DESTROY);
    if !(1..=most).contains(&count) {
        return Err(invalid(format!("{count} snapshots; 1 to {most} are allowed")));
    }
    let names: Vec<&str> = requests.iter().map(|request| request.name.as_str()).collect();
    let parsed: Result<BTreeSet<_>, _> = names.iter().map(|name| SnapshotName::parse(name)).collect();
    if parsed.map_err(invalid)?.len() < count {
        return Err(invalid("a snapshot is named twice"));
    }
    Ok(names.join(","))
}

pub(crate) fn invalid(why: impl ToString) -> HelperError {
    HelperError::InvalidArgument(why.to_string())
}

pub(crate) fn on_wire(target: &Target) -> mariasnap_dbus::Target {
    let dataset = |d: &TargetDataset| mariasnap_dbus::TargetDataset {
        name: d.name.to_string(),
        children: d.children,
    };
    mariasnap_dbus::Target {
        name: target.name.to_string(),
        prefix: target.prefix.to_string(),
        min_keep: target.min_keep,
        datasets: target.datasets.iter().map(dataset).collect(),
    }
}

pub(crate) fn unix_now() -> Result<u64, HelperError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map(|since| since.as_secs())
        .map_err(|_| HelperError::Misconfigured("the clock is before 1970".to_owned()))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], HelperError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| HelperError::StorageFailed(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

pub(crate) fn random_hex<const N: usize>() -> Result<String, HelperError> {
    Ok(random::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
