//! MariaDB servers that replicate from each other over the loopback interface.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::mariadb::{Server, copy, free_port, install};

/// Longest time for a replica to catch up, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that can be a source and a replica.
pub struct Node {
    /// The server.
    pub server: Server,
    /// Where its replicas reach it.
    pub port: u16,
}

/// The data of servers yet to start, made once.
pub struct Data(TempDir);

impl Data {
    /// Of a server with nothing in it.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        install(&dir.path().join("data"));
        Self(dir)
    }

    /// Those of a running server, at one moment.
    pub fn of(server: &Server) -> Self {
        let dir = tempfile::tempdir().unwrap();
        server.copy_data(dir.path());
        Self(dir)
    }

    /// Where they lie.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Node {
    /// Starts server `id` on a copy of the data. It replicates nothing before [`Self::follow`].
    pub async fn start(id: u32, data: &Data, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(&data.path(), dir.path());
        let port = free_port();
        let common = [
            format!("--server-id={id}"),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--log-slave-updates".to_owned(),
            "--skip-slave-start".to_owned(),
            "--relay-log=r".to_owned(),
            // Nothing here survives a power cut, so nothing needs to wait for the disk.
            "--debug-no-sync".to_owned(),
        ];
        let options: Vec<_> = common
            .into_iter()
            .chain(options.iter().map(ToString::to_string))
            .collect();
        let server = Server::launch(dir, &options).await;
        Self { server, port }
    }

    /// Gives it a database `t` with a table `t.a`, an account for its replicas, and `snap` with what mariasnap asks for
    /// on a replica and no more. All of it replicates.
    pub async fn populate(&self) {
        for statement in [
            "CREATE DATABASE t",
            "CREATE TABLE t.a (i INT PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB",
            "CREATE USER repl@'127.0.0.1'",
            "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'",
            "CREATE USER snap@localhost",
            "GRANT RELOAD, BINLOG MONITOR, REPLICA MONITOR ON *.* TO snap@localhost",
        ] {
            self.server.run(statement).await;
        }
    }

    /// Lets it replicate from the server at `port` over a channel, from where `from` says.
    pub async fn follow(&self, channel: &str, port: u16, from: &str) {
        let source = format!("MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='repl', MASTER_PASSWORD=''");
        let change = format!("CHANGE MASTER '{channel}' TO {source}, MASTER_CONNECT_RETRY=1, {from}");
        self.server.run(&change).await;
        self.server.run(&format!("START SLAVE '{channel}'")).await;
    }

    /// What the server tells of a channel.
    pub async fn channel(&self, name: &str) -> BTreeMap<String, String> {
        channel(&self.server, name).await
    }

    /// Waits until its rows are those of another server.
    pub async fn catch_up(&self, other: &Self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (mine, others) = (rows(&self.server).await, rows(&other.server).await);
            if mine == others {
                return;
            }
            for status in self.server.rows("SHOW ALL SLAVES STATUS").await {
                assert_eq!(status["Last_SQL_Error"], "", "the replica stopped");
            }
            assert!(
                Instant::now() < deadline,
                "{mine:?} rows and their sum instead of {others:?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// What a server tells of a channel.
pub async fn channel(server: &Server, name: &str) -> BTreeMap<String, String> {
    let channels = server.rows("SHOW ALL SLAVES STATUS").await;
    let found = channels.into_iter().find(|channel| channel["Connection_name"] == name);
    found.unwrap_or_else(|| panic!("no channel {name:?}"))
}

/// Number and sum of the rows in `t.a`; nothing where the table isn't there yet.
async fn rows(server: &Server) -> Vec<String> {
    let tables = server
        .rows("SELECT 1 FROM information_schema.tables WHERE table_schema = 't' AND table_name = 'a'")
        .await;
    match tables.is_empty() {
        true => Vec::new(),
        false => {
            let rows = server.rows("SELECT COUNT(*), SUM(i) FROM t.a").await;
            rows.into_iter().flat_map(BTreeMap::into_values).collect()
        }
    }
}
