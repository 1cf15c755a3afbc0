//! Which snapshots to destroy. No clock, no I/O.

use std::num::NonZeroU32;

use mariasnap_dbus::limits::UNPROVEN_LIFETIME;
use mariasnap_dbus::properties::{STATE, STATE_CONSISTENT, STATE_UNPROVEN};
use mariasnap_dbus::{DestroyRequest, Snapshot};

/// What to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Consistent snapshots kept, the newest; none: all.
    pub keep_last: Option<NonZeroU32>,
}

/// The snapshots to destroy at `now` (seconds since the epoch), oldest first: consistent ones beyond the newest
/// that the policy keeps, and unproven ones whose time is over. Never one that is held or cloned, never `own`
/// (a guid), never one of a state that isn't known here.
pub fn plan(snapshots: &[Snapshot], policy: Policy, now: u64, own: u64) -> Vec<DestroyRequest> {
    let mut by_age: Vec<&Snapshot> = snapshots.iter().collect();
    by_age.sort_by_key(|snapshot| (snapshot.createtxg, snapshot.creation));
    let expired = expired_consistent(&by_age, policy);
    let doomed = by_age.iter().filter(|snapshot| {
        let is_over = expired.contains(&snapshot.guid) || is_stale(snapshot, now);
        is_over && snapshot.guid != own && snapshot.holds == 0 && snapshot.clones.is_empty()
    });
    doomed
        .map(|snapshot| DestroyRequest {
            name: snapshot.name.clone(),
            guid: snapshot.guid,
        })
        .collect()
}

/// The guids of the consistent snapshots beyond the newest `keep_last`.
fn expired_consistent(by_age: &[&Snapshot], policy: Policy) -> Vec<u64> {
    let Some(keep) = policy.keep_last else {
        return Vec::new();
    };
    let keep = usize::try_from(keep.get()).unwrap_or(usize::MAX);
    let newest_first = by_age
        .iter()
        .rev()
        .filter(|snapshot| snapshot.property(STATE) == Some(STATE_CONSISTENT));
    newest_first.skip(keep).map(|snapshot| snapshot.guid).collect()
}

fn is_stale(snapshot: &Snapshot, now: u64) -> bool {
    let age = now.saturating_sub(snapshot.creation);
    snapshot.property(STATE) == Some(STATE_UNPROVEN) && age > UNPROVEN_LIFETIME.as_secs()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_000_000;

    fn snapshot(guid: u64, age: u64, state: &str, holds: u32, clones: usize) -> Snapshot {
        Snapshot {
            name: format!("s-{guid}"),
            guid,
            createtxg: NOW - age,
            creation: NOW - age,
            used: 0,
            referenced: 0,
            holds,
            clones: vec!["p/clone".to_owned(); clones],
            datasets: vec!["p/d".to_owned()],
            properties: BTreeMap::from([(STATE.to_owned(), state.to_owned())]),
        }
    }

    prop_compose! {
        fn any_snapshots()(rows in prop::collection::vec(
            (0u64..10_000, prop::sample::select(vec!["consistent", "unproven", "later-invention"]), 0u32..2, 0usize..2),
            0..40,
        )) -> Vec<Snapshot> {
            let numbered = (0u64..).zip(rows);
            numbered.map(|(guid, (age, state, holds, clones))| snapshot(guid, age, state, holds, clones)).collect()
        }
    }

    fn names(plan: &[DestroyRequest]) -> Vec<&str> {
        plan.iter().map(|request| request.name.as_str()).collect()
    }

    fn keep(last: u32) -> Policy {
        Policy {
            keep_last: NonZeroU32::new(last),
        }
    }

    #[test]
    fn the_newest_stay_and_the_oldest_go_first() {
        let snapshots: Vec<_> = [(1, 50), (2, 10), (3, 40), (4, 20)]
            .map(|(guid, age)| snapshot(guid, age, STATE_CONSISTENT, 0, 0))
            .into();
        assert_eq!(names(&plan(&snapshots, keep(2), NOW, 2)), ["s-1", "s-3"]);
        assert_eq!(names(&plan(&snapshots, keep(0), NOW, 2)), [""; 0]);
    }

    #[test]
    fn unproven_ones_count_for_nothing_and_go_after_their_hour() {
        let snapshots = [
            snapshot(1, 3601, STATE_UNPROVEN, 0, 0),
            snapshot(2, 3600, STATE_UNPROVEN, 0, 0),
            snapshot(3, 5000, STATE_CONSISTENT, 0, 0),
        ];
        assert_eq!(names(&plan(&snapshots, keep(1), NOW, 9)), ["s-1"]);
    }

    proptest! {
        #[test]
        fn guarded_snapshots_are_never_selected(snapshots in any_snapshots(), last in 0u32..6, own in 0u64..40) {
            for request in plan(&snapshots, keep(last), NOW, own) {
                let chosen = snapshots.iter().find(|s| s.guid == request.guid).unwrap();
                prop_assert_eq!(&chosen.name, &request.name);
                prop_assert!(chosen.holds == 0 && chosen.clones.is_empty() && chosen.guid != own);
                match chosen.property(STATE) {
                    Some(STATE_UNPROVEN) => prop_assert!(NOW - chosen.creation > 3600),
                    Some(STATE_CONSISTENT) => prop_assert!(last > 0),
                    other => prop_assert!(false, "{:?} was selected", other),
                }
            }
        }

        #[test]
        fn the_newest_n_consistent_survive(snapshots in any_snapshots(), last in 1u32..6) {
            let plan = plan(&snapshots, keep(last), NOW, u64::MAX);
            let consistent = |s: &&Snapshot| s.property(STATE) == Some(STATE_CONSISTENT);
            let gone = |s: &&Snapshot| plan.iter().any(|r| r.guid == s.guid);
            let total = snapshots.iter().filter(consistent).count();
            let left: Vec<_> = snapshots.iter().filter(consistent).filter(|s| !gone(s)).collect();
            prop_assert!(left.len() >= total.min(last as usize));
            for dead in snapshots.iter().filter(consistent).filter(gone) {
                let newer = left.iter().filter(|s| s.createtxg >= dead.createtxg).count();
                prop_assert!(newer >= last as usize);
            }
        }
    }
}
