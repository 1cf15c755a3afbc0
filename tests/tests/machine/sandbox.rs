//! What the units are allowed, read from the running system.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};

/// What the helper can't do without. It runs as root, since polkitd takes details from nobody else; it needs
/// CAP_SYS_ADMIN and /dev/zfs for ZFS, which sees another user namespace as another zone; it listens on a unix socket;
/// capset is how most of its threads give the capability away; and what a root directory of its own would keep from it,
/// other lines do.
const HELPER_LACKS: [&str; 7] = [
    "CapabilityBoundingSet_CAP_SYS_ADMIN",
    "DeviceAllow",
    "PrivateUsers",
    "RestrictAddressFamilies_AF_UNIX",
    "RootDirectoryOrRootImage",
    "SystemCallFilter_privileged",
    "UserOrDynamicUser",
];

/// What the locker can't do without: unix sockets, among them the helper's, for which it is in a group. The device is
/// the clock, which ProtectClock= lets be read.
const LOCKER_LACKS: [&str; 4] = [
    "DeviceAllow",
    "RestrictAddressFamilies_AF_UNIX",
    "RootDirectoryOrRootImage",
    "SupplementaryGroups",
];

/// The same without the helper.
const FREEZE_LACKS: [&str; 3] = [
    "DeviceAllow",
    "RestrictAddressFamilies_AF_UNIX",
    "RootDirectoryOrRootImage",
];

#[test]
fn units_verify_and_lack_only_what_they_must() {
    let world = World::enter();
    let verified = world.vm.run(
        "systemd-analyze verify --man=no mariasnap-zfs-helper.service mariasnap-zfs-helper.socket \
         mariasnap@main.service mariasnap@main.timer mariasnap-freeze@main.service",
    );
    assert_eq!((verified.status, verified.text().trim()), (0, ""), "{verified:?}");
    assert_eq!(unset(&world, "mariasnap-zfs-helper.service"), HELPER_LACKS);
    assert_eq!(unset(&world, "mariasnap@main.service"), LOCKER_LACKS);
    assert_eq!(unset(&world, "mariasnap-freeze@main.service"), FREEZE_LACKS);
}

/// Which of systemd's checks a unit doesn't pass, sorted. Its score alone has room for a line or two that went missing.
fn unset(world: &World, unit: &str) -> Vec<String> {
    let shown = world
        .vm
        .ok(&format!("systemd-analyze security --no-pager --json=short {unit}"));
    let checks: Vec<serde_json::Value> = serde_json::from_str(&shown).unwrap();
    let lacking = checks.iter().filter(|check| check["set"] == false);
    let mut names: Vec<String> = lacking
        .map(|check| check["json_field"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_bus_takes_its_policy_without_complaint() {
    let world = World::enter();
    // Of an unknown user or group dbus-daemon doesn't say in which file it is.
    let complaints = world.vm.ok(
        "began=$(date '+%F %T.%6N')
         busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig
         journalctl --sync
         journalctl --no-pager -o cat -u dbus.service --since \"$began\" | grep -i -E 'unknown|error|fail|ignor|invalid' || true",
    );
    assert_eq!(complaints, "");
}

#[test]
fn only_threads_that_read_no_message_have_the_capability() {
    let world = World::enter();
    world.vm.ok("client.py bus ListTargets");
    let threads = world
        .vm
        .ok("pid=$(systemctl show -P MainPID mariasnap-zfs-helper.service)
         for task in /proc/$pid/task/*; do
             echo \"$(cat $task/comm) $(awk '/^Cap(Prm|Eff|Inh|Amb)/ {printf \"%s \", $2}' $task/status)\"
         done");
    let sys_admin = "0000000000200000";
    let none = "0000000000000000";
    let (capable, others): (Vec<&str>, Vec<&str>) = threads.lines().partition(|line| line.contains(sys_admin));
    assert!(!capable.is_empty() && !others.is_empty(), "{threads}");
    assert!(capable.iter().all(|line| line.starts_with("zfs")), "{threads}");
    for line in others {
        assert!(
            line.split_whitespace().rev().take(4).all(|set| set == none),
            "{threads}"
        );
    }
    let main = world
        .vm
        .ok("pid=$(systemctl show -P MainPID mariasnap-zfs-helper.service); grep CapEff /proc/$pid/status");
    assert!(main.ends_with(none), "{main}");
}

#[test]
fn the_helper_stays_small() {
    let world = World::enter();
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
    let memory = world
        .vm
        .ok("pid=$(systemctl show -P MainPID mariasnap-zfs-helper.service); grep -E 'VmHWM|VmRSS' /proc/$pid/status");
    println!("{memory}");
    let peak: u64 = memory
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|kib| kib.parse().ok())
        .expect("VmHWM");
    assert!(peak < 16 * 1024, "{memory}");
}
