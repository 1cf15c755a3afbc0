//! The database held still by the unit: started is locked, stopped is unlocked, lost is failed.

use std::time::Duration;

use mariasnap_tests::vm::World;

use super::wait;

pub(crate) const UNIT: &str = "mariasnap-freeze@main.service";

/// What the target's file says of freezes.
pub(crate) fn configure(world: &World, freeze: &str) {
    world.vm.ok(&format!(
        "printf '[quiet]\\nwait = \"1s\"\\n[lock]\\nmax_wait = \"3s\"\\n[freeze]\\n{}\\n' >/etc/mariasnap/targets/main.toml",
        freeze.replace('"', "\\\"").replace('\n', "\\n")
    ));
}

/// Asserts that commits stand still: a row doesn't go in.
pub(crate) fn assert_writes_stand_still(world: &World) {
    let ran = world.vm.run("timeout 3 mariadb -e 'INSERT INTO probe.t VALUES (2)'");
    assert_eq!(ran.status, 124, "{ran:?}");
}

/// The exit code of `mariasnap frozen main`.
pub(crate) fn frozen(world: &World) -> i32 {
    world.vm.run("mariasnap frozen main").status
}

#[test]
fn started_is_locked_and_stopped_is_unlocked() {
    let world = World::enter();
    world.assert_writes_go_on();
    assert_eq!(frozen(&world), 15);
    world.vm.ok(&format!("systemctl start {UNIT}"));
    assert_writes_stand_still(&world);
    let told = world.vm.run("mariasnap frozen main --json");
    assert_eq!(told.status, 0, "{told:?}");
    let told = told.json();
    assert_eq!(
        told["position"]["gtid"],
        world.vm.ok("mariadb -BNe 'SELECT @@gtid_binlog_pos'").as_str()
    );
    let file: serde_json::Value = serde_json::from_str(&world.vm.ok("cat /run/mariasnap/main.freeze.json")).unwrap();
    assert_eq!(file, told);
    let status = world.vm.ok(&format!("systemctl show -P StatusText {UNIT}"));
    assert!(status.contains("frozen since"), "{status}");
    let journal = world.journal_by(&format!(
        "-o json -u {UNIT} MESSAGE_ID=0f2a6c9be8d14d5f8c63a7b19e40d509 | tail -n 1"
    ));
    let entry: serde_json::Value = serde_json::from_str(&journal).unwrap();
    assert_eq!(entry["GTID"], told["position"]["gtid"]);
    assert!(
        entry["BINLOG_FILE"].is_string() && entry["BINLOG_POSITION"].is_string(),
        "{entry}"
    );

    world.vm.ok(&format!("systemctl stop {UNIT}"));
    assert_eq!(
        world.vm.run(&format!("systemctl is-failed {UNIT}")).stdout.trim(),
        "inactive"
    );
    world.assert_writes_go_on();
    assert_eq!(frozen(&world), 15);
    world
        .vm
        .ok("[[ ! -e /run/mariasnap/main.freeze.json && ! -L /run/mariasnap/main.freeze.json ]]");
}

#[test]
fn lost_is_failed() {
    let world = World::enter();
    world.assert_writes_go_on();
    world
        .vm
        .ok(&format!("systemctl start {UNIT}; mariadb -e \"KILL USER mariasnap\""));
    wait::until_unit_is(world.vm, UNIT, "failed");
    assert_eq!(world.vm.ok(&format!("systemctl show -P ExecMainStatus {UNIT}")), "6");
    world.assert_writes_go_on();

    configure(&world, "max_hold = \"3s\"");
    world.vm.ok(&format!("systemctl start {UNIT}"));
    wait::until_unit_is(world.vm, UNIT, "failed");
    world.assert_writes_go_on();
    let journal = world.journal(UNIT);
    assert!(journal.contains("freeze.max_hold (3s) is over"), "{journal}");
}

#[test]
fn a_process_that_stands_still_is_ended_with_its_lock() {
    let world = World::enter();
    world.assert_writes_go_on();
    world
        .vm
        .ok(&format!("systemctl start {UNIT}; systemctl kill --signal=STOP {UNIT}"));
    // The watchdog's ten seconds, and what it takes to kill what doesn't listen; max_hold would be a minute.
    wait::until(
        world.vm,
        "the watchdog ends it",
        "timeout 1 mariadb -e 'INSERT INTO probe.t VALUES (3)'",
    );
    wait::until_unit_is(world.vm, UNIT, "failed");
}

#[test]
fn nobody_else_may_start_it() {
    let world = World::enter();
    world.assert_writes_go_on();
    let ran = world.vm.run(&format!(
        "runuser -u nobody -- systemctl --no-ask-password start {UNIT}"
    ));
    assert_ne!(ran.status, 0, "{ran:?}");
    assert_eq!(frozen(&world), 15);
    world.assert_writes_go_on();
}

#[test]
fn a_snapshot_and_a_freeze_wait_for_one_another() {
    let world = World::enter();
    world.assert_writes_go_on();
    configure(&world, "max_hold = \"60s\"");
    world.vm.ok(&format!("systemctl start {UNIT}"));
    let (is_taken, status) = world.snapshot();
    assert!(!is_taken && status == 5, "{status}");
    assert_eq!(frozen(&world), 0);
    world.vm.ok(&format!("systemctl stop {UNIT}"));
    assert_eq!(world.snapshot(), (true, 0));

    let slow = super::slow_disk::start_and_wait_for_cut(&world);
    // The snapshot's file has a longer wait; this one's is short.
    world.vm.ok("sed -i 's/^max_wait.*/max_wait = \"2s\"/' /etc/mariasnap/targets/main.toml; printf '[quiet]\\nwait = \"1s\"\\n' >>/etc/mariasnap/targets/main.toml");
    let started = world.vm.run(&format!("systemctl start {UNIT}"));
    assert_ne!(started.status, 0);
    assert_eq!(frozen(&world), 15);
    drop(slow);
    assert_eq!(wait::for_end(&world), 0);
}

#[test]
fn a_machine_that_is_paused_pauses_the_database_too() {
    let world = World::enter();
    world.assert_writes_go_on();
    configure(&world, "max_hold = \"8s\"");
    world.vm.ok(&format!("systemctl start {UNIT}"));
    // Longer than max_hold, by clocks that don't stand still with the machine.
    world.vm.paused(|| std::thread::sleep(Duration::from_secs(9)));
    assert_eq!(frozen(&world), 0);
    let writes = world.vm.run("timeout 2 mariadb -e 'INSERT INTO probe.t VALUES (4)'");
    let ended = world
        .vm
        .ok(&format!("systemctl stop {UNIT}; systemctl show -P Result {UNIT}"));
    assert_eq!(writes.status, 124, "{writes:?}");
    assert_eq!(ended, "success", "{}", world.journal(UNIT));
    world.assert_writes_go_on();
}
