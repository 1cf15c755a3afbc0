//! Names that both halves, the bus policy, the units and the polkit files must agree on.

/// Well-known bus name of the ZFS helper. An LVM helper would own another and offer the same interface.
pub const BUS_NAME: &str = "org.mariasnap.ZfsHelper1";

/// The one object that a helper exports.
pub const OBJECT_PATH: &str = "/org/mariasnap/SnapshotHelper1";

/// The storage-neutral interface on [`OBJECT_PATH`].
pub const INTERFACE: &str = "org.mariasnap.SnapshotHelper1";

/// The socket on which systemd listens for peers, plain D-Bus protocol without a bus daemon.
pub const PEER_SOCKET: &str = "/run/mariasnap/zfs-helper.sock";

/// polkit action asked for before anything about a target is told.
pub const ACTION_LIST: &str = "org.mariasnap.list";

/// polkit action asked for before a snapshot is prepared, taken or confirmed.
pub const ACTION_SNAPSHOT: &str = "org.mariasnap.snapshot";

/// polkit action asked for before snapshots are destroyed.
pub const ACTION_DESTROY: &str = "org.mariasnap.destroy";

/// polkit detail: the target's configured name.
pub const DETAIL_TARGET: &str = "target";

/// polkit detail: the target's datasets as configured, sorted, joined by `,`; one that includes its
/// children ends in `/*`.
pub const DETAIL_DATASET: &str = "dataset";

/// polkit detail of destroy: the snapshots' names, joined by `,`.
pub const DETAIL_SNAPSHOT: &str = "snapshot";
