//! What the units are allowed, read from the running system.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};

#[test]
fn units_verify_and_score() {
    let world = World::enter();
    let verified = world.vm.run(
        "systemd-analyze verify --man=no mariasnap-zfs-helper.service mariasnap-zfs-helper.socket \
         mariasnap@main.service mariasnap@main.timer",
    );
    assert_eq!((verified.status, verified.text().trim()), (0, ""), "{verified:?}");
    world
        .vm
        .ok("systemd-analyze security --no-pager --threshold=12 mariasnap-zfs-helper.service");
    world
        .vm
        .ok("systemd-analyze security --no-pager --threshold=5 mariasnap@main.service");
}

#[test]
fn the_bus_takes_its_policy_without_complaint() {
    let world = World::enter();
    world
        .vm
        .ok("busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig");
    let complaints = world.vm.ok("journalctl --no-pager -o cat -u dbus.service --since \"$(cat /run/test-began)\" | grep -i -E 'mariasnap.*(unknown|error|fail|ignor|invalid)' || true");
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
