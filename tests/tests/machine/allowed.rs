//! The path that an administrator walks every day.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};
use serde_json::Value;

#[test]
fn a_snapshot_is_taken_and_listed_as_consistent() {
    let world = World::enter();
    // A server that never committed anything has no GTID to record.
    world.assert_writes_go_on();
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
    let listed = world.list("main");
    assert_eq!(listed.len(), 1, "{listed:?}");
    let snapshot = &listed[0];
    assert_eq!(snapshot["state"], "consistent");
    let properties = &snapshot["properties"];
    assert_eq!(properties["lock"], "exact");
    assert_eq!(properties["target"], "main");
    for key in [
        "gtid",
        "binlog-file",
        "binlog-position",
        "wait-ms",
        "hold-ms",
        "run",
        "server-version",
    ] {
        assert!(properties[key].is_string(), "no {key} in {properties}");
    }
    assert_eq!(
        properties["gtid"],
        world.vm.ok("mariadb -BNe 'SELECT @@gtid_binlog_pos'").as_str()
    );
    // Where there is nothing to say, nothing is said.
    assert!(properties["warnings"].is_null(), "{properties}");
    assert_the_journal_tells_who_asked_for_what(&world, &snapshot["name"]);
    world.assert_writes_go_on();
}

/// The helper's audit entries since the test began, each as the journal has it.
fn audit(world: &World) -> Vec<Value> {
    let entries = world.journal_by("-o json -u mariasnap-zfs-helper.service | grep '\"VERDICT\"'");
    entries
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn assert_the_journal_tells_who_asked_for_what(world: &World, snapshot: &Value) {
    let entries = audit(world);
    let taken = entries
        .iter()
        .find(|entry| entry["ACTION"] == "TakeSnapshot")
        .unwrap_or_else(|| panic!("no audit entry of the snapshot in {entries:?}"));
    assert_eq!(taken["SNAPSHOT_TARGET"], "main");
    assert_eq!(taken["TRANSPORT"], "peer");
    assert_eq!(taken["CALLER_UNIT"], SNAPSHOT_UNIT);
    assert!(taken["CALLER_UID"].is_string() && taken["CALLER_PID"].is_string());
    assert_eq!(&taken["SNAPSHOTS"], snapshot);
    assert!(taken["MESSAGE_ID"].is_string() && taken["DURATION_MS"].is_string());
}

#[test]
fn another_uid_of_the_dynamic_user_breaks_nothing() {
    let world = World::enter();
    let uid = || {
        let entries = audit(&world);
        let last = entries.last().expect("an audit entry");
        last["CALLER_UID"].as_str().expect("a uid").to_owned()
    };
    assert_eq!(world.snapshot(), (true, 0));
    let first = uid();
    world.vm.ok(&format!("useradd -M -u {first} squatter"));
    let second_run = world.snapshot();
    let second = uid();
    world.vm.ok("userdel squatter");
    assert_eq!(second_run, (true, 0));
    assert_ne!(first, second, "the uid did not change, so nothing was tested");
    assert_eq!(world.vm.ok("zfs allow tank/mysql; zfs allow tank"), "");
}

#[test]
fn only_the_last_n_are_kept() {
    let world = World::enter();
    world.vm.ok("sed -i 's/^last = .*/last = 2/' /etc/mariasnap/targets/main.toml && grep -q '^last = 2' /etc/mariasnap/targets/main.toml");
    for _ in 0..3 {
        assert_eq!(world.snapshot(), (true, 0));
    }
    let names = world.names("consistent");
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(world.vm.ok("zfs list -H -o name -t snapshot tank/mysql | wc -l"), "2");
}

#[test]
fn a_helper_that_went_idle_is_back_at_the_next_run() {
    let world = World::enter();
    assert_eq!(world.snapshot(), (true, 0));
    super::wait::until_unit_is(world.vm, "mariasnap-zfs-helper.service", "inactive");
    assert_eq!(
        world.vm.ok("systemctl show -P Result mariasnap-zfs-helper.service"),
        "success"
    );
    assert_eq!(world.snapshot(), (true, 0));
    assert_eq!(world.names("consistent").len(), 2);
}
