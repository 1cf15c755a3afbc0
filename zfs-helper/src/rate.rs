//! Requests per user: a token bucket each.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::time::Instant;

/// Users whose buckets are remembered; beyond that, full ones are forgotten, which changes nothing.
const MAX_BUCKETS: usize = 1024;

/// The buckets.
#[derive(Debug)]
pub(crate) struct RateLimit {
    burst: f64,
    per_second: f64,
    buckets: HashMap<u32, (f64, Instant)>,
}

impl RateLimit {
    pub(crate) fn new(burst: u32, per_second: u32) -> Self {
        let buckets = HashMap::new();
        Self {
            burst: burst.into(),
            per_second: per_second.into(),
            buckets,
        }
    }

    /// Takes a token of `uid`'s; false if there is none.
    pub(crate) fn admit(&mut self, uid: u32, now: Instant) -> bool {
        let (burst, per_second) = (self.burst, self.per_second);
        let refilled = |(tokens, since): (f64, Instant)| {
            (tokens + now.saturating_duration_since(since).as_secs_f64() * per_second).min(burst)
        };
        if self.buckets.len() >= MAX_BUCKETS {
            self.buckets.retain(|_, bucket| refilled(*bucket) < burst);
        }
        let tokens = refilled(self.buckets.get(&uid).copied().unwrap_or((burst, now)));
        let admitted = tokens >= 1.0;
        self.buckets
            .insert(uid, (if admitted { tokens - 1.0 } else { tokens }, now));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn one_user_cannot_use_up_anothers() {
        let (mut rate, now) = (RateLimit::new(3, 2), Instant::now());
        assert_eq!((0..9).filter(|_| rate.admit(1, now)).count(), 3);
        assert!(rate.admit(2, now));
        assert!(!rate.admit(1, now + Duration::from_millis(400)));
        assert!(rate.admit(1, now + Duration::from_millis(600)));
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_refill(gaps in prop::collection::vec(0u64..500, 1..200)) {
            let (mut rate, start) = (RateLimit::new(40, 20), Instant::now());
            let (mut at, mut admitted) = (0, 0u64);
            for gap in gaps {
                at += gap;
                admitted += u64::from(rate.admit(0, start + Duration::from_millis(at)));
                prop_assert!(admitted <= 40 + at * 20 / 1000 + 1);
            }
        }
    }
}
