//! A disk that vanishes while the lock is held: the pool is suspended, and the helper with it. The database isn't.

use std::time::Instant;

use mariasnap_tests::vm::World;

use super::slow_disk::SlowDisk;
use super::wait;

const UNIT: &str = "mariasnap@flaky.service";

/// A pool of its own, on a device whose table can be taken away. The server's data lies elsewhere, but its lock is the
/// one that is held.
const POOL: &str = r#"
disk=$(readlink -f /dev/disk/by-id/virtio-pool1)
echo "0 $(blockdev --getsz "$disk") linear $disk 0" >/run/flaky.table
dmsetup create flaky /run/flaky.table
zpool create -o cachefile=none -O mountpoint=none flaky /dev/mapper/flaky
zfs create -o mountpoint=/srv/flaky flaky/data
cat >>/etc/mariasnap/zfs-helper.toml <<'END'

[targets.flaky]
datasets = [ { name = "flaky/data" } ]
prefix = "flaky"
END
cat >/etc/mariasnap/targets/flaky.toml <<'END'
[lock]
early_cut = false
max_hold = "4s"
[layout]
check = "off"
END
sed -e 's/"main"/"flaky"/g; s/mariasnap@main/mariasnap@flaky/g; s|tank/mysql|flaky/data|g' \
    /etc/polkit-1/rules.d/50-mariasnap-main.rules >/etc/polkit-1/rules.d/50-mariasnap-flaky.rules
sleep 1
mariadb -e "INSTALL SONAME 'metadata_lock_info'" 2>/dev/null || true
"#;

/// What is in flight fails, and what comes after; OpenZFS suspends the pool (failmode=wait).
const VANISH: &str = "dmsetup suspend --nolockfs --noflush flaky
    sed 's/linear.*/error/' /run/flaky.table | dmsetup load flaky; dmsetup resume flaky";

const COME_BACK: &str = "dmsetup suspend --nolockfs --noflush flaky
    dmsetup load flaky /run/flaky.table; dmsetup resume flaky; zpool clear flaky";

#[test]
fn a_disk_that_vanishes_under_the_lock_leaves_the_database_going() {
    let world = World::without_helper();
    world.assert_writes_go_on();
    world.vm.ok(POOL);
    world
        .vm
        .ok("dd if=/dev/urandom of=/srv/flaky/filler bs=64k count=64 status=none");
    let slow = SlowDisk::new("pool1");
    let began = Instant::now();
    world.vm.ok(&format!("systemctl start --no-block {UNIT}"));
    wait::until_row(world.vm, "the lock is held", wait::HOLDING);
    world.vm.ok(VANISH);
    drop(slow);
    let vanished = Instant::now();
    // max_hold and a second, and what a slow machine takes to start a client and to be told.
    world.vm.ok("timeout 60 mariadb -e 'INSERT INTO probe.t VALUES (5)'");
    eprintln!(
        "writes went on {:.1} s after the disk had vanished",
        vanished.elapsed().as_secs_f32()
    );
    assert!(vanished.elapsed().as_secs() < 12, "{:?}", vanished.elapsed());
    let state = world.vm.ok("cat /proc/spl/kstat/zfs/flaky/state");
    assert_eq!(state, "SUSPENDED", "nothing was put to the test");
    wait::until_unit_is(world.vm, UNIT, "inactive|failed");
    let status = world.vm.ok(&format!("systemctl show -P ExecMainStatus {UNIT}"));
    assert_eq!(status, "9", "{}", world.journal(UNIT));
    eprintln!("the run took {:.1} s", began.elapsed().as_secs_f32());

    // Other pools go on meanwhile.
    assert_eq!(world.snapshot(), (true, 0));

    // The disk is back: what was asked for may come to be, and doesn't pretend.
    world.vm.ok(COME_BACK);
    wait::until(world.vm, "the pool goes on", "zpool sync flaky");
    let listed = world.list("flaky");
    eprintln!("{} snapshots came to be when the disk was back", listed.len());
    let consistent = |listed: &[serde_json::Value]| listed.iter().filter(|one| one["state"] == "consistent").count();
    assert_eq!(consistent(&listed), 0, "{listed:?}");
    world.vm.ok(&format!("systemctl start {UNIT}"));
    assert_eq!(consistent(&world.list("flaky")), 1);
    world.vm.ok("zpool destroy -f flaky; dmsetup remove flaky");
}
