//! The layout of a real server: what is found, what stops a run, and what the account may not see.

use std::path::Path;

use mariasnap_dbus::properties::WARNINGS;
use mariasnap_tests::locker::{Ended, World};
use mariasnap_tests::mariadb::{Server, free_port};
use serde_json::Value;

const CHECKED: &str = "[layout]\ncheck = \"error\"\n";
const WARNED: &str = "[layout]\ncheck = \"warn\"\n";

/// `mariasnap check main --json`; the host has no ZFS, so the data directory is always an error.
async fn check(world: &World) -> Value {
    let ended = world.run(&["check", "main", "--json"]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    ended.json()
}

fn found<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["kind"] == kind).collect()
}

fn detail(finding: &Value) -> &str {
    finding["detail"].as_str().unwrap()
}

fn warnings(ended: &Ended) -> String {
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.json()["warnings"].to_string()
}

#[tokio::test]
async fn a_run_ends_before_its_lock_if_the_target_lacks_the_data() {
    let world = World::new(CHECKED, &[]).await;
    world
        .server
        .run("SET GLOBAL general_log_file = 'general', GLOBAL general_log = ON")
        .await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "config");
    assert!(
        ended.stderr.contains("the data directory") && ended.stderr.contains("nothing was locked or taken"),
        "{ended:?}"
    );
    assert_eq!(world.helper.calls(), ["ListTargets"]);
    let log = std::fs::read_to_string(world.server.dir().join("data/general")).unwrap();
    assert!(log.contains("SHOW VARIABLES"), "it did log in: {log}");
    assert!(!log.contains("BACKUP STAGE") && !log.contains("FLUSH"), "{log}");
}

#[tokio::test]
async fn without_a_word_in_the_configuration_the_layout_is_checked() {
    let world = World::new("[layout]\n", &[]).await;
    assert_eq!(world.snapshot().end().await.code, 3);
}

#[tokio::test]
async fn a_warning_is_told_and_travels_with_the_snapshot() {
    let world = World::new(WARNED, &[]).await;
    let ended = world.snapshot().end().await;
    let told = warnings(&ended);
    assert!(told.contains("(the data directory) is on "), "{told}");
    let state = world.helper.state();
    let property = &state.snapshots[0].properties[WARNINGS];
    assert!(
        property.contains("the data directory") && property.len() <= 1024,
        "{property}"
    );
}

#[tokio::test]
async fn nobody_is_asked_where_it_is_off() {
    let world = World::new("", &[]).await;
    assert!(!warnings(&world.snapshot().end().await).contains("directory"));
    assert!(!world.helper.calls().contains(&"ListTargets"));
    assert!(!world.helper.state().snapshots[0].properties.contains_key(WARNINGS));
}

#[tokio::test]
async fn every_place_of_a_server_is_found() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["relay", "binlog", "ssd", "db"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let at = |name: &str| dir.path().join(name).display().to_string();
    let options = [
        format!("--relay-log={}/r", at("relay")),
        format!("--log-bin={}/b", at("binlog")),
        "--innodb-data-file-path=ibdata1:12M:autoextend".to_owned(),
    ];
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let world = World::new(CHECKED, &options).await;
    let create = format!(
        "CREATE TABLE t.far (i INT) ENGINE=InnoDB DATA DIRECTORY='{}'",
        at("ssd")
    );
    world.server.run(&create).await;
    std::os::unix::fs::symlink(dir.path().join("db"), world.server.dir().join("data/linked")).unwrap();

    let report = check(&world).await;
    assert_eq!(report["verdict"], "error");
    let data = world.server.dir().join("data");
    for (kind, path) in [
        ("datadir", data.clone()),
        ("innodb-system", data.join("ibdata1")),
        ("innodb-redo", data.clone()),
        ("relay-log", dir.path().join("relay/r")),
        ("innodb-tablespace", dir.path().join("ssd/t")),
        ("aria-log", data.clone()),
        ("tc-log", data.join("tc.log")),
        ("link", dir.path().join("db")),
        ("binlog", dir.path().join("binlog/b")),
        ("binlog-index", dir.path().join("binlog/b.index")),
    ] {
        let finding = found(&report, kind)[0];
        assert_eq!(Path::new(finding["path"].as_str().unwrap()), path, "{kind}");
        let can_be_lost = kind.starts_with("binlog") || kind.starts_with("relay");
        let verdict = if can_be_lost { "warning" } else { "error" };
        assert_eq!(finding["verdict"], verdict, "{finding}");
        assert!(
            finding["dataset"].is_null() && finding["in_target"].is_null(),
            "{finding}"
        );
    }
    assert_eq!(found(&report, "link").len(), 1, "the table far is told once: {report}");
}

