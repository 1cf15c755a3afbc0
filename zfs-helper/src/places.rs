//! Places for what may go on at once: so many in all, so many for one user.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::core::locked;

const MAX: usize = 32;
const MAX_PER_USER: usize = 8;

/// Those taken now, by user. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<u32, usize>>>);

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    uid: u32,
}

impl Places {
    /// A place for `uid`, unless all are taken, or all of that user's.
    pub(crate) fn take(&self, uid: u32) -> Option<Place> {
        let mut taken = locked(&self.0);
        let (all, own) = (taken.values().sum::<usize>(), taken.get(&uid).copied().unwrap_or(0));
        if all >= MAX || own >= MAX_PER_USER {
            return None;
        }
        taken.insert(uid, own + 1);
        let places = self.clone();
        Some(Place { places, uid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = locked(&self.places.0);
        match taken.get(&self.uid).copied() {
            Some(own) if own > 1 => taken.insert(self.uid, own - 1),
            _ => taken.remove(&self.uid),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_room_for_others() {
        let places = Places::default();
        let mut first: Vec<_> = (0..9).map(|_| places.take(1)).collect();
        assert_eq!(first.iter().flatten().count(), MAX_PER_USER);
        let users = (2..9).flat_map(|uid| [uid; 8]);
        let others: Vec<_> = users.map(|uid| places.take(uid)).collect();
        assert_eq!(others.iter().flatten().count(), MAX - MAX_PER_USER);
        first.remove(0);
        assert!(places.take(1).is_some());
    }
}
