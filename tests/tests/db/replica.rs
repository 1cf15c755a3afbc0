//! Positions of MariaDB replicas: what is recorded is where another replica, seeded from the snapshot, goes on.

use std::time::Duration;

use mariasnap_tests::fake_helper::Take;
use mariasnap_tests::locker::World;
use mariasnap_tests::mariadb::Server;
use mariasnap_tests::replica::{Data, Node, channel};
use serde_json::{Value, json};

/// Long enough to copy the data of a small server on a busy machine.
const COPYING: Duration = Duration::from_secs(5);

fn world(server: Server) -> World {
    let socket = server.socket().display().to_string();
    World::with_server(server, &format!("[database]\nsocket = \"{socket}\"\nuser = \"snap\"\n"))
}

/// The position of the only snapshot.
async fn listed(world: &World) -> Value {
    let listed = world.run(&["list", "main", "--json"]).await;
    listed.json()["snapshots"][0]["position"].clone()
}

/// The two ways in which a new replica can be told where to go on.
fn ways(position: &Value) -> [String; 2] {
    let source = &position["sources"][0];
    let (file, offset) = (source["file"].as_str().unwrap(), source["position"].as_u64().unwrap());
    [
        format!("MASTER_LOG_FILE='{file}', MASTER_LOG_POS={offset}, MASTER_USE_GTID=no"),
        "MASTER_USE_GTID=slave_pos".to_owned(),
    ]
}

/// A replica of a replica is snapshotted under load; two new servers start from its data as they were at the cut.
#[tokio::test]
async fn a_server_seeded_from_a_replica_goes_on_where_its_snapshot_ends() {
    let empty = Data::empty();
    let (source, middle, end) = tokio::join!(
        Node::start(1, &empty, &[]),
        Node::start(2, &empty, &[]),
        Node::start(3, &empty, &[])
    );
    source.populate().await;
    middle.follow("", source.port, "MASTER_USE_GTID=slave_pos").await;
    source.server.run("INSERT INTO t.a VALUES ()").await;
    middle.catch_up(&source).await;
    end.follow("", middle.port, "MASTER_USE_GTID=slave_pos").await;
    end.catch_up(&source).await;

    let writers = tokio::join!(source.server.write(), source.server.write());
    writers.1.next_commit(COPYING).await;
    let world = world(end.server);
    assert_settled(&world).await;
    world.helper.state().snapshots.clear();
    world.helper.state().calls.clear();
    world.helper.state().take = Take::AnswerAfter(COPYING);
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    let seed = Data::of(&world.server);
    let status = channel(&world.server, "").await;
    let (.., gtid) = world.server.position().await;
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    drop(writers);

    let position = listed(&world).await;
    assert_eq!(position["sources"][0]["file"], status["Relay_Master_Log_File"].as_str());
    assert_eq!(
        position["sources"][0]["position"].to_string(),
        status["Exec_Master_Log_Pos"]
    );
    assert_eq!(
        position["gtid_slave"],
        gtid.as_str(),
        "all that this server logged came from its source"
    );
    for (id, way) in (4..).zip(ways(&position)) {
        let seeded = Node::start(id, &seed, &[]).await;
        seeded.server.run("RESET SLAVE ALL").await;
        let set = format!("SET GLOBAL gtid_slave_pos = {}", position["gtid_slave"]);
        seeded.server.run(&set).await;
        seeded.follow("", middle.port, &way).await;
        seeded.catch_up(&source).await;
    }
}

/// A replica counts a transaction after its commit, and the lock gets in between the two time and again: that is neither
/// a doubt nor what is recorded. All that this one logs comes from its source, so the two GTIDs tell.
async fn assert_settled(world: &World) {
    world.helper.state().take = Take::AnswerAfter(Duration::from_millis(100));
    for _ in 0..8 {
        world.helper.state().snapshots.clear();
        let ended = world.snapshot().end().await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let position = listed(world).await;
        assert_eq!(position["gtid_slave"], position["gtid"], "{position}");
        assert_eq!(ended.json()["gtid_slave"], position["gtid_slave"]);
    }
}

/// Two sources on named channels, one of which the replica reads without executing anything.
#[tokio::test]
async fn each_channel_is_recorded_as_executed_and_not_as_read() {
    let empty = Data::empty();
    let (one, two, replica) = tokio::join!(
        Node::start(1, &empty, &["--gtid-domain-id=1"]),
        Node::start(2, &empty, &["--gtid-domain-id=2"]),
        Node::start(3, &empty, &["--gtid-domain-id=3"])
    );
    one.populate().await;
    for statement in [
        "CREATE USER repl@'127.0.0.1'",
        "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'",
        "RESET MASTER",
        "CREATE DATABASE u",
    ] {
        two.server.run(statement).await;
    }
    replica.follow("eins", one.port, "MASTER_USE_GTID=slave_pos").await;
    replica.follow("zw-ei", two.port, "MASTER_USE_GTID=slave_pos").await;
    one.server.run("INSERT INTO t.a VALUES ()").await;
    replica.catch_up(&one).await;
    let (_, executed, _) = two.server.position().await;
    until(&replica, "zw-ei", "Exec_Master_Log_Pos", executed).await;
    replica.server.run("STOP SLAVE 'zw-ei' SQL_THREAD").await;
    two.server.run("CREATE DATABASE v").await;
    let (_, read, _) = two.server.position().await;
    until(&replica, "zw-ei", "Read_Master_Log_Pos", read).await;
    let (file, eins, _) = one.server.position().await;
    until(&replica, "eins", "Exec_Master_Log_Pos", eins).await;

    let world = world(replica.server);
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(read > executed);
    let mut sources = listed(&world).await["sources"].clone();
    sources
        .as_array_mut()
        .unwrap()
        .sort_by_key(|source| source["channel"].to_string());
    let expected = json!([
        {"channel": "eins", "file": file, "position": eins},
        {"channel": "zw-ei", "file": "b.000001", "position": executed},
    ]);
    assert_eq!(sources, expected);

    // Where they can't be read the run goes on, and says so.
    world
        .server
        .run("REVOKE REPLICA MONITOR ON *.* FROM snap@localhost")
        .await;
    world.helper.state().snapshots.clear();
    let ended = world.snapshot().end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let warning = ended.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("REPLICA MONITOR"), "{warning}");
    assert_eq!(listed(&world).await["sources"], json!([]));
}

/// Waits until a channel's position is this.
async fn until(replica: &Node, name: &str, column: &str, position: u64) {
    for _ in 0..600 {
        let status = replica.channel(name).await;
        assert_eq!(status["Last_SQL_Error"], "");
        if status[column] == position.to_string() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{name}: {column} isn't {position}: {:?}", replica.channel(name).await);
}
