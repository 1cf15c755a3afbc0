//! What is compared, and on what.

/// A way to snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    /// Its key in the figures.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Whether it is ours.
    pub ours: bool,
}

const fn side(name: &'static str, label: &'static str, ours: bool) -> Side {
    Side { name, label, ours }
}

/// All sides, in the order in which they are shown.
pub const SIDES: [Side; 7] = [
    side("idle", "no snapshot at all", false),
    side("snapshot_only", "bare `zfs snapshot`, no lock", false),
    side("ftwrl_client", "the client's FTWRL and `system zfs snapshot`", false),
    side("stage_cli", "a script: BACKUP STAGE and `zfs snapshot`", false),
    side("exact_full", "mariasnap `exact`, `early_cut = false`", true),
    side("exact", "mariasnap `exact`", true),
    side("online", "mariasnap `online`", true),
];

/// A disk for the pool: its key in the figures, what it is, and QEMU's limits for it: bytes a second (together,
/// reading, writing), then operations.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Its key in the figures.
    pub name: &'static str,
    /// What it is.
    pub label: &'static str,
    /// The limits.
    pub throttle: [&'static str; 6],
}

/// All disks.
pub const DISKS: [Disk; 2] = [
    Disk {
        name: "fast",
        label: "the machine's plain virtual disk",
        throttle: ["0"; 6],
    },
    Disk {
        name: "hdd",
        label: "200 IO/s and 60 MB/s",
        throttle: ["60000000", "0", "0", "200", "0", "0"],
    },
];
