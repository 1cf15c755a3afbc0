//! Bounds that the server keeps to by itself.

use std::time::Duration;

use super::{DatabaseError, Server, Session};
use crate::config::{Bound, LockSettings};

/// What [`Session::narrow`] is called in errors.
pub const NARROW: &str = "bounding the hold on the server's side";

/// Bounds that the server itself keeps to, should this process stand still.
#[derive(Debug, Clone, Copy)]
pub struct ServerBounds {
    /// Longest wait of one lock attempt.
    pub lock_wait: Bound,
    /// Longest silence on the connection before the server closes it, and with it the lock.
    pub silence: Duration,
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

    /// The last statement before commits stop: should this process stand still from then on, the server itself ends
    /// the hold about a second after `max_hold`.
    pub async fn narrow(&mut self, lock: &LockSettings) -> Result<(), DatabaseError> {
        let wait = lock.max_wait.min(lock.max_hold).whole_seconds();
        let silence = lock.max_hold.whole_seconds() + 1;
        let statement = format!("SET SESSION lock_wait_timeout = {wait}, SESSION wait_timeout = {silence}");
        self.execute(NARROW, &statement).await
    }
}
