//! A node of a Galera cluster: what is recorded is where the snapshot's data are.

use std::time::Duration;

use mariasnap_tests::fake_helper::Take;
use mariasnap_tests::galera::{Cluster, recovered};
use mariasnap_tests::locker::World;
use mariasnap_tests::replica::Data;

#[tokio::test]
async fn the_write_set_is_the_one_that_the_data_recover_to() {
    let Cluster {
        first,
        second,
        transfer: _transfer,
    } = Cluster::start().await;
    let socket = second.socket().display().to_string();
    let world = World::with_server(second, &format!("[database]\nsocket = \"{socket}\"\nuser = \"snap\"\n"));
    let writer = first.write().await;
    writer.next_commit(Duration::from_secs(10)).await;

    world.helper.state().take = Take::AnswerAfter(Duration::from_secs(4));
    let run = world.snapshot();
    world.helper.wait_for("TakeSnapshot").await;
    writer.next_commit(Duration::from_secs(2)).await;
    let data = Data::of(&world.server);
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    drop(writer);

    let listed = world.run(&["list", "main", "--json"]).await.json();
    let snapshot = &listed["snapshots"][0];
    let galera = snapshot["position"]["galera"].as_str().unwrap();
    assert_eq!(galera, recovered(&data.path()));
    assert_eq!(snapshot["properties"]["galera"], galera);
}
