//! A disk slow enough that a scenario can act while a snapshot is being taken.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, Vm, World};

use super::wait;

/// Write operations a second that the slowed disk still does: a cut then takes seconds, and so does the sync before it.
const SLOW: &str = "12";

/// The same once the lock is held, when nothing but the cut is waited for.
const SLOWER: &str = "2";

/// Slows a disk until dropped.
pub(crate) struct SlowDisk(&'static str);

impl SlowDisk {
    /// The machine's disk of this name: `pool0`, which the database is on, or `pool1`.
    pub(crate) fn new(disk: &'static str) -> Self {
        let slow = Self(disk);
        slow.to(SLOW);
        slow
    }

    fn to(&self, writes: &str) {
        Vm.throttle(self.0, ["0", "0", "0", writes, "0", "0"]);
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        Vm.throttle(self.0, ["0"; 6]);
    }
}

/// Starts the unit of target `main` and returns once it waits for the cut, lock held.
pub(crate) fn start_and_wait_for_cut(world: &World) -> SlowDisk {
    let unit = SNAPSHOT_UNIT;
    // Bounds that the slow disk doesn't reach, and no early unlock: what ends the hold is what the scenario does.
    world
        .vm
        .ok("printf '[lock]\nmax_wait = \"45s\"\nmax_stall = \"45s\"\nmax_hold = \"60s\"\nearly_cut = false\n' >/etc/mariasnap/targets/main.toml");
    world
        .vm
        .ok("mariadb -e \"INSTALL SONAME 'metadata_lock_info'\" 2>/dev/null || true");
    let slow = SlowDisk::new("pool0");
    world.vm.ok(&format!("systemctl start --no-block {unit}"));
    wait::until_row(world.vm, "the lock is held", wait::HOLDING);
    slow.to(SLOWER);
    slow
}
