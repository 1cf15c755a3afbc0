//! Whether the target holds all that the server writes: told by `mariasnap check`, asked by each run before its lock.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};
use serde_json::Value;

/// `mariasnap check main --json` as root, and its exit code.
fn check(world: &World) -> (Value, i32) {
    let ran = world.vm.run("mariasnap check main --json");
    (ran.json(), ran.status)
}

fn found<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let findings = report["findings"].as_array().expect("an array");
    findings.iter().filter(|finding| finding["kind"] == kind).collect()
}

fn assert_in_target(report: &Value, kind: &str, verdict: &str) {
    let finding = found(report, kind)[0];
    assert_eq!(finding["dataset"], "tank/mysql", "{finding}");
    assert_eq!(finding["in_target"], true, "{finding}");
    assert_eq!(finding["verdict"], verdict, "{finding}");
}

/// How many locks for backups the server has seen.
fn locks(world: &World) -> u64 {
    let count = world.vm.ok(
        "mariadb -BNe \"SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
                             WHERE VARIABLE_NAME = 'Com_backup'\"",
    );
    count.parse().expect("a number")
}

#[test]
fn everything_inside_is_ok() {
    let world = World::enter();
    let (report, status) = check(&world);
    assert_eq!(status, 0, "{report}");
    for kind in [
        "datadir",
        "innodb-system",
        "innodb-redo",
        "innodb-undo",
        "aria-log",
        "binlog",
        "binlog-index",
        "tc-log",
    ] {
        assert_in_target(&report, kind, "ok");
    }
    for kind in ["link", "mount", "innodb-tablespace", "setting", "replication-filter"] {
        assert!(found(&report, kind).is_empty(), "{kind}: {report}");
    }
    let table = world.vm.ok("mariasnap check main");
    assert!(table.starts_with("KIND") && table.contains("tank/mysql"), "{table}");
}

/// In the unit's own sandbox, as its dynamic user: what it can't see isn't called ok.
#[test]
fn the_units_user_says_what_it_cannot_see() {
    let world = World::enter();
    // In the program's place, and not by another ExecStart, for which systemd would have to read all units again, twice.
    world.vm.ok("mv /usr/bin/mariasnap /usr/bin/mariasnap.real
                 printf '#!/bin/sh\\nexec /usr/bin/mariasnap.real check \"$2\" --json\\n' >/usr/bin/mariasnap
                 chmod 755 /usr/bin/mariasnap");
    let run = world.snapshot();
    let journal = world.journal(SNAPSHOT_UNIT);
    world.vm.ok("mv /usr/bin/mariasnap.real /usr/bin/mariasnap");
    assert_eq!(run, (true, 0), "{journal}");
    let line = journal.lines().find(|line| line.starts_with('{')).expect("a report");
    let report: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(report["verdict"], "unchecked", "{report}");
    assert_in_target(&report, "datadir", "ok");
    assert_in_target(&report, "innodb-system", "unchecked");
    assert_eq!(found(&report, "link")[0]["verdict"], "unchecked", "{report}");
}

#[test]
fn a_table_on_another_dataset_stops_a_run_before_its_lock() {
    let world = World::enter();
    world.vm.ok("zfs list tank/ssd >/dev/null 2>&1 || zfs create -o mountpoint=/srv/ssd tank/ssd
                 chown mysql:mysql /srv/ssd
                 mariadb -e \"CREATE DATABASE far; CREATE TABLE far.t (n INT) ENGINE=InnoDB DATA DIRECTORY='/srv/ssd'\"");
    let (report, status) = check(&world);
    let before = locks(&world);
    let run = world.snapshot();
    let after = locks(&world);
    let journal = world.journal(SNAPSHOT_UNIT);
    let snapshots = world.vm.ok("zfs list -H -o name -t snapshot -r tank");
    // With the other dataset in the target all is well: the check looks at what the helper has.
    world.vm.ok(
        "sed -i 's|{ name = \"tank/mysql\", children = false },|& { name = \"tank/ssd\" },|' \
                     /etc/mariasnap/zfs-helper.toml && grep -q tank/ssd /etc/mariasnap/zfs-helper.toml
                 systemctl stop mariasnap-zfs-helper.service",
    );
    let widened = check(&world);
    world.vm.ok("mariadb -e 'DROP DATABASE far'; zfs destroy tank/ssd");

    assert_eq!(status, 3, "{report}");
    let finding = found(&report, "innodb-tablespace")[0];
    assert_eq!(
        (
            &finding["path"],
            &finding["dataset"],
            &finding["in_target"],
            &finding["verdict"]
        ),
        (
            &"/srv/ssd/far".into(),
            &"tank/ssd".into(),
            &false.into(),
            &"error".into()
        ),
        "{finding}"
    );
    assert_eq!(run, (false, 3), "{journal}");
    assert!(
        journal.contains("tank/ssd") && journal.contains("nothing was locked or taken"),
        "{journal}"
    );
    assert_eq!(before, after, "it took a lock");
    assert_eq!(snapshots, "");
    assert_eq!(widened.1, 0, "{}", widened.0);
}

#[test]
fn a_binary_log_elsewhere_is_a_warning_unless_commits_go_on() {
    let world = World::enter();
    world.vm.ok("install -d -o mysql -g mysql /srv/binlog
                 printf '[mariadbd]\\nlog_bin = /srv/binlog/b\\n' >/etc/mysql/mariadb.conf.d/95-binlog.cnf
                 systemctl restart mariadb.service");
    let (report, status) = check(&world);
    let run = world.snapshot();
    let listed = world.list("main");
    world
        .vm
        .ok("printf '[lock]\\nstrategy = \"online\"\\n' >/etc/mariasnap/targets/main.toml");
    let online = check(&world);
    world
        .vm
        .ok("rm /etc/mysql/mariadb.conf.d/95-binlog.cnf; systemctl restart mariadb.service; rm -r /srv/binlog");

    assert_eq!(status, 0, "{report}");
    assert_eq!(report["verdict"], "warning", "{report}");
    assert_eq!(found(&report, "binlog")[0]["verdict"], "warning", "{report}");
    assert_eq!(run, (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
    let warnings = listed[0]["properties"]["warnings"].as_str().expect("warnings");
    assert!(
        warnings.contains("/srv/binlog") && warnings.contains("ext4"),
        "{warnings}"
    );
    assert_eq!(online.1, 3, "{}", online.0);
    assert_eq!(found(&online.0, "binlog")[0]["verdict"], "error", "{}", online.0);
}

/// What only root sees, root tells; a run by the unit's user can't.
#[test]
fn a_database_behind_a_link_is_found_by_root() {
    let world = World::enter();
    world
        .vm
        .ok("install -d -o mysql -g mysql /srv/linked; ln -sfn /srv/linked /var/lib/mysql/linked");
    let (report, status) = check(&world);
    world.vm.ok("rm /var/lib/mysql/linked; rm -r /srv/linked");
    assert_eq!(status, 3, "{report}");
    assert_eq!(found(&report, "link")[0]["path"], "/srv/linked", "{report}");
}
