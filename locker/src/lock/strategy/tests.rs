use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::config::Bound;

fn server(version: &str, variables: &[(&str, &str)]) -> Server {
    let mut all = BTreeMap::from([("version".to_owned(), version.to_owned())]);
    all.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Server::from_variables(all).unwrap()
}

fn settings(word: &str, allow_bugs: &[&'static str]) -> LockSettings {
    LockSettings {
        early_cut: true,
        strategy: Kind::named(word).map_or(LockStrategy::Auto, LockStrategy::Fixed),
        max_wait: Bound::seconds(30),
        max_stall: Bound::seconds(10),
        max_hold: Bound::seconds(15),
        hold_key: "lock.max_hold",
        allow_bugs: allow_bugs.to_vec(),
    }
}

fn choose(word: &str, server: &Server) -> Result<&'static str, String> {
    let chosen = Kind::choose(&settings(word, &[]), server);
    chosen.map(Kind::as_str).map_err(|error| error.to_string())
}

#[test]
fn every_server_gets_the_gentlest_lock_that_is_exact() {
    for (version, lock) in [
        ("10.3.39-MariaDB", "ftwrl"),
        ("10.4.0-MariaDB", "ftwrl"),
        ("10.4.1-MariaDB", "exact"),
        ("10.11.19-MariaDB-0+deb12u1-log", "exact"),
        ("11.8.6-MariaDB", "exact"),
        ("12.3.1-MariaDB", "exact"),
        ("5.7.44-log", "ftwrl"),
        ("8.0.36-0ubuntu0.22.04.1", "instance"),
        ("8.4.2", "instance"),
        ("9.7.0", "instance"),
    ] {
        assert_eq!(choose("auto", &server(version, &[])).as_deref(), Ok(lock), "{version}");
    }
}

#[test]
fn a_lock_that_the_server_lacks_is_refused_with_what_to_do() {
    for (version, word) in [
        ("10.3.39-MariaDB", "exact"),
        ("10.3.39-MariaDB", "online"),
        ("8.4.2", "exact"),
        ("8.4.2", "online"),
        ("10.11.19-MariaDB", "instance"),
        ("5.7.44", "instance"),
    ] {
        let message = choose(word, &server(version, &[])).unwrap_err();
        assert!(message.contains(version) && message.contains(word), "{message}");
        assert!(message.contains("use \""), "{message}");
    }
    let galera = server("10.11.19-MariaDB", &[("wsrep_on", "ON")]);
    assert!(choose("online", &galera).unwrap_err().contains("Galera"));
    assert_eq!(choose("auto", &galera).as_deref(), Ok("exact"));
}

const REPLICA: [(&str, &str); 5] = [
    ("slave_parallel_mode", "optimistic"),
    ("slave_parallel_threads", "4"),
    ("Slaves_running", "1"),
    ("log_bin", "ON"),
    ("log_slave_updates", "ON"),
];

