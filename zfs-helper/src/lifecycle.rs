//! Whether anything is going on, so that the helper may leave.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts requests, or peer connections.
#[derive(Debug)]
pub(crate) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    running: usize,
    last: Instant,
}

/// Something that is going on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        let last = Instant::now();
        Arc::new(Self(Mutex::new(State { running: 0, last })))
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.change(|state| state.running += 1);
        Busy(self.clone())
    }

    /// How long nothing has been going on; `None` if something is.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.running == 0).then(|| state.last.elapsed())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        state.last = Instant::now();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|state| state.running -= 1);
    }
}
