//! What kind of server this is.

use std::collections::BTreeMap;

use super::{DatabaseError, Session};

const DOING: &str = "reading the server's variables";

/// One query for everything; a server answers with those that it has.
const VARIABLES: &str = "SHOW VARIABLES WHERE Variable_name IN ('version', 'version_comment', 'log_bin', 'server_uid', \
    'server_uuid', 'innodb_flush_log_at_trx_commit', 'max_statement_time', 'max_execution_time', 'wsrep_sync_wait', \
    'gtid_binlog_pos', 'gtid_executed', 'gtid_slave_pos')";

/// Which of the two families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// MariaDB.
    MariaDb,
    /// MySQL and what calls itself so.
    MySql,
}

/// The facts about a server on which a run depends.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its version string.
    pub version: String,
    /// Which family.
    pub flavour: Flavour,
    numbers: (u16, u16, u16),
    variables: BTreeMap<String, String>,
}

impl Server {
    /// Asks the server.
    pub async fn inspect(session: &mut Session) -> Result<Self, DatabaseError> {
        let sets = session.rows(DOING, VARIABLES).await?;
        let rows = sets.into_iter().next().unwrap_or_default();
        Self::from_variables(
            rows.into_iter()
                .filter_map(|row| Some((row.get::<String, _>(0)?, row.get::<String, _>(1)?)))
                .collect(),
        )
    }

    fn from_variables(variables: BTreeMap<String, String>) -> Result<Self, DatabaseError> {
        let missing = |what| DatabaseError::Answer { doing: DOING, what };
        let version = variables.get("version").ok_or_else(|| missing("version"))?.clone();
        let numbers = parse_version(&version).ok_or_else(|| missing("a version of three numbers"))?;
        let is_mariadb = version.to_ascii_lowercase().contains("mariadb") || variables.contains_key("gtid_binlog_pos");
        Ok(Self {
            version,
            flavour: if is_mariadb { Flavour::MariaDb } else { Flavour::MySql },
            numbers,
            variables,
        })
    }

    /// Whether the server has a variable of that name, among those asked for.
    pub fn has(&self, variable: &str) -> bool {
        self.variables.contains_key(variable)
    }

    /// Whether its version is this one or later; versions compare within a flavour only.
    pub fn is_at_least(&self, version: (u16, u16, u16)) -> bool {
        self.numbers >= version
    }

    /// Whether the server has `BACKUP STAGE`: MariaDB from 10.4.1.
    pub fn has_backup_stage(&self) -> bool {
        self.flavour == Flavour::MariaDb && self.numbers >= (10, 4, 1)
    }

    /// Whether the binary log is on.
    pub fn has_binlog(&self) -> bool {
        self.variables.get("log_bin").is_some_and(|value| value == "ON")
    }

    /// Whether a commit may be acknowledged before InnoDB's log is written, so that it must be flushed first.
    pub fn may_lag_in_redo(&self) -> bool {
        self.variables
            .get("innodb_flush_log_at_trx_commit")
            .is_some_and(|value| value != "1")
    }

    /// The server's own unique id, where it has one.
    pub fn uuid(&self) -> Option<&str> {
        let id = self
            .variables
            .get("server_uid")
            .or_else(|| self.variables.get("server_uuid"));
        id.map(String::as_str)
    }

    /// Whether it has replicated before, as far as anybody may see.
    pub fn has_replicated(&self) -> bool {
        self.variables
            .get("gtid_slave_pos")
            .is_some_and(|value| !value.is_empty())
    }

    /// The statement that shows the binary log's position.
    pub fn binlog_status_statement(&self) -> &'static str {
        if self.flavour == Flavour::MySql && self.numbers >= (8, 2, 0) {
            "SHOW BINARY LOG STATUS"
        } else {
            "SHOW MASTER STATUS"
        }
    }

    /// The statement that shows every source that this server replicates from.
    pub fn replica_status_statement(&self) -> &'static str {
        match self.flavour {
            Flavour::MariaDb => "SHOW ALL SLAVES STATUS",
            Flavour::MySql if self.numbers >= (8, 0, 22) => "SHOW REPLICA STATUS",
            Flavour::MySql => "SHOW SLAVE STATUS",
        }
    }
}

/// The first three numbers. Some servers put `5.5.5-` before, for old replicas' sake.
fn parse_version(version: &str) -> Option<(u16, u16, u16)> {
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let end = version
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(version.len());
    let mut numbers = version.get(..end)?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str) -> Server {
        Server::from_variables(BTreeMap::from([("version".to_owned(), version.to_owned())])).unwrap()
    }

    #[test]
    fn versions_decide_what_a_server_can_do() {
        for (version, stage, status) in [
            ("10.11.19-MariaDB-0+deb12u1-log", true, "SHOW MASTER STATUS"),
            ("5.5.5-10.3.39-MariaDB", false, "SHOW MASTER STATUS"),
            ("10.4.1-MariaDB", true, "SHOW MASTER STATUS"),
            ("10.4.0-MariaDB", false, "SHOW MASTER STATUS"),
            ("11.8.6-MariaDB-ubu", true, "SHOW MASTER STATUS"),
            ("5.7.44-log", false, "SHOW MASTER STATUS"),
            ("8.0.36-0ubuntu0.22.04.1", false, "SHOW MASTER STATUS"),
            ("9.7.0", false, "SHOW BINARY LOG STATUS"),
        ] {
            let server = server(version);
            assert_eq!(server.has_backup_stage(), stage, "{version}");
            assert_eq!(server.binlog_status_statement(), status, "{version}");
        }
    }

    #[test]
    fn a_version_that_is_none_is_an_error() {
        for version in ["", "MariaDB", "10", "10.x.1"] {
            let variables = BTreeMap::from([("version".to_owned(), version.to_owned())]);
            assert!(Server::from_variables(variables).is_err(), "{version:?}");
        }
    }
}
