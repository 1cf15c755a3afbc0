//! `mariasnap setup`: run twice, run dry, run over an administrator's edits.

use mariasnap_tests::vm::World;

/// All that setup could change, with what tells a file that was written anew, though with the same text, and the links
/// that enable a unit.
const STATE: &str = "places='/etc/mariasnap /etc/polkit-1/rules.d /etc/systemd'
                     find $places -printf '%p %y %i %T@ %m %u %l\\n' | sort
                     find $places -type f -exec sha256sum {} + | sort
                     mariadb -BNe 'SELECT User, Host, Priv FROM mysql.global_priv ORDER BY 1, 2'
                     zfs list -H -o name -t all -r tank; zfs allow tank; zfs allow tank/mysql";

#[test]
fn a_second_run_changes_nothing() {
    let world = World::enter();
    let before = world.vm.ok(STATE);
    let said = world.vm.ok("mariasnap setup main --no-timer --no-snapshot");
    assert_eq!(world.vm.ok(STATE), before);
    assert!(said.contains("unchanged"), "{said}");
}

#[test]
fn a_dry_run_touches_nothing() {
    let world = World::enter();
    world.vm.ok("rm -rf /etc/mariasnap/* /etc/polkit-1/rules.d/50-mariasnap-main.rules; mariadb -e 'DROP USER mariasnap@localhost'");
    let before = world.vm.ok(STATE);
    let said = world.vm.ok("mariasnap setup main --dry-run");
    let after = world.vm.ok(STATE);
    let again = world
        .vm
        .run("mkdir -p /etc/mariasnap/targets; mariasnap setup main --no-timer --no-snapshot");
    assert_eq!(after, before);
    for word in [
        "tank/mysql",
        "CREATE USER",
        "50-mariasnap-main.rules",
        "zfs-helper.toml",
    ] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert_eq!(again.status, 0, "{again:?}");
}

#[test]
fn an_edit_is_kept_and_said() {
    let world = World::enter();
    world
        .vm
        .ok("sed -i 's/^# max_hold = .*/max_hold = \"33s\"/' /etc/mariasnap/targets/main.toml");
    let said = world.vm.run("mariasnap setup main --no-timer --no-snapshot");
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        said.text().contains("/etc/mariasnap/targets/main.toml") && said.text().contains("kept"),
        "{said:?}"
    );
    world
        .vm
        .ok("grep -q '^max_hold = \"33s\"' /etc/mariasnap/targets/main.toml");
}

#[test]
fn somebody_else_may_not() {
    let world = World::enter();
    let refused = world.vm.run("runuser -u nobody -- mariasnap setup main");
    // Not any failure on the way: the server's refusal to log nobody in speaks of root as well.
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.stderr.contains("run it with sudo"), "{refused:?}");
}

#[test]
fn a_datadir_that_is_not_on_zfs_is_refused() {
    let world = World::enter();
    world.vm.ok("install -d -o mysql -g mysql /run/plain
                 systemd-run --quiet --unit=plain --collect mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql.package \
                     --socket=/run/plain/s.sock --pid-file=/run/plain/pid --skip-networking --ssl=OFF
                 for _ in $(seq 100); do mariadb --socket=/run/plain/s.sock -e 'SELECT 1' >/dev/null 2>&1 && break; sleep 0.3; done");
    let refused = world.vm.run("mariasnap setup plain --socket /run/plain/s.sock");
    world.vm.ok("systemctl stop plain.service");
    assert_ne!(refused.status, 0, "{refused:?}");
    assert!(refused.stderr.contains("ext4"), "{refused:?}");
    assert_eq!(world.vm.run("test -e /etc/mariasnap/targets/plain.toml").status, 1);
}
