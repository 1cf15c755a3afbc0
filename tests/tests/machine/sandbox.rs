//! What the units are allowed, read from the running system.

use mariasnap_tests::vm::{Ran, SNAPSHOT_UNIT, World};

/// What the helper can't do without. It needs CAP_SYS_ADMIN and /dev/zfs for ZFS, which sees another user namespace as
/// another zone; it listens on a unix socket; capset is how most of its threads give the capability away; and what a root
/// directory of its own would keep from it, other lines do.
const HELPER_LACKS: [&str; 7] = [
    "AmbientCapabilities",
    "CapabilityBoundingSet_CAP_SYS_ADMIN",
    "DeviceAllow",
    "PrivateUsers",
    "RestrictAddressFamilies_AF_UNIX",
    "RootDirectoryOrRootImage",
    "SystemCallFilter_privileged",
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
    let said = world.vm.ok("began=$(date '+%F %T.%6N')
         busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig
         journalctl --sync
         journalctl --no-pager -o cat -u dbus.service --since \"$began\"");
    // Of an unknown user or group dbus-daemon doesn't say in which file it is.
    let complaints = ["unknown", "error", "fail", "ignor", "invalid"];
    assert!(said.contains("Reloaded configuration"), "{said}");
    assert!(
        !complaints.iter().any(|word| said.to_lowercase().contains(word)),
        "{said}"
    );
}

#[test]
fn only_threads_that_read_no_message_have_the_capability() {
    let world = World::enter();
    world.vm.ok("client.py bus ListTargets");
    let threads = of_helper(
        &world,
        "for task in /proc/$pid/task/*; do
             echo \"$(cat $task/comm)$(awk '/^Cap(Prm|Eff|Inh|Amb)/ {printf \" %s\", $2}' $task/status)\"
         done",
    );
    let sys_admin = "0000000000200000";
    let none = "0000000000000000";
    let (capable, others): (Vec<&str>, Vec<&str>) = threads.lines().partition(|line| line.contains(sys_admin));
    assert!(!capable.is_empty() && !others.is_empty(), "{threads}");
    // Inheritable, permitted, effective, ambient.
    for line in capable {
        assert!(line.starts_with("zfs "), "{threads}");
        assert!(
            line.ends_with(&format!("{none} {sys_admin} {sys_admin} {none}")),
            "{threads}"
        );
    }
    for line in others {
        assert!(line.ends_with(&format!("{none} {none} {none} {none}")), "{threads}");
    }
    let main = of_helper(&world, "grep CapEff /proc/$pid/status");
    assert!(main.ends_with(none), "{main}");
}

#[test]
fn the_helpers_user_is_nobody_anywhere_else() {
    let world = World::enter();
    world.vm.ok("client.py bus ListTargets");
    // Every thread's real, effective, saved and file system's user.
    let users = of_helper(
        &world,
        "awk '/^Uid/ {print $2, $3, $4, $5}' /proc/$pid/task/*/status | sort -u",
    );
    let uid = world.vm.ok("id -u mariasnap-helper");
    assert_ne!(uid, "0");
    assert_eq!(users, format!("{uid} {uid} {uid} {uid}"));
    assert_eq!(world.vm.ok("id -Gn mariasnap-helper"), "mariasnap-helper");

    let start = "busctl --system call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
                 org.freedesktop.systemd1.Manager StartUnit ss mariasnap@main.service replace";
    assert_refused(&as_helper(&world, start), &["authentication", "denied", "authorized"]);
    let state = "systemctl show -P ExecMainStartTimestampMonotonic -P InvocationID mariasnap@main.service";
    let before = world.vm.ok(state);
    // Refused for who asks, and for nothing else.
    world.vm.ok(start);
    assert_ne!(world.vm.ok(state), before);

    for login in [
        "mariadb -u root -e 'SELECT 1'",
        "mariadb -e 'SELECT 1'",
        "mariadb -u mariasnap -e 'SELECT 1'",
    ] {
        assert_refused(&as_helper(&world, login), &["Access denied"]);
    }
    world.vm.ok("mariadb -u root -e 'SELECT 1'");
    assert_refused(
        &as_helper(&world, "zfs snapshot tank/mysql@stray"),
        &["permission denied"],
    );
}

#[test]
fn only_the_helpers_user_may_have_the_helpers_name() {
    let world = World::without_helper();
    let own = "busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus \
               RequestName su org.mariasnap.ZfsHelper1 4";
    for other in ["root", "nobody"] {
        let refused = world.vm.run(&format!("runuser -u {other} -- {own}"));
        assert_refused(&refused, &["access denied"]);
    }
    // 1: it is the owner, for as long as the call lasts.
    assert_eq!(as_helper(&world, own).stdout.trim(), "u 1");
}

#[test]
fn polkit_takes_details_from_the_helpers_user_and_from_no_other() {
    let world = World::enter();
    let ask = |user: &str| {
        world.vm.run(&format!(
            "sleep 60 & pid=$!
             trap 'kill $pid' EXIT
             runuser -u {user} -- pkcheck --action-id org.mariasnap.list --process $pid --detail target main"
        ))
    };
    assert_eq!(ask("mariasnap-helper").status, 0, "{:?}", ask("mariasnap-helper"));
    assert_refused(&ask("nobody"), &["trusted callers"]);
}

/// What a command says of the running helper, whose process is `$pid`.
fn of_helper(world: &World, command: &str) -> String {
    world.vm.ok(&format!(
        "pid=$(systemctl show -P MainPID mariasnap-zfs-helper.service)\n{command}"
    ))
}

/// Runs a command as the helper's user, without any of what its unit takes away.
fn as_helper(world: &World, command: &str) -> Ran {
    world.vm.run(&format!("runuser -u mariasnap-helper -- {command}"))
}

/// Asserts that a command failed, and said so in one of these words.
fn assert_refused(ran: &Ran, words: &[&str]) {
    assert_ne!(ran.status, 0, "{ran:?}");
    let said = ran.text().to_lowercase();
    assert!(words.iter().any(|word| said.contains(&word.to_lowercase())), "{ran:?}");
}

#[test]
fn the_helper_stays_small() {
    let world = World::enter();
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
    let memory = of_helper(&world, "grep -E 'VmHWM|VmRSS' /proc/$pid/status");
    println!("{memory}");
    let peak: u64 = memory
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|kib| kib.parse().ok())
        .expect("VmHWM");
    assert!(peak < 16 * 1024, "{memory}");
}
