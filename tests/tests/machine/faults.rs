//! Processes killed and connections cut at the worst moments. Whatever happens, the database goes on, and no snapshot
//! says that it is consistent unless the run that took it ended well.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};

use super::blocker::Blocker;
use super::slow_disk::start_and_wait_for_cut;
use super::wait;

/// Nothing left that pretends: what this run took is gone, or unproven.
fn assert_nothing_consistent(world: &World) {
    assert_eq!(world.names("consistent"), Vec::<String>::new());
}

#[test]
fn helper_killed_before() {
    let world = World::enter();
    assert_eq!(world.snapshot(), (true, 0));
    world.vm.ok("systemctl kill --signal=KILL mariasnap-zfs-helper.service");
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
}

#[test]
fn helper_killed_during_the_cut() {
    let world = World::enter();
    let slow = start_and_wait_for_cut(&world);
    world.vm.ok("systemctl kill --signal=KILL mariasnap-zfs-helper.service");
    world.assert_writes_go_on();
    drop(slow);
    let status = wait::for_end(&world);
    assert!(
        status == 8 || status == 9,
        "status {status}: {}",
        world.journal(SNAPSHOT_UNIT)
    );
    assert_nothing_consistent(&world);
}

/// The helper has answered and is gone by the time that its answer is read: what was proven is confirmed by the next one.
#[test]
fn helper_killed_between_cut_and_confirmation() {
    let world = World::enter();
    let slow = start_and_wait_for_cut(&world);
    world.vm.ok(&format!("systemctl kill --signal=STOP {SNAPSHOT_UNIT}"));
    drop(slow);
    wait::until(
        world.vm,
        "the helper has answered",
        "journalctl --sync
         journalctl -o cat _PID=$(</sys/fs/cgroup/system.slice/mariasnap-zfs-helper.service/cgroup.procs) \
             | grep '^TakeSnapshot main .*: done' >/dev/null",
    );
    let cut = world.names("unproven");
    world.vm.ok(&format!(
        "systemctl kill --signal=KILL mariasnap-zfs-helper.service; systemctl kill --signal=CONT {SNAPSHOT_UNIT}"
    ));
    world.assert_writes_go_on();
    assert_eq!(wait::for_end(&world), 0, "{}", world.journal(SNAPSHOT_UNIT));
    assert_eq!((cut.len(), world.names("consistent")), (1, cut));
}

#[test]
#[ignore = "make test-long runs it; each moment that matters has a scenario of its own"]
fn helper_killed_at_random_moments() {
    let world = World::enter();
    let mut before = 0;
    let rounds = 12;
    for round in 0..rounds {
        let delay = f64::from(round) * 1.5 / f64::from(rounds);
        world.vm.ok(&format!(
            "systemctl reset-failed; systemctl start --no-block {SNAPSHOT_UNIT}; sleep {delay}; \
             systemctl kill --signal=KILL mariasnap-zfs-helper.service || true"
        ));
        let status = wait::for_end(&world);
        let after = world.names("consistent").len();
        assert_eq!(
            after - before,
            // 11: the snapshot stands, clearing away old ones failed for want of a helper.
            usize::from(status == 0 || status == 11),
            "killed after {delay} s, status {status}: {}",
            world.journal(SNAPSHOT_UNIT)
        );
        world.assert_writes_go_on();
        before = after;
    }
}

#[test]
fn locker_killed_while_it_holds() {
    let world = World::enter();
    let slow = start_and_wait_for_cut(&world);
    world.vm.ok(&format!("systemctl kill --signal=KILL {SNAPSHOT_UNIT}"));
    world.assert_writes_go_on();
    drop(slow);
    wait::for_end(&world);
    assert_nothing_consistent(&world);
    // The next run isn't in its way.
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
}

#[test]
fn locker_stopped_while_it_holds() {
    let world = World::enter();
    let slow = start_and_wait_for_cut(&world);
    world.vm.ok(&format!("systemctl stop --no-block {SNAPSHOT_UNIT}"));
    world.assert_writes_go_on();
    drop(slow);
    assert_ne!(wait::for_end(&world), 0);
    assert_nothing_consistent(&world);
}

#[test]
fn connection_killed_between_lock_and_proof() {
    let world = World::enter();
    let slow = start_and_wait_for_cut(&world);
    world.vm.ok(
        "id=$(mariadb -BNe \"SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'mariasnap'\")
         mariadb -e \"KILL $id\"",
    );
    world.assert_writes_go_on();
    drop(slow);
    assert_eq!(wait::for_end(&world), 6, "{}", world.journal(SNAPSHOT_UNIT));
    assert_nothing_consistent(&world);
}

#[test]
fn server_killed_while_it_is_locked() {
    let world = World::enter();
    let slow = start_and_wait_for_cut(&world);
    world.vm.ok("systemctl kill --signal=KILL mariadb.service");
    drop(slow);
    assert_eq!(wait::for_end(&world), 6, "{}", world.journal(SNAPSHOT_UNIT));
    assert_nothing_consistent(&world);
}

#[test]
fn two_runs_at_once() {
    let world = World::enter();
    // As root, with a config of root's own, since systemd runs a unit once only.
    world
        .vm
        .ok("mkdir -p /root/cfg/targets; printf '[database]\\nuser = \"root\"\\n[layout]\\ncheck = \"off\"\\n' >/root/cfg/targets/main.toml");
    // The first one waits for another's lock, its ticket in hand: a cut, slow disk or not, can be over before the
    // second one has come as far as asking.
    world
        .vm
        .ok("printf '[lock]\nmax_wait = \"50s\"\n' >/etc/mariasnap/targets/main.toml");
    let blocker = Blocker::new(world.vm);
    world.vm.ok(&format!("systemctl start --no-block {SNAPSHOT_UNIT}"));
    wait::until_running(world.vm, "the first run waits", "BACKUP STAGE START");
    let second = world.vm.run("mariasnap snapshot --config-dir /root/cfg main");
    drop(blocker);
    assert_eq!(second.status, 10, "{second:?}");
    assert!(second.stderr.contains("main"), "{second:?}");
    assert_eq!(wait::for_end(&world), 0, "{}", world.journal(SNAPSHOT_UNIT));
    assert_eq!(world.names("consistent").len(), 1);
}

#[test]
fn database_down() {
    let world = World::enter();
    world.vm.ok("systemctl stop mariadb.service");
    assert_eq!(world.snapshot(), (false, 4), "{}", world.journal(SNAPSHOT_UNIT));
}

#[test]
fn lock_not_obtained() {
    let world = World::enter();
    // A short wait, so that the test is one.
    world
        .vm
        .ok("printf '[lock]\nmax_wait = \"5s\"\n' >/etc/mariasnap/targets/main.toml");
    let blocker = Blocker::new(world.vm);
    let run = world.snapshot();
    drop(blocker);
    assert_eq!(run, (false, 5), "{}", world.journal(SNAPSHOT_UNIT));
    assert_nothing_consistent(&world);
    world.assert_writes_go_on();
}
