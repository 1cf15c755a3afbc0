//! The audit log: one entry for each request, with who, what, which snapshots and the outcome. Never a property's value.
#![forbid(unsafe_code)]

use std::io;
use std::sync::mpsc::{SendError, Sender, channel};
use std::thread;
use std::time::Instant;

use mariasnap_dbus::{Cut, DestroyOutcome, HelperError, HelperErrorKind, Outcome, Snapshot, Target};
use zbus::DBusError;

use crate::activity::Busy;
use crate::caller::Caller;

/// `MESSAGE_ID` of a request that was carried out.
const DONE: &str = "0c4a1f6e0d4b4f0e9d2f5c1a7b3e8d61";
/// `MESSAGE_ID` of a request that polkit, a guard or a limit refused, or storage failed.
const REFUSED: &str = "5b7e93d2c1a84c0f8e6a2d9b4f1c7e38";
/// `MESSAGE_ID` of a request of which nobody knows whether it was carried out.
const UNKNOWN: &str = "9d0f3c7a51e84b26a1c86f42d7e09b35";

/// Longest text that a client's words take up in an entry.
const MAX_SHOWN: usize = 2048;

/// A request under way: who makes it, what it is, and that it keeps the helper busy.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    /// Those that it names, for people.
    pub(crate) snapshots: String,
    pub(crate) started: Instant,
    pub(crate) _busy: Busy,
    pub(crate) _place: Option<Busy>,
}

/// What is to be written of a call, which keeps the helper from leaving until it is.
struct Entry {
    call: Call,
    message_id: &'static str,
    verdict: String,
    reason: String,
    duration_ms: u64,
}

/// Writes entries, on a thread of its own: a journal that is slow or stuck holds up no answer, and so no locked database.
pub(crate) struct Audit(Sender<Entry>);

impl Audit {
    /// Starts it.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, entries) = channel::<Entry>();
        let write = move || entries.iter().for_each(|entry| entry.write());
        thread::Builder::new().name("audit".to_owned()).spawn(write)?;
        Ok(Self(sender))
    }

    /// Has the entry for a result written, if there is to be one: whoever floods the helper must not flood the journal too.
    pub(crate) fn record<T: Told>(&self, mut call: Call, result: &Result<T, HelperError>) {
        let (message_id, verdict, reason) = match result {
            Err(HelperError::LimitExceeded(_)) => return,
            Ok(answer) if answer.is_refusal() => (REFUSED, "refused".to_owned(), ""),
            Ok(_) => (DONE, "done".to_owned(), ""),
            Err(error) => {
                let is_unknown = error.kind() == HelperErrorKind::Unknown;
                let id = if is_unknown { UNKNOWN } else { REFUSED };
                (id, error.name().to_string(), error.description().unwrap_or_default())
            }
        };
        if let Some(told) = result.as_ref().ok().and_then(Told::told) {
            call.snapshots = told;
        }
        let entry = Entry {
            message_id,
            verdict,
            reason: reason.to_owned(),
            duration_ms: u64::try_from(call.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            call,
        };
        if let Err(SendError(entry)) = self.0.send(entry) {
            entry.write();
        }
    }
}

impl Entry {
    fn write(&self) {
        let (call, verdict) = (&self.call, &self.verdict);
        let (method, uid, pid) = (call.method, call.caller.uid, call.caller.pid);
        let unit = call.caller.unit.get().map(String::as_str);
        let (target, snapshots) = (shown(&call.target), shown(&call.snapshots));
        // SNAPSHOT_TARGET: the journal's field TARGET is taken by the log crate for the module's name.
        tracing::info!(
            message_id = self.message_id,
            caller_pid = pid,
            caller_uid = uid,
            caller_unit = unit,
            transport = call.caller.transport(),
            action = method,
            snapshot_target = target,
            snapshots,
            verdict,
            reason = self.reason,
            duration_ms = self.duration_ms,
            "{method} {target} for uid {uid} pid {pid}: {verdict}",
        );
    }
}

fn shown(text: &str) -> String {
    text.chars().flat_map(char::escape_default).take(MAX_SHOWN).collect()
}

/// What an answer tells of the snapshots that it is about.
pub(crate) trait Told {
    /// Their names, and what became of each.
    fn told(&self) -> Option<String> {
        None
    }

    /// Whether nothing of what was asked for was done.
    fn is_refusal(&self) -> bool {
        false
    }
}

impl Told for () {}
impl Told for Vec<Target> {}
impl Told for Vec<Snapshot> {}

/// Ticket, name and pool; the ticket is nobody else's business.
impl Told for (String, String, String) {
    fn told(&self) -> Option<String> {
        Some(self.1.clone())
    }
}

impl Told for Cut {
    fn told(&self) -> Option<String> {
        Some(self.name.clone())
    }
}

impl Told for Vec<DestroyOutcome> {
    fn told(&self) -> Option<String> {
        let each = self.iter().map(|one| format!("{}={}", one.name, one.outcome));
        Some(each.collect::<Vec<_>>().join(" "))
    }

    fn is_refusal(&self) -> bool {
        !self.iter().any(|one| one.outcome == Outcome::Destroyed.as_str())
    }
}