#[tokio::test]
async fn settings_tables_and_filters_are_found() {
    let options = [
        "--innodb-flush-log-at-trx-commit=0",
        "--myisam-use-mmap",
        "--replicate-ignore-db=secret",
        "--binlog-ignore-db=scratch",
    ];
    let world = World::new(CHECKED, &options).await;
    world.server.run("CREATE DATABASE `o'dd\\`").await;
    for (table, engine) in [
        ("t.m", "MyISAM"),
        ("t.a2", "Aria"),
        ("`o'dd\\`.`t'x`", "MyISAM"),
        ("t.mem", "MEMORY"),
    ] {
        world
            .server
            .run(&format!("CREATE TABLE {table} (i INT) ENGINE={engine}"))
            .await;
        world.server.run(&format!("INSERT INTO {table} VALUES (1)")).await;
    }
    let report = check(&world).await;
    let settings: Vec<_> = found(&report, "setting").into_iter().map(detail).collect();
    assert_eq!(settings.len(), 2, "{settings:?}");
    assert!(
        settings[0].contains("innodb_flush_log_at_trx_commit is 0") && settings[1].contains("myisam_use_mmap is on")
    );
    let tables = found(&report, "tables")[0];
    assert!(detail(tables).contains("last day: 3;"), "{tables}");
    assert!(!detail(tables).contains("t.m"), "{tables}");
    let names: Vec<_> = tables["names"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 3, "{tables}");
    for name in ["t.m (MyISAM)", "t.a2 (Aria)", "o'dd\\.t'x (MyISAM)"] {
        assert!(names.contains(&&Value::from(name)), "{name}: {tables}");
    }
    let filters = detail(found(&report, "replication-filter")[0]);
    assert!(filters.contains("binlog_ignore_db, replicate_ignore_db"), "{filters}");
    assert!(!filters.contains("secret"), "{filters}");
}

#[tokio::test]
async fn a_plain_server_has_nothing_against_it_but_its_place() {
    let world = World::new(CHECKED, &[]).await;
    let report = check(&world).await;
    for kind in [
        "setting",
        "tables",
        "replication-filter",
        "innodb-tablespace",
        "link",
        "mount",
    ] {
        assert!(found(&report, kind).is_empty(), "{kind}: {report}");
    }
}

#[tokio::test]
async fn a_missing_privilege_is_told_and_a_granted_one_suffices() {
    let world = World::new(WARNED, &[]).await;
    world.server.run("REVOKE PROCESS ON *.* FROM snap@localhost").await;
    let told = warnings(&world.snapshot().end().await);
    assert!(told.contains("grant PROCESS"), "{told}");
    world.server.run("GRANT PROCESS ON *.* TO snap@localhost").await;
    world.helper.state().snapshots.clear();
    let told = warnings(&world.snapshot().end().await);
    assert!(!told.contains("grant PROCESS"), "{told}");
}

#[tokio::test]
async fn what_the_account_cannot_see_is_not_ok() {
    let world = World::new(CHECKED, &[]).await;
    world.server.run("REVOKE PROCESS ON *.* FROM snap@localhost").await;
    world.server.run("CREATE TABLE t.m (i INT) ENGINE=MyISAM").await;
    // With a password, root can't log in for the check, and the configured account is asked.
    world
        .server
        .run("ALTER USER root@localhost IDENTIFIED BY 'unknown'")
        .await;
    let report = check(&world).await;
    let tables = found(&report, "tables");
    assert_eq!(tables[0]["verdict"], "unchecked", "{report}");
    let tablespaces = found(&report, "innodb-tablespace");
    assert_eq!(tablespaces[0]["verdict"], "warning", "{report}");
    assert!(detail(tablespaces[0]).contains("PROCESS"), "{report}");
}

#[tokio::test]
async fn a_database_over_tcp_is_not_matched_with_this_machines_mounts() {
    let port = free_port();
    let options = ["--bind-address=127.0.0.1".to_owned(), format!("--port={port}")];
    let server = Server::start_in(tempfile::tempdir().unwrap(), &options).await;
    server.run("CREATE USER far@'%'").await;
    server
        .run("GRANT RELOAD, PROCESS, BINLOG MONITOR ON *.* TO far@'%'")
        .await;
    let database = format!("[database]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\nuser = \"far\"\n");
    let world = World::with_server(server, &format!("{database}{CHECKED}"));
    let told = warnings(&world.snapshot().end().await);
    assert!(told.contains("over TCP"), "{told}");
    let ended = world.run(&["check", "main"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.stdout.contains("over TCP") && ended.stdout.ends_with("target main: warning\n"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_check_changes_nothing_and_fails_as_a_run_would() {
    let mut world = World::new(CHECKED, &[]).await;
    let ended = world.run(&["check", "main"]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.stdout.starts_with("KIND") && ended.stdout.contains("\nerror: ") && ended.stderr.is_empty(),
        "{ended:?}"
    );
    assert_eq!(world.helper.calls(), ["ListTargets"]);
    world.server.kill();
    let ended = world.run(&["check", "main", "--json"]).await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "database");
    assert_eq!(world.run(&["check", "nowhere"]).await.code, 3);
}
