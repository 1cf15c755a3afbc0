//! The database account: which statements bring it about: pure.

use std::collections::BTreeSet;

use crate::database::Flavour;

use crate::database::Version;

/// The account, as SQL names it.
pub(crate) const ACCOUNT: &str = "'mariasnap'@'localhost'";

/// What the server says of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// The answer to `SHOW CREATE USER`.
    pub(crate) created: String,
    /// The lines of `SHOW GRANTS`.
    pub(crate) grants: Vec<String>,
}

/// What is to be done about the account.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountPlan {
    /// In order, on one connection.
    pub(crate) statements: Vec<String>,
    /// For people.
    pub(crate) notes: Vec<String>,
}

/// Compares the account with the least that mariasnap needs on this server. `plugin_ready`: the plugin that knows
/// users by their uid is active.
pub(crate) fn plan(version: Version, present: Option<&Account>, plugin_ready: bool) -> AccountPlan {
    let plugin = plugin(version.flavour);
    let mut plan = AccountPlan::default();
    match present {
        None => plan.statements.extend(creation(version.flavour, plugin_ready)),
        Some(account) if account.created.contains(plugin) => {}
        Some(_) => plan.notes.push(format!(
            "account {ACCOUNT} exists and doesn't log in through {plugin}; it is kept as it is, and its password belongs \
             into a credential or an option file: [database] password_credential or defaults_file"
        )),
    }
    let held: BTreeSet<String> = present.into_iter().flat_map(|account| held(&account.grants)).collect();
    let missing: Vec<_> = global(version).into_iter().filter(|p| !has(&held, p)).collect();
    if !missing.is_empty() {
        plan.statements
            .push(format!("GRANT {} ON *.* TO {ACCOUNT}", missing.join(", ")));
    }
    plan.notes.extend(surplus(version, &held));
    if !plan.statements.is_empty() {
        plan.statements.insert(0, LOCAL_ONLY.to_owned());
    }
    plan
}

/// The account is this machine's affair: on a replica the statements would otherwise become transactions that its
/// source doesn't have, on a source they would create an account on machines that mariasnap wasn't set up on.
const LOCAL_ONLY: &str = "SET SESSION sql_log_bin = 0";

/// The plugin that knows users by their uid.
pub(crate) fn plugin(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => "unix_socket",
        Flavour::MySql => "auth_socket",
    }
}

fn creation(flavour: Flavour, plugin_ready: bool) -> Vec<String> {
    let plugin = plugin(flavour);
    let verb = match flavour {
        Flavour::MariaDb => "VIA",
        Flavour::MySql => "WITH",
    };
    let install = (!plugin_ready).then(|| format!("INSTALL PLUGIN {plugin} SONAME 'auth_socket.so'"));
    let create = format!("CREATE USER IF NOT EXISTS {ACCOUNT} IDENTIFIED {verb} {plugin}");
    install.into_iter().chain([create]).collect()
}

/// The least privileges on `*.*`: to lock, to see what would be in the way of the lock, and to read the server's own and
/// its source's position.
fn global(version: Version) -> Vec<&'static str> {
    match version {
        Version {
            flavour: Flavour::MariaDb,
            number,
        } => match number {
            n if n >= (10, 5, 9) => vec!["RELOAD", "PROCESS", "BINLOG MONITOR", "SLAVE MONITOR"],
            // Until 10.5.9 reading the replica's state takes the privilege to change it.
            n if n >= (10, 5, 2) => vec!["RELOAD", "PROCESS", "BINLOG MONITOR", "REPLICATION SLAVE ADMIN"],
            _ => vec!["RELOAD", "PROCESS", "REPLICATION CLIENT"],
        },
        Version { number, .. } if number >= (8, 0, 0) => {
            vec!["RELOAD", "PROCESS", "REPLICATION CLIENT", "BACKUP_ADMIN"]
        }
        _ => vec!["RELOAD", "PROCESS", "REPLICATION CLIENT"],
    }
}

/// The privileges on `*.*` in the lines of `SHOW GRANTS`.
fn held(grants: &[String]) -> Vec<String> {
    grants
        .iter()
        .filter_map(|line| line.strip_prefix("GRANT ")?.split_once(" ON *.* TO "))
        .flat_map(|(privileges, _)| privileges.split(','))
        .map(|privilege| synonym(privilege.trim()).to_owned())
        .collect()
}

