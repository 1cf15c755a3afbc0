//! What a run tells: on standard output for people or as JSON, and in the log.

use std::fmt;

use mariasnap_dbus::Cut;
use mariasnap_dbus::properties::{STATE_CONSISTENT, shown_state};
use serde::Serialize;

use crate::database::Position;
use crate::exit::Exit;
use crate::lock::{Hold, Proven};
use crate::snapshot::{Job, milliseconds};

/// A consistent snapshot, as `--json` shows it. Fields are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The target.
    pub target: String,
    /// The snapshot's name after the `@`.
    pub name: String,
    /// ZFS guid of the snapshot of the target's first dataset.
    pub guid: u64,
    /// Transaction group of the cut.
    pub createtxg: u64,
    /// `consistent`, or `crash-consistent` where the lock was `none`.
    pub state: &'static str,
    /// The lock that was held at the cut.
    pub lock: &'static str,
    /// `gtid_binlog_pos` or `gtid_executed` at the cut; none without GTIDs, or where commits went on under the lock.
    pub gtid: Option<String>,
    /// Where commits went on: a GTID position that the snapshot is at or past.
    pub gtid_floor: Option<String>,
    /// Where commits went on: a GTID position that the snapshot is at or before.
    pub gtid_ceiling: Option<String>,
    /// `gtid_slave_pos` at the cut; none on a server that never replicated, or where commits went on under the lock.
    pub gtid_slave: Option<String>,
    /// Binary log at the cut; none where it is off, or where commits went on under the lock.
    pub binlog_file: Option<String>,
    /// Offset in it, in bytes.
    pub binlog_position: Option<u64>,
    /// For how long a quiet moment was waited for before the lock.
    pub quiet_ms: u64,
    /// From the first lock statement until the lock was held.
    pub wait_ms: u64,
    /// Attempts at the lock, the last of which came through.
    pub attempts: u32,
    /// For how long commits stood still; where they went on, for how long DDL did. (Writes without transactions wait under
    /// the BACKUP STAGEs from the first flush on, which is before the lock.)
    pub hold_ms: u64,
    /// Snapshots destroyed afterwards.
    pub pruned: Vec<String>,
    /// What isn't as it should be.
    pub warnings: Vec<String>,
    /// Why clearing away old snapshots failed; none if it didn't.
    pub prune_error: Option<String>,
}

impl Report {
    /// The report of a proven cut, before anything was cleared away.
    pub(crate) fn new(job: &Job<'_>, cut: Cut, hold: Hold, proven: Proven) -> Self {
        let some = |text: String| (!text.is_empty()).then_some(text);
        let (position, gtid_floor, gtid_ceiling) = match hold.kind.stops_commits() {
            true => (proven.position.settled_by(proven.later), None, None),
            false => (Position::default(), some(proven.position.gtid), some(proven.later.gtid)),
        };
        let (binlog_file, binlog_position) = position.binlog.unzip();
        Self {
            target: job.target.to_string(),
            name: cut.name,
            guid: cut.guid,
            createtxg: cut.createtxg,
            state: shown_state(Some(STATE_CONSISTENT), Some(hold.kind.as_str())),
            lock: hold.kind.as_str(),
            gtid: some(position.gtid),
            gtid_floor,
            gtid_ceiling,
            gtid_slave: some(position.gtid_slave),
            binlog_file,
            binlog_position,
            quiet_ms: 0,
            wait_ms: milliseconds(hold.waited),
            attempts: hold.attempts,
            hold_ms: milliseconds(hold.held),
            pruned: Vec::new(),
            warnings: Vec::new(),
            prune_error: None,
        }
    }

