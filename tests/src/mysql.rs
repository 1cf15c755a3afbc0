//! A real MySQL server, of the version that Debian sid has, in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::mariadb::{Server, copy};

/// Where `tests/mysql/mysql` keeps the server, fetched if it isn't there.
fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("mysql/mysql");
        let done = Command::new(script)
            .arg("path")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(done.status.success(), "tests/mysql/mysql failed");
        PathBuf::from(String::from_utf8(done.stdout).unwrap().trim())
    })
}

/// Starts one, with further options, that has a database `t` with a table `t.a`, and a user `snap` whom the server
/// knows by the unix socket and who has what mariasnap asks for and no more.
pub async fn start(options: &[String]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    copy(&tree().join("data"), dir.path());
    let mut command = Command::new(tree().join("mysqld"));
    // Nothing here survives a power cut, so nothing needs to wait for the disk.
    command.args([
        "--innodb-flush-method=nosync",
        "--sync-binlog=0",
        "--innodb-redo-log-capacity=8M",
        "--plugin-load-add=auth_socket.so",
    ]);
    let server = Server::spawn(dir, command, options).await;
    for statement in [
        "CREATE DATABASE t",
        "CREATE TABLE t.a (i INT PRIMARY KEY AUTO_INCREMENT)",
        "CREATE USER snap@localhost IDENTIFIED WITH auth_socket AS 'root'",
        "GRANT RELOAD, PROCESS, BACKUP_ADMIN ON *.* TO snap@localhost",
        "GRANT SELECT ON performance_schema.log_status TO snap@localhost",
    ] {
        server.run(statement).await;
    }
    server
}
