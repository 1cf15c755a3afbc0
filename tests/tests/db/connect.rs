//! Ways in: sockets, passwords, TLS, and the errors of a configuration that leads nowhere.

use mariasnap_dbus::properties::{SOURCE_FILE, SOURCE_POSITION};
use mariasnap_tests::locker::{Ended, World};
use mariasnap_tests::mariadb::{Server, free_port};
use mariasnap_tests::tls::certificates;

const PASSWORD: &str = "s3cret \"quoted\" #1";

async fn with_password() -> World {
    let world = World::new("", &[]).await;
    let quoted = PASSWORD.replace('"', "\\\"");
    world
        .server
        .run(&format!("ALTER USER snap@localhost IDENTIFIED BY \"{quoted}\""))
        .await;
    world
}

fn no_secret(ended: &Ended) {
    assert!(
        !ended.stdout.contains("s3cret") && !ended.stderr.contains("s3cret"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_password_from_a_defaults_file() {
    let world = with_password().await;
    let file = world.server.dir().join("my.cnf");
    let socket = world.server.socket().display().to_string();
    std::fs::write(
        &file,
        format!("[client]\nuser=snap\nsocket={socket}\npassword='{PASSWORD}'\n"),
    )
    .unwrap();
    world.configure(&format!("[database]\ndefaults_file = \"{}\"", file.display()));
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    no_secret(&ended);
}

#[tokio::test]
async fn a_password_from_a_credential() {
    let world = with_password().await;
    let socket = world.server.socket().display().to_string();
    let database = format!("[database]\nsocket = \"{socket}\"\nuser = \"snap\"");
    world.configure(&format!("{database}\npassword_credential = \"db\""));
    std::fs::write(world.server.dir().join("db"), format!("{PASSWORD}\n")).unwrap();
    let directory = world.server.dir().display().to_string();
    let run = |directory: &str| world.start(&["snapshot", "main", "--json"], &[("CREDENTIALS_DIRECTORY", directory)]);
    let ended = run(&directory).end().await;
    assert_eq!(ended.code, 0, "{ended:?}");

    let ended = run("/nowhere").end().await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.stderr.contains("/nowhere/db") && ended.stderr.contains("main.toml"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let world = with_password().await;
    std::fs::write(world.server.dir().join("db"), "s3cret but wrong").unwrap();
    let socket = world.server.socket().display().to_string();
    world.configure(&format!(
        "[database]\nsocket = \"{socket}\"\nuser = \"snap\"\npassword_credential = \"db\""
    ));
    let directory = world.server.dir().display().to_string();
    let ended = world
        .start(
            &["snapshot", "main", "--json"],
            &[("CREDENTIALS_DIRECTORY", &directory)],
        )
        .end()
        .await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "database");
    no_secret(&ended);
}

#[tokio::test]
async fn root_by_the_sockets_own_identification() {
    let world = World::new("", &[]).await;
    world.server.run("CREATE USER os@localhost").await;
    world
        .server
        .run("ALTER USER root@localhost IDENTIFIED VIA unix_socket")
        .await;
    let socket = world.server.socket().display().to_string();
    world.configure(&format!("[database]\nsocket = \"{socket}\"\nuser = \"root\""));
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test]
async fn a_missing_privilege_is_told() {
    let world = World::new("", &[]).await;
    for (revoked, needed) in [("BINLOG MONITOR", "BINLOG MONITOR"), ("RELOAD", "RELOAD")] {
        world
            .server
            .run(&format!("REVOKE {revoked} ON *.* FROM snap@localhost"))
            .await;
        let ended = world.snapshot().end().await;
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.stderr.contains(needed), "{ended:?}");
        world
            .server
            .run(&format!("GRANT {revoked} ON *.* TO snap@localhost"))
            .await;
    }
    assert!(!world.helper.calls().contains(&"TakeSnapshot"));
}

#[tokio::test]
async fn a_server_that_is_down() {
    let mut world = World::new("", &[]).await;
    world.server.kill();
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("db.sock"), "{ended:?}");
    assert_eq!(world.helper.calls(), [""; 0]);
}

#[tokio::test]
async fn a_server_without_a_binary_log_has_no_position() {
    let world = World::new("", &["--skip-log-bin"]).await;
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        ended.json()["binlog_file"].is_null() && ended.json()["binlog_position"].is_null(),
        "{ended:?}"
    );
}

