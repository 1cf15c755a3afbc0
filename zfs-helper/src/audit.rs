//! The audit log: one entry for each request, with who, what and the outcome. Never a property's value.
#![forbid(unsafe_code)]

use std::time::Instant;

use mariasnap_dbus::HelperError;
use zbus::DBusError;

use crate::caller::Caller;

/// `MESSAGE_ID` of a request that was carried out.
const DONE: &str = "0c4a1f6e0d4b4f0e9d2f5c1a7b3e8d61";
/// `MESSAGE_ID` of a request that polkit, a guard or a limit refused.
const REFUSED: &str = "5b7e93d2c1a84c0f8e6a2d9b4f1c7e38";

/// A request being carried out. journald adds the caller's unit and more to `OBJECT_PID`.
pub(crate) struct Entry<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) method: &'static str,
    pub(crate) target: &'a str,
    pub(crate) started: Instant,
}

impl Entry<'_> {
    /// Writes the entry, and hands the result on.
    pub(crate) fn close<T>(&self, result: Result<T, HelperError>) -> Result<T, HelperError> {
        match &result {
            Ok(_) => self.write(DONE, "done", ""),
            // Whoever floods the helper must not flood the journal too.
            Err(HelperError::LimitExceeded(_)) => {}
            Err(error) => self.write(REFUSED, error.name().as_str(), error.description().unwrap_or_default()),
        }
        result
    }

    fn write(&self, message_id: &str, verdict: &str, reason: &str) {
        let Self {
            caller,
            method,
            target,
            started,
        } = self;
        let shown: String = target.chars().take(64).flat_map(char::escape_default).collect();
        // SNAPSHOT_TARGET: the journal's field TARGET is taken by the log crate for the module's name.
        tracing::info!(
            message_id,
            object_pid = caller.pid,
            caller_uid = caller.uid,
            transport = caller.transport(),
            action = method,
            snapshot_target = shown,
            verdict,
            reason,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "{method} {shown} for uid {} pid {}: {verdict}",
            caller.uid,
            caller.pid,
        );
    }
}
