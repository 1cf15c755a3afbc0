//! The clock jumps under a run that holds the lock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mariasnap_tests::vm::{self, SNAPSHOT_UNIT, World};
use serde_json::Value;

use super::slow_disk::start_and_wait_for_cut;
use super::{freeze, wait};

/// The machine's clock, which is put right when this is dropped.
struct Clock<'a>(&'a World);

impl Clock<'_> {
    fn jump(&self, how: &str) {
        self.0.vm.ok(&format!("date --set '{how}'"));
    }
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        // What was logged ahead of time would be said in later scenarios too.
        self.0.vm.run(&format!(
            "date --set @{now}; journalctl --quiet --rotate --vacuum-size=1"
        ));
    }
}

/// A run during whose cut the clock jumps; its status, and what it said.
fn run_over(world: &World, how: &str) -> (i32, String) {
    let clock = Clock(world);
    let slow = start_and_wait_for_cut(world);
    clock.jump(how);
    std::thread::sleep(Duration::from_secs(2));
    drop(slow);
    (wait::for_end(world), world.journal(SNAPSHOT_UNIT))
}

#[test]
fn clock_jumps_while_it_holds() {
    let world = World::enter();
    // Ahead, in make test, under a freeze.
    for &how in vm::short_or_long(&["3 hours ago"][..], &["3 hours", "3 hours ago"]) {
        let before = world.names("consistent");
        let (status, journal) = run_over(&world, how);
        // Cut before a jump ahead, it is too old to be confirmed; and so is gone.
        let is_too_old = status == 8 && how == "3 hours" && journal.contains("it is too old");
        assert!(status == 0 || is_too_old, "{how}: {status}: {journal}");
        assert_eq!(
            world.list("main").len(),
            before.len() + usize::from(!is_too_old),
            "{how}"
        );
        if is_too_old {
            continue;
        }
        let listed = world.list("main");
        let new = |one: &&Value| !before.iter().any(|name| one["name"] == name.as_str());
        let taken = listed.iter().find(new).expect("a new one");
        assert_eq!(taken["state"], "consistent", "{how}");
        let hold: u64 = taken["properties"]["hold-ms"].as_str().unwrap().parse().unwrap();
        assert!((2000..60_000).contains(&hold), "{how}: {hold} ms");
    }
    world.assert_writes_go_on();
}

/// As in the night when summer time begins, or in a guest whose clock is set after its pause.
#[test]
fn a_freeze_outlasts_a_jump_ahead() {
    let world = World::enter();
    freeze::configure(&world, "max_hold = \"60s\"");
    let clock = Clock(&world);
    world.vm.ok(&format!("systemctl start {}", freeze::UNIT));
    clock.jump("3 hours");
    // A pulse a second keeps the lock.
    world.vm.ok("sleep 4");
    let frozen = freeze::frozen(&world);
    let thawed = world
        .vm
        .run(&format!("systemctl stop {0}; systemctl is-failed {0}", freeze::UNIT));
    drop(clock);
    assert_eq!(frozen, 0);
    assert_eq!(thawed.stdout.trim(), "inactive", "{}", world.journal(freeze::UNIT));
}
