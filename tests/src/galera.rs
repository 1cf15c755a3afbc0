//! Two MariaDB servers that are a Galera cluster on the loopback interface.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::mariadb::{Server, copy, free_port, install, program};

const PROVIDER: &str = "--wsrep-provider=/usr/lib/galera/libgalera_smm.so";

/// Stands for the script that sends a joining node all data. Here it has them already, as they were when the first node
/// was shut down, and says so; what was committed since comes from the first node's cache.
const TRANSFER: &str = r#"#!/bin/bash
while (($#)); do
    case $1 in --role) role=$2 ;; --gtid) gtid=$2 ;; --datadir) data=$2 ;; esac
    shift
done
case $role in
joiner) echo "ready 127.0.0.1:1/none"; sed -n 's/^uuid: *//p; s/^seqno: *//p' "$data/grastate.dat" | paste -sd: ;;
donor) echo "done $gtid" ;;
esac
"#;

/// The cluster. Its nodes have a database `t`, a table `t.a`, and the user `snap`.
pub struct Cluster {
    /// The node that came first.
    pub first: Server,
    /// The node that joined it.
    pub second: Server,
    /// What the nodes need to join.
    pub transfer: TempDir,
}

impl Cluster {
    /// Starts both.
    pub async fn start() -> Self {
        let transfer = tempfile::tempdir().unwrap();
        let script = transfer.path().join("wsrep_sst_seed");
        std::fs::write(&script, TRANSFER).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();

        let dir = tempfile::tempdir().unwrap();
        install(&dir.path().join("data"));
        let mut only = node(dir, transfer.path(), free_port(), None).await;
        only.populate().await;
        only.shut_down().await;
        let (one, two) = (copied(&only), copied(&only));
        let port = free_port();
        let first = node(one, transfer.path(), port, None).await;
        let second = node(two, transfer.path(), free_port(), Some(port)).await;
        Self {
            first,
            second,
            transfer,
        }
    }
}

/// A node answers before it has joined.
async fn until_synced(node: &Server) {
    const SYNCED: &str = "4";
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = node.rows("SHOW GLOBAL STATUS LIKE 'wsrep_local_state'").await;
        if status.first().is_some_and(|row| row["Value"] == SYNCED) {
            return;
        }
        let log = || std::fs::read_to_string(node.dir().join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "the node doesn't join: {}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn copied(server: &Server) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&server.dir().join("data"), dir.path());
    dir
}

/// Starts a node that others reach at `port`; the first of a cluster, or one that joins the node at another port.
async fn node(dir: TempDir, transfer: &Path, port: u16, joins: Option<u16>) -> Server {
    let path = std::env::var("PATH").unwrap();
    let mut command = program();
    command.env("PATH", format!("{}:{path}", transfer.display()));
    let mut options = vec![
        PROVIDER.to_owned(),
        "--wsrep-on=ON".to_owned(),
        "--wsrep-sst-method=seed".to_owned(),
        format!("--wsrep-node-address=127.0.0.1:{port}"),
        format!(
            "--wsrep-provider-options=base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};\
             ist.recv_addr=127.0.0.1:{};gcache.size=8M;pc.recovery=false",
            free_port()
        ),
        format!("--wsrep-node-name=n{port}"),
        "--skip-networking".to_owned(),
        "--binlog-format=ROW".to_owned(),
        "--innodb-autoinc-lock-mode=2".to_owned(),
        "--log-slave-updates".to_owned(),
        "--debug-no-sync".to_owned(),
    ];
    match joins {
        Some(first) => options.push(format!("--wsrep-cluster-address=gcomm://127.0.0.1:{first}")),
        None => options.extend([
            "--wsrep-cluster-address=gcomm://".to_owned(),
            "--wsrep-new-cluster".to_owned(),
        ]),
    }
    let server = Server::spawn(dir, command, &options).await;
    until_synced(&server).await;
    server
}

/// The write set up to which a server recovers from these data, as it says itself.
pub fn recovered(data: &Path) -> String {
    let done = program()
        .args([
            PROVIDER,
            "--wsrep-on=ON",
            "--wsrep-cluster-address=gcomm://",
            "--binlog-format=ROW",
        ])
        .args(["--log-bin=b", "--wsrep-recover"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", data.join("db.sock").display()))
        .env("TMPDIR", data)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    let (_, position) = said
        .split_once("Recovered position: ")
        .unwrap_or_else(|| panic!("{said}"));
    // A domain's GTID follows after a comma.
    position.split([',', '\n']).next().unwrap().to_owned()
}
