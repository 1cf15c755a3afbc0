//! What is frozen, as it is told: on standard output, in the run directory, in the journal, to a command's environment.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Job, Lapse};
use crate::lock::Held;
use crate::ready::Lockable;
use crate::snapshot::{Recorded, milliseconds};

/// After the lock, a replica has counted what it committed before it.
const SETTLING: Duration = Duration::from_millis(50);

/// A database that is held still. Fields are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Frozen {
    /// The target.
    pub target: String,
    /// The run's id, the same as in the journal.
    pub run: String,
    /// The process that holds the lock.
    pub pid: u32,
    /// Since when; empty before the lock.
    pub since: String,
    /// Until when at the latest.
    pub until: String,
    /// The lock.
    pub lock: &'static str,
    /// The server's version.
    pub server_version: String,
    /// The server's own unique id; none if it has none.
    pub server_uuid: Option<String>,
    /// Where the server stands: what a replica made from the copy is to be started at.
    pub(crate) position: Recorded,
    /// For how long a quiet moment was waited for before the lock.
    pub quiet_ms: u64,
    /// From the first lock statement until the lock was held.
    pub wait_ms: u64,
    /// What isn't as it should be.
    pub warnings: Vec<String>,
}

impl Frozen {
    /// All that is known before the lock.
    pub(super) fn before_the_lock(job: &Job<'_>, lockable: &mut Lockable) -> Self {
        Self {
            target: job.target.to_string(),
            run: job.run.to_owned(),
            pid: std::process::id(),
            since: String::new(),
            until: String::new(),
            lock: lockable.kind.as_str(),
            server_version: lockable.server.version.clone(),
            server_uuid: lockable.server.uuid().map(str::to_owned),
            position: Recorded::default(),
            quiet_ms: milliseconds(lockable.quiet),
            wait_ms: 0,
            warnings: std::mem::take(&mut lockable.warnings),
        }
    }

    /// The rest, under the lock.
    pub(super) async fn fill(&mut self, held: &mut Held) -> Result<(), Lapse> {
        let deadline = held.deadline();
        deadline.bound(held.look()).await?;
        if held.position().is_some_and(|position| position.is_replicas()) {
            let settling = async {
                tokio::time::sleep(SETTLING).await;
                held.settle().await
            };
            deadline.bound(settling).await??;
        }
        if let Some(error) = held.unread() {
            return Err(Lapse::Lost(error));
        }
        let position = held.position().ok_or(Lapse::Unread)?;
        self.position = Recorded::of(position);
        self.wait_ms = milliseconds(held.waited());
        let now = Timestamp::now();
        self.since = second(now);
        self.until = second(now.saturating_add(deadline.remaining()).unwrap_or(now));
        Ok(())
    }

    /// The position as variables of a command's environment; what there isn't is empty.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let position = &self.position;
        vec![
            ("MARIASNAP_TARGET", self.target.clone()),
            ("MARIASNAP_RUN", self.run.clone()),
            ("MARIASNAP_SINCE", self.since.clone()),
            ("MARIASNAP_UNTIL", self.until.clone()),
            ("MARIASNAP_LOCK", self.lock.to_owned()),
            ("MARIASNAP_SERVER_VERSION", self.server_version.clone()),
            ("MARIASNAP_SERVER_UUID", text(&self.server_uuid)),
            ("MARIASNAP_BINLOG_FILE", text(&position.binlog_file)),
            (
                "MARIASNAP_BINLOG_POSITION",
                text(&position.binlog_position.map(|offset| offset.to_string())),
            ),
            ("MARIASNAP_GTID", text(&position.gtid)),
            ("MARIASNAP_GTID_CURRENT", text(&position.gtid_current)),
            ("MARIASNAP_GTID_SLAVE", text(&position.gtid_slave)),
        ]
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self {
            target: "main".to_owned(),
            run: "0".repeat(32),
            pid: 1,
            since: "2026-11-21T15:00:00Z".to_owned(),
            until: "2026-11-21T15:01:00Z".to_owned(),
            lock: "exact",
            server_version: "11.8.3-MariaDB".to_owned(),
            server_uuid: None,
            position: Recorded::default(),
            quiet_ms: 0,
            wait_ms: 3,
            warnings: Vec::new(),
        }
    }
}

fn second(moment: Timestamp) -> String {
    format!("{moment:.0}")
}

/// One line: where it stands.
impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = &self.position;
        write!(
            f,
            "{} is frozen since {}, until {} at the latest; lock {}",
            self.target, self.since, self.until, self.lock
        )?;
        if let (Some(file), Some(offset)) = (&position.binlog_file, position.binlog_position) {
            write!(f, "; binlog {file}:{offset}")?;
        }
        for (name, value) in [
            ("gtid", &position.gtid),
            ("gtid_slave", &position.gtid_slave),
            ("galera", &position.galera),
        ] {
            if let Some(value) = value {
                write!(f, "; {name} {value}")?;
            }
        }
        Ok(())
    }
}