#[test]
fn a_known_bug_is_refused_by_its_number_where_its_conditions_are_met() {
    let (binlog, galera) = ([("log_bin", "ON")], [("wsrep_on", "ON")]);
    for (word, version, variables, bug) in [
        ("exact", "10.4.14-MariaDB", &binlog[..], Some("MDEV-23586")),
        ("exact", "10.4.14-MariaDB", &[], None),
        ("exact", "10.4.16-MariaDB", &binlog, None),
        ("ftwrl", "10.5.6-MariaDB", &binlog, Some("MDEV-23586")),
        ("exact", "10.5.7-MariaDB", &binlog, None),
        ("exact", "10.4.20-MariaDB", &galera, Some("MDEV-23080")),
        ("exact", "10.4.21-MariaDB", &galera, None),
        ("exact", "10.5.11-MariaDB", &galera, Some("MDEV-23080")),
        ("exact", "10.6.3-MariaDB", &galera, Some("MDEV-23080")),
        ("exact", "10.6.4-MariaDB", &galera, None),
        ("exact", "10.4.20-MariaDB", &[], None),
        ("ftwrl", "10.6.15-MariaDB", &galera, Some("MDEV-32282")),
        ("ftwrl", "10.6.16-MariaDB", &galera, None),
        ("ftwrl", "10.11.5-MariaDB", &galera, Some("MDEV-32282")),
        ("ftwrl", "10.11.6-MariaDB", &galera, None),
        ("ftwrl", "11.4.2-MariaDB", &galera, None),
        ("exact", "11.8.6-MariaDB", &REPLICA, Some("MDEV-36025")),
        ("ftwrl", "11.8.6-MariaDB", &REPLICA, Some("MDEV-36025")),
        ("online", "11.8.6-MariaDB", &REPLICA, None),
        ("none", "11.8.6-MariaDB", &REPLICA, None),
    ] {
        let chosen = choose(word, &server(version, variables));
        match bug {
            None => assert_eq!(chosen.as_deref(), Ok(word), "{version} {variables:?}"),
            Some(bug) => assert!(chosen.unwrap_err().contains(bug), "{word} {version}"),
        }
    }
}

#[test]
fn an_optimistic_replica_counts_only_where_it_runs_and_logs() {
    for (missing, _) in REPLICA {
        let rest: Vec<_> = REPLICA.into_iter().filter(|(name, _)| *name != missing).collect();
        assert_eq!(
            choose("exact", &server("11.8.6-MariaDB", &rest)).as_deref(),
            Ok("exact"),
            "{missing}"
        );
    }
    let mut conservative = REPLICA;
    conservative[0].1 = "conservative";
    assert_eq!(
        choose("exact", &server("11.8.6-MariaDB", &conservative)).as_deref(),
        Ok("exact")
    );
}

#[test]
fn a_bug_that_is_allowed_stops_nothing_and_no_other_one_is() {
    let mut variables = BTreeMap::from(REPLICA);
    variables.insert("wsrep_on", "ON");
    let variables: Vec<_> = variables.into_iter().collect();
    let server = server("10.6.3-MariaDB", &variables);
    let chosen = |allowed: &[&'static str]| Kind::choose(&settings("exact", allowed), &server);
    assert!(chosen(&["MDEV-36025"]).unwrap_err().to_string().contains("MDEV-23080"));
    assert!(chosen(&["MDEV-23080"]).unwrap_err().to_string().contains("MDEV-36025"));
    assert_eq!(chosen(&["MDEV-23080", "MDEV-36025"]).unwrap().as_str(), "exact");
}

proptest! {
    /// Whatever the version, auto finds a lock that the server offers, that stops commits, and that is no weaker than
    /// asked for by name.
    #[test]
    fn auto_is_always_exact_and_offered(major in 5u16..13, minor in 0u16..13, patch in 0u16..60, is_mariadb: bool) {
        let suffix = if is_mariadb { "-MariaDB" } else { "" };
        let server = server(&format!("{major}.{minor}.{patch}{suffix}"), &[]);
        let kind = Kind::choose(&settings("auto", &[]), &server).unwrap();
        prop_assert!(kind.stops_commits());
        prop_assert!(kind.strategy().lacks(&server).is_none());
        let backup_stage = is_mariadb && (major, minor, patch) >= (10, 4, 1);
        prop_assert_eq!(kind.as_str() == "exact", backup_stage);
        prop_assert_eq!(kind.as_str() == "instance", !is_mariadb && major >= 8);
    }

    /// No word is chosen without being named.
    #[test]
    fn a_word_is_its_own_strategy(at in 0usize..5) {
        let kind = Kind::all().nth(at).unwrap();
        prop_assert_eq!(Kind::named(kind.as_str()), Some(kind));
        prop_assert_eq!(Kind::all().filter(|other| *other == kind).count(), 1);
    }
}
