//! User properties that travel with a snapshot.
//!
//! On the wire a key has no namespace; the helper writes it as `org.mariasnap:KEY`, so that no client can
//! touch another tool's properties. Every local user can read them: they never hold a secret.

/// Namespace that the helper puts before each key.
pub const NAMESPACE: &str = "org.mariasnap:";

/// Set by the helper alone: the target's name.
pub const TARGET: &str = "target";
/// Set by the helper alone: [`STATE_UNPROVEN`] or [`STATE_CONSISTENT`].
pub const STATE: &str = "state";
/// Set by the helper alone: random, the same on every dataset of one cut.
pub const ID: &str = "id";

/// Set by the helper alone: on how many datasets the cut was taken.
pub const MEMBERS: &str = "members";

/// Keys that a client can't set.
pub const RESERVED: [&str; 4] = [TARGET, STATE, ID, MEMBERS];

/// Value of [`STATE`] from birth until the client has proven that the lock was held past the cut.
pub const STATE_UNPROVEN: &str = "unproven";
/// Value of [`STATE`] once confirmed.
pub const STATE_CONSISTENT: &str = "consistent";

/// The run (systemd's invocation id where there is one) that took the snapshot.
pub const RUN: &str = "run";
/// The lock that was held at the cut: `exact`, `ftwrl`...
pub const LOCK: &str = "lock";
/// Value of [`LOCK`] where none was: the snapshot is what a crash would have left.
pub const LOCK_NONE: &str = "none";
/// What people and `--json` are shown instead of [`STATE_CONSISTENT`] where [`LOCK`] is [`LOCK_NONE`].
pub const SHOWN_CRASH_CONSISTENT: &str = "crash-consistent";

/// What people and `--json` are shown as the state of a snapshot with these values of [`STATE`] and [`LOCK`].
pub fn shown_state<'a>(state: Option<&'a str>, lock: Option<&str>) -> &'a str {
    match state {
        // What doesn't say that it is consistent isn't.
        None => STATE_UNPROVEN,
        Some(STATE_CONSISTENT) if lock == Some(LOCK_NONE) => SHOWN_CRASH_CONSISTENT,
        Some(state) => state,
    }
}
/// The database server's version string.
pub const SERVER_VERSION: &str = "server-version";
/// The database server's own unique id.
pub const SERVER_UUID: &str = "server-uuid";
/// Name of the binary log at the cut.
pub const BINLOG_FILE: &str = "binlog-file";
/// Position in [`BINLOG_FILE`] at the cut, in bytes.
pub const BINLOG_POSITION: &str = "binlog-position";
/// `gtid_binlog_pos` (MariaDB) or `gtid_executed` (MySQL) at the cut.
pub const GTID: &str = "gtid";
/// `gtid_current_pos` at the cut, on MariaDB.
pub const GTID_CURRENT: &str = "gtid-current";
/// `gtid_slave_pos` at the cut, on a MariaDB replica.
pub const GTID_SLAVE: &str = "gtid-slave";
/// Source binary log whose events the replica had executed at the cut.
pub const SOURCE_FILE: &str = "source-file";
/// Position in [`SOURCE_FILE`] that the replica had executed at the cut, in bytes.
pub const SOURCE_POSITION: &str = "source-position";
/// Name of the replication channel of [`SOURCE_FILE`]; left out where it has none.
pub const SOURCE_CHANNEL: &str = "source-channel";
/// Instead of the three, on a replica of several sources: a JSON array of objects with `channel`, `file` and `position`.
pub const SOURCES: &str = "sources";
/// Galera's state at the cut: `uuid:seqno` of the last committed write set.
pub const GALERA: &str = "galera";
/// InnoDB's log sequence number at the cut, in bytes.
pub const INNODB_LSN: &str = "innodb-lsn";
/// Where commits went on under the lock: a position that the snapshot is at or past. The exact one comes out of crash
/// recovery. Keys as without the prefix.
pub const FLOOR: &str = "floor-";
/// Where commits went on under the lock: a position that the snapshot is at or before. Known only after the unlock.
pub const CEILING: &str = "ceiling-";
/// Time for which a quiet moment was waited for before the lock, in milliseconds.
pub const QUIET_MS: &str = "quiet-ms";
/// Time from the first lock statement to the lock being held, in milliseconds.
pub const WAIT_MS: &str = "wait-ms";
/// What spoke against the snapshot before it was taken, cut to a kilobyte; the run's report has all of it.
pub const WARNINGS: &str = "warnings";
/// Time for which the lock held others up, in milliseconds; known only after the unlock.
pub const HOLD_MS: &str = "hold-ms";
/// The pool's open transaction group at the unlock, where that came before the cut was on the disks. The snapshot's
/// createtxg is below it, so nothing written after the unlock is in the snapshot.
pub const UNLOCK_TXG: &str = "unlock-txg";
