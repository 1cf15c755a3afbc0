//! What kind of server this is.

use std::collections::BTreeMap;

use super::{DatabaseError, Flavour, Session, Version};

const DOING: &str = "reading the server's variables";

/// One round trip for everything; a server answers with those that it has.
const VARIABLES: &str = "SHOW VARIABLES WHERE Variable_name IN ('version', 'version_comment', 'log_bin', 'server_uid', \
    'server_uuid', 'innodb_flush_log_at_trx_commit', 'max_statement_time', 'max_execution_time', 'wsrep_sync_wait', \
    'gtid_binlog_pos', 'gtid_executed', 'gtid_slave_pos', 'wsrep_on', 'log_slave_updates', 'slave_parallel_mode', \
    'slave_parallel_threads'); SHOW GLOBAL STATUS WHERE Variable_name = 'Slaves_running'";

/// `innodb_flush_log_at_trx_commit` with which the log is written for the commit too, and not for what precedes it alone.
const LOG_EACH_STEP: &str = "3";

/// The facts about a server on which a run depends.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its version string.
    pub version: String,
    /// Which family.
    pub flavour: Flavour,
    /// Major, minor, patch; they compare within a flavour only.
    pub number: (u16, u16, u16),
    variables: BTreeMap<String, String>,
}

impl Server {
    /// Asks the server.
    pub async fn inspect(session: &mut Session) -> Result<Self, DatabaseError> {
        let sets = session.rows(DOING, VARIABLES).await?;
        Self::from_variables(
            sets.into_iter()
                .flatten()
                .filter_map(|row| Some((row.get::<String, _>(0)?, row.get::<String, _>(1)?)))
                .collect(),
        )
    }

    /// From the variables by name.
    pub(crate) fn from_variables(variables: BTreeMap<String, String>) -> Result<Self, DatabaseError> {
        let missing = |what| DatabaseError::Answer { doing: DOING, what };
        let version = variables.get("version").ok_or_else(|| missing("version"))?.clone();
        let Version { flavour, number } =
            Version::parse(&version).ok_or_else(|| missing("a version of three numbers"))?;
        // The version string is the admin's to set; the variable isn't.
        let flavour = match variables.contains_key("gtid_binlog_pos") {
            true => Flavour::MariaDb,
            false => flavour,
        };
        Ok(Self {
            version,
            flavour,
            number,
            variables,
        })
    }

    /// Whether the server has a variable of that name, among those asked for.
    pub fn has(&self, variable: &str) -> bool {
        self.variables.contains_key(variable)
    }

    /// Whether the server has `BACKUP STAGE`: MariaDB from 10.4.1.
    pub fn has_backup_stage(&self) -> bool {
        self.flavour == Flavour::MariaDb && self.number >= (10, 4, 1)
    }

    /// Whether it is a node of a Galera cluster.
    pub fn is_galera(&self) -> bool {
        self.is_on("wsrep_on")
    }

    /// Whether replicated transactions are run before it is sure that those before them commit, and go into the own
    /// binary log.
    pub fn replicates_optimistically(&self) -> bool {
        let mode = self.variable("slave_parallel_mode").to_ascii_lowercase();
        ["optimistic", "aggressive"].contains(&mode.as_str())
            && !["", "0"].contains(&self.variable("slave_parallel_threads"))
            && !["", "0"].contains(&self.variable("Slaves_running"))
            && self.has_binlog()
            && self.is_on("log_slave_updates")
    }

    fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    fn is_on(&self, name: &str) -> bool {
        self.variable(name).eq_ignore_ascii_case("ON")
    }

    /// Whether the server has `performance_schema.log_status`: MySQL from 8.0.11.
    pub fn has_log_status(&self) -> bool {
        self.flavour == Flavour::MySql && self.number >= (8, 0, 11)
    }

    /// Whether the binary log is on.
    pub fn has_binlog(&self) -> bool {
        self.is_on("log_bin")
    }

    /// Whether a commit may be acknowledged, or in the binary log, before InnoDB's log has it at least as prepared.
    pub fn may_lag_in_redo(&self) -> bool {
        self.variables
            .get("innodb_flush_log_at_trx_commit")
            .is_some_and(|value| !["1", LOG_EACH_STEP].contains(&value.as_str()))
    }

    /// Whether InnoDB's log alone has every acknowledged commit. Otherwise it may have the last ones as prepared: it is the
    /// binary log, where that is on, that makes them count (`trx_commit_complete_for_mysql()` returns early then; 10.11).
    pub fn logs_commits_at_once(&self) -> bool {
        self.variables
            .get("innodb_flush_log_at_trx_commit")
            .is_none_or(|value| value == LOG_EACH_STEP)
    }

    /// The server's own unique id, where it has one.
    pub fn uuid(&self) -> Option<&str> {
        let id = self
            .variables
            .get("server_uid")
            .or_else(|| self.variables.get("server_uuid"));
        id.map(String::as_str)
    }

    /// Fails unless `found` is the same server in the same version.
    pub fn require_same(&self, found: &Self) -> Result<(), DatabaseError> {
        let identity = |server: &Self| format!("{} {}", server.version, server.uuid().unwrap_or_default());
        match identity(self) == identity(found) {
            true => Ok(()),
            false => Err(DatabaseError::OtherServer {
                expected: identity(self),
                found: identity(found),
            }),
        }
    }

    /// Whether it has replicated before, as far as anybody may see.
    pub fn has_replicated(&self) -> bool {
        self.variables
            .get("gtid_slave_pos")
            .is_some_and(|value| !value.is_empty())
    }

    /// The statement that shows the binary log's position.
    pub fn binlog_status_statement(&self) -> &'static str {
        if self.flavour == Flavour::MySql && self.number >= (8, 2, 0) {
            "SHOW BINARY LOG STATUS"
        } else {
            "SHOW MASTER STATUS"
        }
    }

    /// The statement that shows every source that this server replicates from.
    pub fn replica_status_statement(&self) -> &'static str {
        match self.flavour {
            Flavour::MariaDb => "SHOW ALL SLAVES STATUS",
            Flavour::MySql if self.number >= (8, 0, 22) => "SHOW REPLICA STATUS",
            Flavour::MySql => "SHOW SLAVE STATUS",
        }
    }
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
    fn a_server_says_what_it_is_even_under_another_name() {
        let variables = [("version", "8.0.1-custom"), ("gtid_binlog_pos", "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let server = Server::from_variables(BTreeMap::from(variables)).unwrap();
        assert_eq!(server.flavour, Flavour::MariaDb);
    }

    #[test]
    fn a_version_that_is_none_is_an_error() {
        for version in ["", "MariaDB", "10", "10.x.1"] {
            let variables = BTreeMap::from([("version".to_owned(), version.to_owned())]);
            assert!(Server::from_variables(variables).is_err(), "{version:?}");
        }
    }
}
