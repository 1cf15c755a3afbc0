//! Which snapshots to destroy. No clock, no I/O.

use std::num::NonZeroU32;

use mariasnap_dbus::limits::UNPROVEN_LIFETIME;
use mariasnap_dbus::properties::{LOCK, LOCK_NONE, STATE, STATE_CONSISTENT, STATE_UNPROVEN};
use mariasnap_dbus::{DestroyRequest, Snapshot};

/// What to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Consistent snapshots kept, the newest; none: all.
    pub keep_last: Option<NonZeroU32>,
}

/// The snapshots to destroy at `now` (seconds since the epoch), oldest first: consistent ones beyond the newest
/// that the policy keeps, and unproven ones whose time is over. Never one that is held or cloned, never `own`
/// (a guid, where the run has taken one), never one of a state that isn't known here.
pub fn plan(snapshots: &[Snapshot], policy: Policy, now: u64, own: Option<u64>) -> Vec<DestroyRequest> {
    let mut by_age: Vec<&Snapshot> = snapshots.iter().collect();
    by_age.sort_by_key(|snapshot| (snapshot.createtxg, snapshot.creation));
    let expired = expired_consistent(&by_age, policy);
    let doomed = by_age.iter().filter(|snapshot| {
        let is_over = expired.contains(&snapshot.guid) || is_stale(snapshot, now);
        is_over && Some(snapshot.guid) != own && snapshot.holds == 0 && snapshot.clones.is_empty()
    });
    doomed
        .map(|snapshot| DestroyRequest {
            name: snapshot.name.clone(),
            guid: snapshot.guid,
        })
        .collect()
}

/// The guids of the consistent snapshots beyond those that the policy keeps. One that was taken without a lock never
/// stands in for one that was taken under it: it counts among its like alone.
fn expired_consistent(by_age: &[&Snapshot], policy: Policy) -> Vec<u64> {
    let Some(keep) = policy.keep_last else {
        return Vec::new();
    };
    let keep = usize::try_from(keep.get()).unwrap_or(usize::MAX);
    let newest_first = by_age.iter().rev().copied();
    let consistent = newest_first.filter(|snapshot| snapshot.property(STATE) == Some(STATE_CONSISTENT));
    let (without, under): (Vec<_>, Vec<_>) =
        consistent.partition(|snapshot| snapshot.property(LOCK) == Some(LOCK_NONE));
    [beyond(keep, &under), beyond(keep, &without)].concat()
}

/// The guids of those beyond the newest `keep` complete ones. One that lacks datasets of the newest doesn't count among
/// them: it would stand in for a whole one. It goes only with what lies beyond them, so that a dataset added to the
/// target doesn't doom every older snapshot at once.
fn beyond(keep: usize, newest_first: &[&Snapshot]) -> Vec<u64> {
    let whole = newest_first.first().map(|newest| newest.datasets.as_slice());
    let whole = whole.unwrap_or_default();
    let mut complete = 0;
    let mut expired = Vec::new();
    for snapshot in newest_first {
        if complete >= keep {
            expired.push(snapshot.guid);
        }
        let is_complete = whole.iter().all(|dataset| snapshot.datasets.contains(dataset));
        complete += usize::from(is_complete);
    }
    expired
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
        assert_eq!(names(&plan(&snapshots, keep(2), NOW, Some(2))), ["s-1", "s-3"]);
        assert_eq!(names(&plan(&snapshots, keep(0), NOW, Some(2))), [""; 0]);
    }

    #[test]
    fn unproven_ones_count_for_nothing_and_go_after_their_hour() {
        let snapshots = [
            snapshot(1, 3601, STATE_UNPROVEN, 0, 0),
            snapshot(2, 3600, STATE_UNPROVEN, 0, 0),
            snapshot(3, 5000, STATE_CONSISTENT, 0, 0),
        ];
        assert_eq!(names(&plan(&snapshots, keep(1), NOW, Some(9))), ["s-1"]);
    }

    #[test]
    fn one_without_a_lock_stands_in_for_none_under_a_lock() {
        let mut snapshots: Vec<_> = [(1, 50), (2, 40), (3, 30), (4, 20), (5, 10)]
            .map(|(guid, age)| snapshot(guid, age, STATE_CONSISTENT, 0, 0))
            .into();
        for (at, lock) in ["exact", "online", LOCK_NONE, LOCK_NONE, LOCK_NONE]
            .into_iter()
            .enumerate()
        {
            snapshots[at].properties.insert(LOCK.to_owned(), lock.to_owned());
        }
        assert_eq!(names(&plan(&snapshots, keep(2), NOW, Some(5))), ["s-3"]);
        assert_eq!(names(&plan(&snapshots, keep(1), NOW, Some(5))), ["s-1", "s-3", "s-4"]);
    }

    #[test]
    fn incomplete_ones_dont_count_among_the_kept() {
        let whole = vec!["p/d".to_owned(), "p/new".to_owned()];
        let mut snapshots: Vec<_> = [(1, 50), (2, 40), (3, 30), (4, 20), (5, 10)]
            .map(|(guid, age)| snapshot(guid, age, STATE_CONSISTENT, 0, 0))
            .into();
        for complete in [1, 2, 4] {
            snapshots[complete].datasets = whole.clone();
        }
        // 5 is the newest and complete; 1 and 4 lack a dataset.
        assert_eq!(names(&plan(&snapshots, keep(2), NOW, Some(5))), ["s-1", "s-2"]);
        assert_eq!(names(&plan(&snapshots, keep(3), NOW, Some(5))), ["s-1"]);
        assert_eq!(names(&plan(&snapshots, keep(4), NOW, Some(5))), [""; 0]);
    }

    #[test]
    fn a_new_dataset_dooms_nothing() {
        let mut snapshots: Vec<_> = [(1, 50), (2, 40), (3, 30)]
            .map(|(guid, age)| snapshot(guid, age, STATE_CONSISTENT, 0, 0))
            .into();
        snapshots[2].datasets.push("p/new".to_owned());
        assert_eq!(names(&plan(&snapshots, keep(3), NOW, Some(3))), [""; 0]);
    }

    proptest! {
        #[test]
        fn guarded_snapshots_are_never_selected(snapshots in any_snapshots(), last in 0u32..6, own in 0u64..40) {
            for request in plan(&snapshots, keep(last), NOW, Some(own)) {
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
            let plan = plan(&snapshots, keep(last), NOW, None);
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
