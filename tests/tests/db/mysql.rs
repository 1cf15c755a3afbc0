//! Whole runs against MySQL, of the version that Debian sid has.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mariasnap_tests::fake_helper::Take;
use mariasnap_tests::locker::World;
use mariasnap_tests::mariadb::{Server, free_port};
use mariasnap_tests::mysql;
use mariasnap_tests::tls::certificates;
use serde_json::{Value, json};

const HOLD: Duration = Duration::from_millis(1500);

fn world(server: Server) -> World {
    let socket = server.socket().display().to_string();
    World::with_server(server, &format!("[database]\nsocket = \"{socket}\"\nuser = \"snap\"\n"))
}

fn with_gtids(id: u32, port: u16) -> Vec<String> {
    vec![
        "--gtid-mode=ON".to_owned(),
        "--enforce-gtid-consistency=ON".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--server-id={id}"),
        format!("--port={port}"),
    ]
}

async fn status(server: &Server) -> BTreeMap<String, String> {
    server.rows("SHOW BINARY LOG STATUS").await.remove(0)
}

/// Takes a snapshot under load. Returns the report, and what the server told of itself while it was locked.
async fn snapshot_under_load(world: &World) -> (Value, BTreeMap<String, String>) {
    world.helper.state().snapshots.clear();
    world.helper.state().calls.clear();
    world.helper.state().take = Take::AnswerAfter(HOLD);
    let writer = world.server.write().await;
    writer.next_commit(Duration::from_secs(10)).await;
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    writer.assert_still().await;
    let locked = status(&world.server).await;
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    writer.next_commit(Duration::from_secs(5)).await;
    (ended.json(), locked)
}

async fn listed(world: &World) -> Value {
    let listed = world.run(&["list", "main", "--json"]).await;
    listed.json()["snapshots"][0]["position"].clone()
}

fn assert_is_at(position: &Value, locked: &BTreeMap<String, String>) {
    assert_eq!(position["binlog_file"], locked["File"].as_str());
    assert_eq!(position["binlog_position"].to_string(), locked["Position"]);
    assert_eq!(position["gtid"], locked["Executed_Gtid_Set"].as_str());
    assert!(locked["Executed_Gtid_Set"].contains(':'), "{locked:?}");
}

#[tokio::test]
async fn the_position_is_the_locked_one_with_and_without_log_status() {
    let world = world(mysql::start(&with_gtids(1, free_port())).await);
    let (report, locked) = snapshot_under_load(&world).await;
    assert_eq!((&report["warnings"], &report["lock"]), (&json!([]), &json!("instance")));
    let position = listed(&world).await;
    assert_is_at(&position, &locked);
    let lsn = world
        .server
        .rows("SELECT STORAGE_ENGINES->>'$.InnoDB.LSN' lsn FROM performance_schema.log_status")
        .await;
    let lsn: u64 = lsn[0]["lsn"].parse().unwrap();
    let recorded = position["innodb_lsn"].as_u64().unwrap();
    assert!((lsn / 2..=lsn).contains(&recorded), "{recorded}, later {lsn}");
    assert_eq!(position["sources"], json!([]));

    world
        .server
        .run("REVOKE SELECT ON performance_schema.log_status FROM snap@localhost")
        .await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "nor may it read the binary log's status: {ended:?}");
    assert!(ended.stderr.contains("REPLICATION CLIENT"), "{ended:?}");

    world
        .server
        .run("GRANT REPLICATION CLIENT ON *.* TO snap@localhost")
        .await;
    let (report, locked) = snapshot_under_load(&world).await;
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("log_status"), "{warning}");
    let position = listed(&world).await;
    assert_is_at(&position, &locked);
    assert_eq!(position["innodb_lsn"], Value::Null);
}

#[tokio::test]
async fn a_password_travels_over_tls_alone() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let file = |name: &str| dir.path().join(name).display().to_string();
    let port = free_port();
    let mut options = with_gtids(1, port);
    options.push(format!("--ssl-ca={}", file("ca.pem")));
    options.push(format!("--ssl-cert={}", file("server.pem")));
    options.push(format!("--ssl-key={}", file("server.key")));
    let server = mysql::start(&options).await;
    for statement in [
        "CREATE USER snap@'127.0.0.1' IDENTIFIED WITH caching_sha2_password BY 'geheim' REQUIRE SSL",
        "GRANT RELOAD, PROCESS, BACKUP_ADMIN ON *.* TO snap@'127.0.0.1'",
        "GRANT SELECT ON performance_schema.log_status TO snap@'127.0.0.1'",
        "ALTER USER snap@localhost ACCOUNT LOCK",
    ] {
        server.run(statement).await;
    }
    std::fs::write(file("client.cnf"), "[client]\nuser = snap\npassword = geheim\n").unwrap();
    std::fs::set_permissions(file("client.cnf"), Permissions::from_mode(0o600)).unwrap();
    let client = file("client.cnf");
    let database = format!("[database]\nhost = \"localhost\"\nport = {port}\ndefaults_file = \"{client}\"\n");
    let world = World::with_server(server, &format!("{database}tls_ca = \"{}\"\n", file("ca.pem")));
    // A password that the server hasn't seen since it started takes the longer way; the second time it is remembered.
    for time in ["first", "second"] {
        let ended = world.snapshot().end().await;
        assert_eq!(ended.code, 0, "{time}: {ended:?}");
    }
    world.configure(&format!("{database}tls = \"off\"\n"));
    assert_eq!(world.snapshot().end().await.code, 4, "the account demands TLS");
}

#[tokio::test]
async fn a_named_channel_is_recorded_as_executed() {
    let port = free_port();
    let (source_options, replica_options) = (with_gtids(1, port), with_gtids(2, free_port()));
    let (source, replica) = tokio::join!(mysql::start(&source_options), mysql::start(&replica_options));
    for statement in [
        "CREATE USER repl@'127.0.0.1'",
        "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'",
        "RESET BINARY LOGS AND GTIDS",
        "CREATE DATABASE u",
        "INSERT INTO t.a VALUES ()",
    ] {
        source.run(statement).await;
    }
    let follow = format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='repl', \
         SOURCE_SSL=1, SOURCE_AUTO_POSITION=1 FOR CHANNEL 'ei-ns'"
    );
    for statement in [&follow, "START REPLICA FOR CHANNEL 'ei-ns'"] {
        replica.run(statement).await;
    }
    let at = status(&source).await;
    for tries in 0.. {
        let channel = replica.rows("SHOW REPLICA STATUS").await.remove(0);
        if channel["Exec_Source_Log_Pos"] == at["Position"] {
            break;
        }
        assert!(tries < 600, "{channel:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let world = world(replica);
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let warning = ended.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("REPLICATION CLIENT"), "{warning}");
    assert_eq!(listed(&world).await["sources"], json!([]));

    world
        .server
        .run("GRANT REPLICATION CLIENT ON *.* TO snap@localhost")
        .await;
    world.helper.state().snapshots.clear();
    let ended = world.snapshot().end().await;
    assert_eq!((ended.code, &ended.json()["warnings"]), (0, &json!([])), "{ended:?}");
    let position = listed(&world).await;
    let offset: u64 = at["Position"].parse().unwrap();
    assert_eq!(
        position["sources"],
        json!([{"channel": "ei-ns", "file": at["File"], "position": offset}])
    );
    assert!(
        position["gtid"].as_str().unwrap().contains(&at["Executed_Gtid_Set"]),
        "{position}"
    );
}