    /// The exit code of a run that ended so.
    pub fn exit(&self) -> Exit {
        match self.prune_error {
            None => Exit::Ok,
            Some(_) => Exit::PruneFailed,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}  {} (guid {}, txg {})",
            self.name, self.state, self.guid, self.createtxg
        )?;
        if let (Some(file), Some(position)) = (&self.binlog_file, self.binlog_position) {
            writeln!(f, "  binlog  {file}:{position}")?;
        }
        if let Some(gtid) = &self.gtid {
            writeln!(f, "  gtid    {gtid}")?;
        }
        if let (Some(floor), Some(ceiling)) = (&self.gtid_floor, &self.gtid_ceiling) {
            writeln!(f, "  gtid    from {floor} to {ceiling}")?;
        }
        writeln!(
            f,
            "  lock    {}, waited {} ms, held {} ms",
            self.lock, self.wait_ms, self.hold_ms
        )?;
        if !self.pruned.is_empty() {
            writeln!(f, "  pruned  {}", self.pruned.join(" "))?;
        }
        for warning in &self.warnings {
            writeln!(f, "  warning {warning}")?;
        }
        if let Some(error) = &self.prune_error {
            writeln!(f, "  error   old snapshots couldn't be cleared away: {error}")?;
        }
        Ok(())
    }
}

/// The log's side of a run: each event with its id and fields. `RUN` and `TARGET` come from the run's span.
pub(crate) mod log {
    use std::time::Duration;

    use mariasnap_dbus::Cut;
    use mariasnap_dbus::properties::{STATE_CONSISTENT, shown_state};

    use super::{Hold, Proven, Report, milliseconds};
    use crate::error::Error;
    use crate::events;
    use crate::exit::Exit;
    use crate::freeze::{Frozen, Thawed};
    use crate::lock::LockError;
    use crate::snapshot::SnapshotError;

    pub(crate) fn retreated(error: &LockError, pause: Duration) {
        tracing::info!(
            message_id = events::RETREATED,
            "{error}; the next attempt follows in {} ms",
            milliseconds(pause)
        );
    }

    pub(crate) fn again(error: &SnapshotError) {
        tracing::warn!(
            message_id = events::AGAIN,
            "{error}; it is taken again, under a lock that is held to the end"
        );
    }

    pub(crate) fn unlocked(hold: &Hold) {
        let (wait_ms, hold_ms) = (milliseconds(hold.waited), milliseconds(hold.held));
        tracing::info!(
            message_id = events::UNLOCKED,
            lock = hold.kind.as_str(),
            wait_ms,
            hold_ms,
            "the database was locked after {wait_ms} ms, and is unlocked after {hold_ms} ms more"
        );
    }

    pub(crate) fn consistent(cut: &Cut, hold: &Hold, proven: &Proven) {
        tracing::info!(
            message_id = events::CONSISTENT,
            snapshot = cut.name,
            guid = cut.guid,
            // Elsewhere it isn't the snapshot's.
            gtid = hold.kind.stops_commits().then_some(proven.position.gtid.as_str()),
            wait_ms = milliseconds(hold.waited),
            hold_ms = milliseconds(hold.held),
            "snapshot {} is {}",
            cut.name,
            shown_state(Some(STATE_CONSISTENT), Some(hold.kind.as_str()))
        );
    }

    pub(crate) fn frozen(frozen: &Frozen) {
        let position = &frozen.position;
        tracing::info!(
            message_id = events::FROZEN,
            lock = frozen.lock,
            gtid = position.gtid,
            gtid_slave = position.gtid_slave,
            binlog_file = position.binlog_file,
            binlog_position = position.binlog_position,
            wait_ms = frozen.wait_ms,
            "{frozen}"
        );
        for warning in &frozen.warnings {
            tracing::warn!(message_id = events::WARNING, "{warning}");
        }
    }

    pub(crate) fn thawed<T>(thawed: &Thawed<T>) {
        let hold_ms = milliseconds(thawed.held);
        tracing::info!(message_id = events::THAWED, hold_ms, "{thawed}");
    }

    pub(crate) fn warnings(report: &Report) {
        for warning in report.warnings.iter().chain(&report.prune_error) {
            tracing::warn!(message_id = events::WARNING, snapshot = report.name, "{warning}");
        }
    }

    pub(crate) fn failed(error: &Error) {
        let exit = Exit::from(error);
        let snapshot = error.snapshot().unwrap_or_default();
        tracing::error!(
            message_id = matches!(error, Error::Snapshot(_) | Error::Freeze(_)).then_some(events::FAILED),
            snapshot,
            exit_code = exit.code(),
            "{error}"
        );
    }
}
