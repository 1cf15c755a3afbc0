//! The early cut, put to the test at file level: a file grows without pause while snapshots are cut.

use mariasnap_tests::vm::{self, World};

/// Cuts at each of the pool's intervals: `make test-long` does a hundred, which is 300 in all.
fn cuts() -> u32 {
    vm::short_or_long(6, 100)
}

const TARGET: &str = "
zfs create -o mountpoint=/srv/append tank/append
cat >>/etc/mariasnap/zfs-helper.toml <<'END'

[targets.append]
datasets = [ { name = \"tank/append\" } ]
prefix = \"append\"
END
";

/// Rewrites a large file over and over, so that every transaction group has much to write.
const DIRTY: &str = "systemd-run --quiet --unit=dirty --collect sh -c \
    'while :; do dd if=/dev/urandom of=/srv/append/dirt bs=128k count=64 conv=notrunc status=none; sleep 0.2; done'";

struct Cleanup<'a>(&'a World);

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        // Not loaded any more, where the scenario came to its end.
        let ran = self.0.vm.run(
            "systemctl stop dirty.service || true
             echo 5 >/sys/module/zfs/parameters/zfs_txg_timeout
             zfs destroy -r tank/append",
        );
        assert!(ran.status == 0 || std::thread::panicking(), "{ran:?}");
    }
}

#[test]
fn nothing_written_once_the_pool_has_moved_on_is_in_the_snapshot() {
    let world = World::without_helper();
    world.vm.ok(TARGET);
    let _cleanup = Cleanup(&world);
    let (mut all, mut early) = (0, 0);
    for (timeout, is_dirty) in [(1, false), (5, true), (10, false)] {
        world
            .vm
            .ok(&format!("echo {timeout} >/sys/module/zfs/parameters/zfs_txg_timeout"));
        if is_dirty {
            world.vm.ok(DIRTY);
        }
        let count = cuts();
        let ran = world.vm.run(&format!(
            "cutprobe --target append --directory /srv/append --count {count}; zfs destroy tank/append@%"
        ));
        world.vm.run("systemctl stop dirty.service");
        assert_eq!(ran.status, 0, "{}", ran.text());
        let outcome = ran.json();
        eprintln!("txg timeout {timeout} s, dirty {is_dirty}: {outcome}");
        assert_eq!(outcome["violations"].as_array().map(Vec::len), Some(0), "{outcome}");
        let number = |key: &str| outcome[key].as_u64().unwrap();
        assert_eq!(number("snapshots"), u64::from(count));
        // Or else nothing has been put to the test.
        assert!(number("early") > 0 && number("written_meanwhile") > 0, "{outcome}");
        all += number("snapshots");
        early += number("early");
    }
    assert!(early * 10 >= all * 8, "{early} of {all} cuts ended early");
}
