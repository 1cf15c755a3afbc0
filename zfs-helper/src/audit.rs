//! The audit log: one entry for each request, with who, what and the outcome. Never a property's value.
#![forbid(unsafe_code)]

use std::time::Instant;

use mariasnap_dbus::HelperError;
use serde::{Serialize, Serializer};
use zbus::message::Header;
use zbus::names::ErrorName;
use zbus::wire::Signature;
use zbus::{DBusError, Message, Type};

use crate::activity::Busy;
use crate::caller::Caller;

/// `MESSAGE_ID` of a request that was carried out.
const DONE: &str = "0c4a1f6e0d4b4f0e9d2f5c1a7b3e8d61";
/// `MESSAGE_ID` of a request that polkit, a guard or a limit refused.
const REFUSED: &str = "5b7e93d2c1a84c0f8e6a2d9b4f1c7e38";

/// A request under way: who makes it, what it is, and that it keeps the helper busy.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) started: Instant,
    pub(crate) _busy: Busy,
    pub(crate) _place: Option<Busy>,
}

/// A call's entry, written when it is dropped.
pub(crate) struct Entry {
    call: Call,
    message_id: &'static str,
    verdict: String,
    reason: String,
}

/// An answer whose entry is written when zbus has sent it, or can't: a journal that is slow or stuck must not hold up an
/// answer that a locked database waits for.
pub(crate) struct Audited<T> {
    answer: T,
    _entry: Option<Box<Entry>>,
}

impl Call {
    /// The entry for a result, if there is to be one: whoever floods the helper must not flood the journal too.
    pub(crate) fn entry<T>(self, result: &Result<T, HelperError>) -> Option<Box<Entry>> {
        let (message_id, verdict, reason) = match result {
            Ok(_) => (DONE, "done".to_owned(), ""),
            Err(HelperError::LimitExceeded(_)) => return None,
            Err(error) => (
                REFUSED,
                error.name().to_string(),
                error.description().unwrap_or_default(),
            ),
        };
        Some(Box::new(Entry {
            call: self,
            message_id,
            verdict,
            reason: reason.to_owned(),
        }))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (call, verdict) = (&self.call, &self.verdict);
        let (method, uid, pid) = (call.method, call.caller.uid, call.caller.pid);
        let unit = call.caller.unit.get().map(String::as_str);
        let shown: String = call.target.chars().take(64).flat_map(char::escape_default).collect();
        // SNAPSHOT_TARGET: the journal's field TARGET is taken by the log crate for the module's name.
        tracing::info!(
            message_id = self.message_id,
            caller_pid = pid,
            caller_uid = uid,
            caller_unit = unit,
            transport = call.caller.transport(),
            action = method,
            snapshot_target = shown,
            verdict,
            reason = self.reason,
            duration_ms = u64::try_from(call.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "{method} {shown} for uid {uid} pid {pid}: {verdict}",
        );
    }
}

impl<T> Audited<T> {
    /// Puts the entry to whichever the result is.
    pub(crate) fn split(
        result: Result<T, HelperError>,
        _entry: Option<Box<Entry>>,
    ) -> Result<Self, Audited<HelperError>> {
        match result {
            Ok(answer) => Ok(Self { answer, _entry }),
            Err(answer) => Err(Audited { answer, _entry }),
        }
    }
}

impl<T: Serialize> Serialize for Audited<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.answer.serialize(serializer)
    }
}

impl<T: Type> Type for Audited<T> {
    const SIGNATURE: &'static Signature = T::SIGNATURE;
}

impl DBusError for Audited<HelperError> {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        self.answer.create_reply(call)
    }

    fn name(&self) -> ErrorName<'_> {
        self.answer.name()
    }

    fn description(&self) -> Option<&str> {
        self.answer.description()
    }
}
