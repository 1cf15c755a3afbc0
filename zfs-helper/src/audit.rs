//! The audit log: one entry for each request, with who, what, which snapshots and the outcome. Never a property's value.
#![forbid(unsafe_code)]

use std::io;
use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use mariasnap_dbus::{Cut, DestroyOutcome, HelperError, HelperErrorKind, Outcome, Snapshot, Target};
use zbus::DBusError;

use crate::activity::Busy;
use crate::caller::Caller;
use crate::unit::Unit;

/// `MESSAGE_ID` of a request that was carried out.
const DONE: &str = "0c4a1f6e0d4b4f0e9d2f5c1a7b3e8d61";
/// `MESSAGE_ID` of a request that polkit, a guard or a limit refused, or storage failed.
const REFUSED: &str = "5b7e93d2c1a84c0f8e6a2d9b4f1c7e38";
/// `MESSAGE_ID` of a request of which nobody knows whether it was carried out.
const UNKNOWN: &str = "9d0f3c7a51e84b26a1c86f42d7e09b35";

/// Characters of a target and of all snapshots' names in an entry: whoever floods the helper must not flood the journal.
const MAX_TARGET: usize = 64;
const MAX_SNAPSHOTS: usize = 2048;

/// A request under way: who makes it, what it is, and that it keeps the helper busy.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    /// Those that it names, for people.
    pub(crate) snapshots: String,
    pub(crate) started: Instant,
    pub(crate) busy: Busy,
    pub(crate) _place: Option<Busy>,
}

/// What is to be written of a call. It keeps the helper from leaving until it is, and has none of the caller's places: a
/// journal that is slow shuts nobody out.
struct Entry {
    message_id: &'static str,
    uid: u32,
    pid: u32,
    unit: Unit,
    transport: &'static str,
    method: &'static str,
    target: String,
    snapshots: String,
    verdict: String,
    reason: String,
    duration_ms: u64,
    _busy: Busy,
}

/// Entries that may wait to be written; with more, whoever makes the next waits too.
const BACKLOG: usize = 1024;

/// Writes entries, on a thread of its own: a journal that is slow or stuck holds up no answer, and so no locked database.
pub(crate) struct Audit(SyncSender<Entry>);

impl Audit {
    /// Starts it.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, entries) = sync_channel::<Entry>(BACKLOG);
        let write = move || entries.iter().for_each(|entry| entry.write());
        thread::Builder::new().name("audit".to_owned()).spawn(write)?;
        Ok(Self(sender))
    }

    /// Has the entry for a result written, if there is to be one: whoever floods the helper must not flood the journal too.
    pub(crate) fn record<T: Told>(&self, call: Call, result: &Result<T, HelperError>) {
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
        let told = result.as_ref().ok().and_then(Told::told);
        let entry = Entry {
            message_id,
            uid: call.caller.uid,
            pid: call.caller.pid,
            unit: call.caller.unit.clone(),
            transport: call.caller.transport(),
            method: call.method,
            target: shown(&call.target, MAX_TARGET),
            snapshots: shown(&told.unwrap_or(call.snapshots), MAX_SNAPSHOTS),
            verdict,
            reason: reason.to_owned(),
            duration_ms: u64::try_from(call.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            _busy: call.busy,
        };
        if let Err(SendError(entry)) = self.0.send(entry) {
            entry.write();
        }
    }
}

impl Entry {
    fn write(&self) {
        let Self {
            uid,
            pid,
            method,
            target,
            verdict,
            ..
        } = self;
        // SNAPSHOT_TARGET: the journal's field TARGET is taken by the log crate for the module's name.
        tracing::info!(
            message_id = self.message_id,
            caller_pid = pid,
            caller_uid = uid,
            caller_unit = self.unit.get().map(String::as_str),
            transport = self.transport,
            action = method,
            snapshot_target = target,
            snapshots = self.snapshots,
            verdict,
            reason = self.reason,
            duration_ms = self.duration_ms,
            "{method} {target} for uid {uid} pid {pid}: {verdict}",
        );
    }
}

fn shown(text: &str, most: usize) -> String {
    text.chars().take(most).flat_map(char::escape_default).collect()
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