/// One word per privilege, whichever the server shows.
fn synonym(privilege: &str) -> &str {
    match privilege {
        "REPLICA MONITOR" => "SLAVE MONITOR",
        "REPLICATION REPLICA ADMIN" => "REPLICATION SLAVE ADMIN",
        other => other,
    }
}

fn has(held: &BTreeSet<String>, privilege: &str) -> bool {
    held.contains("ALL PRIVILEGES") || held.contains(privilege)
}

fn surplus(version: Version, held: &BTreeSet<String>) -> Option<String> {
    let needed = global(version);
    let more: Vec<_> = held
        .iter()
        .map(String::as_str)
        .filter(|privilege| *privilege != "USAGE" && !needed.contains(privilege))
        .collect();
    (!more.is_empty()).then(|| format!("account {ACCOUNT} may more than mariasnap needs: {}", more.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn account(created: &str, grants: &[&str]) -> Account {
        Account {
            created: created.to_owned(),
            grants: grants.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn a_new_account_on_each_kind_of_server() {
        let new = |text: &str| plan(version(text), None, true).statements.join("; ");
        let create = "SET SESSION sql_log_bin = 0; CREATE USER IF NOT EXISTS 'mariasnap'@'localhost' IDENTIFIED";
        for (server, rest) in [
            (
                "11.8.6-MariaDB",
                "VIA unix_socket; GRANT RELOAD, PROCESS, BINLOG MONITOR, SLAVE MONITOR ON *.* TO",
            ),
            (
                "10.5.3-MariaDB",
                "VIA unix_socket; GRANT RELOAD, PROCESS, BINLOG MONITOR, REPLICATION SLAVE ADMIN ON *.* TO",
            ),
            (
                "10.4.34-MariaDB",
                "VIA unix_socket; GRANT RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO",
            ),
            (
                "8.4.2",
                "WITH auth_socket; GRANT RELOAD, PROCESS, REPLICATION CLIENT, BACKUP_ADMIN ON *.* TO",
            ),
            (
                "5.7.44",
                "WITH auth_socket; GRANT RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO",
            ),
        ] {
            let statements = new(server);
            assert!(
                statements.starts_with(&format!("{create} {rest}")),
                "{server}: {statements}"
            );
        }
        assert_eq!(new("8.4.2").matches("GRANT").count(), 1);
    }

    #[test]
    fn a_missing_plugin_is_installed_first() {
        let statements = plan(version("8.0.36"), None, false).statements;
        assert_eq!(statements[1], "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'");
    }

    #[test]
    fn a_complete_account_is_left_alone() {
        let present = account(
            "CREATE USER `mariasnap`@`localhost` IDENTIFIED VIA unix_socket",
            &[
                "GRANT RELOAD, PROCESS, BINLOG MONITOR, REPLICA MONITOR ON *.* TO `mariasnap`@`localhost` IDENTIFIED VIA unix_socket",
            ],
        );
        assert_eq!(
            plan(version("11.8.6-MariaDB"), Some(&present), true),
            AccountPlan::default()
        );
        let present = account(
            "CREATE USER `mariasnap`@`localhost` IDENTIFIED WITH 'auth_socket'",
            &[
                "GRANT RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO `mariasnap`@`localhost`",
                "GRANT BACKUP_ADMIN ON *.* TO `mariasnap`@`localhost`",
            ],
        );
        assert_eq!(plan(version("8.0.36"), Some(&present), true), AccountPlan::default());
    }

    #[test]
    fn only_what_is_missing_is_granted_and_too_much_is_told() {
        let present = account(
            "CREATE USER `mariasnap`@`localhost` IDENTIFIED VIA mysql_native_password USING '*X'",
            &["GRANT RELOAD, SUPER ON *.* TO `mariasnap`@`localhost`"],
        );
        let plan = plan(version("11.8.6-MariaDB"), Some(&present), true);
        assert_eq!(
            plan.statements,
            [
                LOCAL_ONLY,
                "GRANT PROCESS, BINLOG MONITOR, SLAVE MONITOR ON *.* TO 'mariasnap'@'localhost'"
            ]
        );
        assert!(plan.notes[0].contains("kept as it is"), "{:?}", plan.notes);
        assert!(plan.notes[1].ends_with("SUPER"), "{:?}", plan.notes);
    }
}
