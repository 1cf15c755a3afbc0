//! `snapshot_limit`, which ZFS doesn't enforce against CAP_SYS_ADMIN.
#![forbid(unsafe_code)]

use mariasnap_dbus::{Dataset, HelperError};

use crate::lzc::Map;

/// Refuses if one more snapshot of each of `datasets` would exceed a limit set on one of them or above them.
/// `limits` is what the program `datasets` returned: `{ NAME = { limit, count } }`.
pub(super) fn check(datasets: &[Dataset], limits: &Map) -> Result<(), HelperError> {
    for (at, entry) in limits.maps() {
        let (limit, count) = (entry.int("limit").unwrap_or(i64::MAX), entry.int("count").unwrap_or(0));
        let below = datasets
            .iter()
            .filter(|dataset| is_within(dataset.as_str(), at))
            .count();
        let wanted = i64::try_from(below).unwrap_or(i64::MAX);
        if count.saturating_add(wanted) > limit {
            let text = format!("snapshot_limit of {at} is {limit}; it counts {count} and {wanted} more are wanted");
            return Err(HelperError::NoSpace(text));
        }
    }
    Ok(())
}

fn is_within(dataset: &str, at: &str) -> bool {
    dataset
        .strip_prefix(at)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lzc::Value;

    #[test]
    fn each_limit_counts_what_is_below_it() {
        let datasets: Vec<Dataset> = ["t/a", "t/a/b", "t/ab"]
            .iter()
            .map(|d| Dataset::parse(d).unwrap())
            .collect();
        let limited = |at: &str, limit, count| {
            let entry = Map::default()
                .with("limit", Value::Int(limit))
                .with("count", Value::Int(count));
            check(&datasets, &Map::default().with(at, Value::Map(entry)))
        };
        assert!(limited("t/a", 2, 0).is_ok());
        assert!(matches!(limited("t/a", 2, 1), Err(HelperError::NoSpace(_))));
        assert!(limited("t", 3, 0).is_ok());
        assert!(limited("t", 2, 0).is_err());
    }
}
