//! What is going on: whether the helper may leave, and whether there is room for more.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::core::locked;

/// At once for one user at least, and for one target: each run has two connections for a while, and all units of
/// mariasnap are one user.
const LEAST_PER_USER: usize = 8;
const PER_TARGET: usize = 2;

/// At once for all users together, beyond what one of them may have.
const FOR_OTHERS: usize = 24;

/// Counts requests, or peer connections.
#[derive(Debug)]
pub(crate) struct Activity {
    per_user: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By user; `None` for what isn't bounded.
    running: HashMap<Option<u32>, usize>,
    last: Instant,
}

/// Something that is going on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy {
    activity: Arc<Activity>,
    user: Option<u32>,
}

impl Activity {
    /// With room for as many targets, and for others.
    pub(crate) fn new(targets: usize) -> Arc<Self> {
        let (running, last) = (HashMap::new(), Instant::now());
        Arc::new(Self {
            per_user: LEAST_PER_USER.max(PER_TARGET * targets),
            state: Mutex::new(State { running, last }),
        })
    }

    /// Counts what has no bound here.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.change(|running| *running.entry(None).or_default() += 1);
        let (activity, user) = (self.clone(), None);
        Busy { activity, user }
    }

    /// Counts something of `uid`'s, unless all places are taken, or all of that user's.
    pub(crate) fn begin_for(self: &Arc<Self>, uid: u32) -> Option<Busy> {
        let user = Some(uid);
        let has_begun = self.change(|running| {
            let (all, own) = (running.values().sum::<usize>(), running.entry(user).or_default());
            let has_room = all < self.per_user + FOR_OTHERS && *own < self.per_user;
            *own += usize::from(has_room);
            has_room
        });
        let busy = || Busy {
            activity: self.clone(),
            user,
        };
        has_begun.then(busy)
    }

    /// How long nothing has been going on; `None` if something is.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        let state = locked(&self.state);
        state.running.is_empty().then(|| state.last.elapsed())
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Option<u32>, usize>) -> T) -> T {
        let mut state = locked(&self.state);
        let outcome = change(&mut state.running);
        state.running.retain(|_, count| *count > 0);
        state.last = Instant::now();
        outcome
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.change(|running| {
            if let Some(count) = running.get_mut(&self.user) {
                *count -= 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_room_for_others() {
        for (targets, own) in [(1, 8), (4, 8), (5, 10), (64, 128)] {
            let activity = Activity::new(targets);
            let mut first: Vec<_> = (0..=own).map(|_| activity.begin_for(1)).collect();
            assert_eq!(first.iter().flatten().count(), own);
            let users = (2..9).flat_map(|uid| [uid; 8]);
            let others: Vec<_> = users.map(|uid| activity.begin_for(uid)).collect();
            assert_eq!(others.iter().flatten().count(), FOR_OTHERS);
            first.remove(0);
            assert!(activity.begin_for(1).is_some());
        }
    }

    #[test]
    fn it_is_quiet_once_all_is_done() {
        let activity = Activity::new(1);
        let (one, two) = (activity.begin(), activity.begin_for(1));
        drop(two);
        assert_eq!(activity.quiet_for(), None);
        drop(one);
        assert!(activity.quiet_for().is_some());
    }
}
