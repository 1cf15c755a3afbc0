//! Bounds that the server keeps to by itself.

use std::time::Duration;

use super::{DatabaseError, Server, Session};
use crate::config::{Bound, LockSettings};

/// What [`Session::narrow`] is called in errors.
pub const NARROW: &str = "bounding the hold on the server's side";

/// How much longer than our own bounds the server waits for a silent connection that holds nothing up.
pub const SILENCE_MARGIN: Duration = Duration::from_secs(5);

/// Bounds that the server itself keeps to, should this process stand still.
#[derive(Debug, Clone, Copy)]
pub struct ServerBounds {
    /// Longest wait of one lock attempt.
    pub lock_wait: Bound,
    /// Longest silence on the connection before the server closes it, and with it the lock.
    pub silence: Duration,
}

impl ServerBounds {
    /// On the way to the lock, where DDL and writes without transactions may wait, with nobody silent for longer than an
    /// attempt lasts. Before commits stop, [`Session::narrow`] narrows it.
    pub fn on_the_way(lock: &LockSettings) -> Self {
        Self {
            lock_wait: lock.max_stall,
            silence: Duration::from_secs(lock.max_stall.whole_seconds() + 1),
        }
    }
}

impl Session {
    /// Sets the session's variables; `server` tells which exist.
    pub async fn set_bounds(&mut self, server: &Server, bounds: ServerBounds) -> Result<(), DatabaseError> {
        let mut assignments = vec![
            "autocommit = 1".to_owned(),
            format!("lock_wait_timeout = {}", bounds.lock_wait.whole_seconds()),
            format!("wait_timeout = {}", bounds.silence.as_secs().max(1)),
            "net_read_timeout = 60".to_owned(),
            "net_write_timeout = 60".to_owned(),
        ];
        for variable in ["max_statement_time", "max_execution_time", "wsrep_sync_wait"] {
            if server.has(variable) {
                assignments.push(format!("{variable} = 0"));
            }
        }
        let statement = format!("SET SESSION {}", assignments.join(", SESSION "));
        self.execute("setting session variables", &statement).await
    }

    /// The last statement before the lock holds others up: should this process stand still from then on, the server
    /// itself ends the hold about a second after `max_hold`, even if the lock was waited for until the bound. [`tighten`],
    /// which counts from here too, gives back what wasn't waited.
    pub async fn narrow(&mut self, lock: &LockSettings) -> Result<(), DatabaseError> {
        let wait = lock.max_stall.min(lock.max_hold).whole_seconds();
        let silence = lock.max_hold.whole_seconds() + 1 - wait;
        let statement = format!(
            "SET SESSION lock_wait_timeout = {wait}, SESSION wait_timeout = {silence}, @mariasnap_since = UTC_TIMESTAMP(6)"
        );
        self.execute(NARROW, &statement).await
    }
}

/// The statement that follows the lock in the same round trip, and ends what the server waits for in silence when
/// `max_hold` and a second have gone by since [`Session::narrow`], so that the time that the lock itself was waited for
/// doesn't come on top. A clock that jumps can't make it longer than `left`, which is what is left of `max_hold` by ours, and
/// a second.
pub fn tighten(max_hold: Bound, left: Duration) -> String {
    let limit = max_hold.get().as_micros() + 1_000_000;
    let whole = silence(left);
    format!(
        "SET SESSION wait_timeout = GREATEST(1, LEAST({whole}, ({limit} - \
         TIMESTAMPDIFF(MICROSECOND, @mariasnap_since, UTC_TIMESTAMP(6))) DIV 1000000))"
    )
}

/// The statement by which the server waits in silence for what is `left` of `max_hold` by our clock, and a second. Whoever
/// sends it is alive, so that the server's clock, which may be set meanwhile, has no say.
pub fn keep_for(left: Duration) -> String {
    format!("SET SESSION wait_timeout = {}", silence(left))
}

fn silence(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0) + 1
}
