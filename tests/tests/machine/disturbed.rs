//! The ground gives way under a run that holds the lock: the pool is suspended, the clock jumps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};

use super::slow_disk::{start_and_wait_for_cut_within, wait_for_end, wait_until};

/// The pool's disk answers as one that is gone, until dropped. Then the pool goes on.
struct Vanished<'a>(&'a World);

impl<'a> Vanished<'a> {
    fn new(world: &'a World) -> Self {
        let vanished = Self(world);
        world
            .vm
            .ok("zinject -d \"$(zpool list -HgLv tank | awk 'NR == 2 {print $1}')\" -e nxio -T all tank");
        vanished
    }
}

impl Drop for Vanished<'_> {
    fn drop(&mut self) {
        self.0.vm.run("zinject -c all; zpool clear tank");
    }
}

fn health(is: &str) -> String {
    format!("[[ $(zpool list -Ho health tank) == {is} ]]")
}

/// For how long the database was locked, as the run's log has it, in milliseconds.
fn logged_hold(world: &World) -> u64 {
    let journal = world.journal(SNAPSHOT_UNIT);
    let (_, after) = journal.split_once("unlocked after ").expect("an unlock in the log");
    let (number, _) = after.split_once(' ').expect("a number");
    number.parse().expect("milliseconds")
}

#[test]
fn pool_suspended_while_it_holds() {
    let world = World::enter();
    let slow = start_and_wait_for_cut_within(&world, "5s", "[helper]\ntimeout = \"5s\"\n");
    let vanished = Vanished::new(&world);
    drop(slow);
    wait_until(world.vm, "the pool is suspended", &health("SUSPENDED"));
    assert_eq!(wait_for_end(&world), 9, "{}", world.journal(SNAPSHOT_UNIT));
    assert!(logged_hold(&world) <= 6000, "{}", world.journal(SNAPSHOT_UNIT));
    drop(vanished);
    wait_until(world.vm, "the pool is back", &health("ONLINE"));
    world.assert_writes_go_on();
    assert_eq!(world.names("consistent"), Vec::<String>::new());
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
}

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
        self.0.vm.run(&format!("date --set @{now}"));
    }
}

/// A run during whose cut the clock jumps; its status.
fn run_over(world: &World, how: &str) -> i32 {
    let clock = Clock(world);
    let slow = start_and_wait_for_cut_within(world, "60s", "");
    clock.jump(how);
    std::thread::sleep(Duration::from_secs(2));
    drop(slow);
    wait_for_end(world)
}

#[test]
fn clock_jumps_while_it_holds() {
    let world = World::enter();
    for how in ["30 minutes", "30 minutes ago", "3 hours ago"] {
        let before = world.names("consistent").len();
        assert_eq!(run_over(&world, how), 0, "{how}: {}", world.journal(SNAPSHOT_UNIT));
        assert_eq!(world.names("consistent").len(), before + 1, "{how}");
        let held = world.list("main");
        let longest = held
            .iter()
            .filter_map(|one| one["properties"]["hold-ms"].as_str()?.parse().ok())
            .max();
        assert!(longest < Some(60_000_u64), "{how}: {longest:?}");
    }
    // What looks older than an hour when it is to be confirmed may be another run's leftover.
    let before = world.names("consistent").len();
    assert_eq!(run_over(&world, "3 hours"), 8, "{}", world.journal(SNAPSHOT_UNIT));
    assert_eq!(world.names("consistent").len(), before);
    world.assert_writes_go_on();
}