async fn catch_up(source: &Server, replica: &World) {
    let (_, _, gtid) = source.position().await;
    replica
        .server
        .run(&format!("SELECT MASTER_GTID_WAIT('{gtid}', 20)"))
        .await;
}

/// A server that replicates from `source` and has caught up with it.
async fn replica_of(source: &Server, port: u16) -> World {
    source.run("CREATE USER repl@'%'").await;
    source.run("GRANT REPLICATION SLAVE ON *.* TO repl@'%'").await;
    let world = World::new("", &["--server-id=2", "--skip-slave-start"]).await;
    world.server.run("RESET MASTER").await;
    world.server.run("DROP DATABASE t").await;
    world.server.run("DROP USER snap@localhost").await;
    let change = "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='repl', MASTER_CONNECT_RETRY=1";
    let from_the_start = "MASTER_LOG_FILE='b.000001', MASTER_LOG_POS=4";
    world
        .server
        .run(&format!("{change}, MASTER_PORT={port}, {from_the_start}"))
        .await;
    world.server.run("START SLAVE").await;
    catch_up(source, &world).await;
    world
}

#[tokio::test]
async fn a_replica_records_what_it_has_executed() {
    let port = free_port();
    let options = ["--bind-address=127.0.0.1".to_owned(), format!("--port={port}")];
    let source = Server::start_in(tempfile::tempdir().unwrap(), &options).await;
    let world = replica_of(&source, port).await;

    let unprivileged = world.snapshot().end().await;
    assert_eq!(unprivileged.code, 0, "{unprivileged:?}");
    let warning = unprivileged.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("REPLICA MONITOR"), "{warning}");

    source.run("INSERT INTO t.a VALUES ()").await;
    world.server.run("GRANT REPLICA MONITOR ON *.* TO snap@localhost").await;
    let (file, position, gtid) = source.position().await;
    catch_up(&source, &world).await;
    world.helper.state().snapshots.clear();
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.json()["gtid_slave"], gtid.as_str());
    let state = world.helper.state();
    let properties = &state.snapshots[0].properties;
    assert_eq!(properties[SOURCE_FILE], file);
    assert_eq!(properties[SOURCE_POSITION], position.to_string());
}

#[tokio::test]
async fn a_bad_configuration_names_file_and_key() {
    let world = World::new("", &[]).await;
    for (config, key) in [
        ("[lock]\nmax_hold = \"0s\"", "lock.max_hold"),
        ("[lock]\nmaxhold = \"1s\"", "maxhold"),
    ] {
        world.configure(config);
        let ended = world.snapshot().end().await;
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(
            ended.stderr.contains("targets/main.toml") && ended.stderr.contains(key),
            "{ended:?}"
        );
        assert_eq!(ended.json()["error"]["exit_code"], 3);
    }
    assert_eq!(world.run(&["snapshot", "nowhere"]).await.code, 3);
    assert_eq!(world.run(&["snapshot", "no/where"]).await.code, 2);
}

#[tokio::test]
async fn tcp_is_encrypted_and_the_server_proven() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let port = free_port();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (ca, cert, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
    let options = [
        "--bind-address=127.0.0.1".to_owned(),
        format!("--port={port}"),
        format!("--ssl-cert={cert}"),
        format!("--ssl-key={key}"),
        format!("--ssl-ca={ca}"),
    ];
    let server = Server::start_in(dir, &options).await;
    server.run("CREATE USER snap@'127.0.0.1' REQUIRE SSL").await;
    server
        .run("GRANT RELOAD, PROCESS, BINLOG MONITOR ON *.* TO snap@'127.0.0.1'")
        .await;
    server.run("ALTER USER snap@localhost REQUIRE SSL").await;

    let database = format!("[database]\nhost = \"localhost\"\nport = {port}\nuser = \"snap\"\n");
    let world = World::with_server(server, &format!("{database}tls_ca = \"{ca}\""));
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");

    world.configure(&database);
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 4, "a CA that nobody named isn't trusted: {ended:?}");
    assert!(ended.stderr.contains("ertificate"), "{ended:?}");

    world.configure(&format!("{database}tls = \"off\""));
    assert_eq!(world.snapshot().end().await.code, 4, "the account demands TLS");
}
