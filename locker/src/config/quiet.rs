//! `[quiet]`: what counts as a bad moment for the lock, how long to wait for a better one, and what then.

use std::path::Path;

use super::raw::RawQuiet;
use super::settings::{bound, wrong};
use super::{Bound, ConfigError};

/// How a quiet moment is waited for before the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietSettings {
    /// From the first look at the process list until the last.
    pub wait: Bound,
    /// What is younger doesn't count: it is over soon.
    pub age: Bound,
    /// Accounts whose connections never count.
    pub ignore_users: Vec<String>,
    /// Commands of the process list that never count, besides those that can't hold the lock up.
    pub ignore_commands: Vec<String>,
    /// States of the process list that never count.
    pub ignore_states: Vec<String>,
    /// What to do when the wait is over.
    pub on_blocked: OnBlocked,
    /// Whether reports may quote the beginning of a blocker's statement.
    pub show_queries: bool,
}

/// `quiet.on_blocked`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnBlocked {
    /// Take nothing.
    Fail,
    /// Kill what blocks, if all of it may be.
    Kill(KillRule),
}

/// What may be killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillRule {
    /// Whose; [`EVERYBODY`] stands for all but root.
    pub users: Vec<String>,
    /// Nothing younger.
    pub age: Bound,
    /// How much of it.
    pub what: Kill,
}

/// `quiet.kill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The statement; the connection lives on. A connection that runs none can't be helped so.
    Query,
    /// The connection with all that it holds.
    Connection,
}

/// In `quiet.kill_users`: whoever isn't root.
pub const EVERYBODY: &str = "*";

impl QuietSettings {
    pub(super) fn check(path: &Path, raw: RawQuiet) -> Result<Self, ConfigError> {
        let age = bound(path, "quiet.age", raw.age.as_deref(), 10)?;
        Ok(Self {
            wait: bound(path, "quiet.wait", raw.wait.as_deref(), 600)?,
            age,
            on_blocked: OnBlocked::check(path, &raw, age)?,
            ignore_users: names(path, "quiet.ignore_users", raw.ignore_users)?,
            ignore_commands: names(path, "quiet.ignore_commands", raw.ignore_commands)?,
            ignore_states: names(path, "quiet.ignore_states", raw.ignore_states)?,
            show_queries: raw.show_queries.unwrap_or(false),
        })
    }
}

impl OnBlocked {
    fn check(path: &Path, raw: &RawQuiet, age: Bound) -> Result<Self, ConfigError> {
        match raw.on_blocked.as_deref() {
            None | Some("fail") => no_kill_keys(path, raw).map(|()| Self::Fail),
            Some("kill") => KillRule::check(path, raw, age).map(Self::Kill),
            Some(other) => {
                let why = format!("{other:?} is neither \"fail\" nor \"kill\"");
                Err(wrong(path, "quiet.on_blocked", why))
            }
        }
    }
}

/// Somebody who wrote such a rule believes that it is in force.
fn no_kill_keys(path: &Path, raw: &RawQuiet) -> Result<(), ConfigError> {
    for (key, is_set) in [
        ("quiet.kill", raw.kill.is_some()),
        ("quiet.kill_users", raw.kill_users.is_some()),
        ("quiet.kill_age", raw.kill_age.is_some()),
    ] {
        if is_set {
            return Err(wrong(path, key, "has no meaning unless on_blocked = \"kill\""));
        }
    }
    Ok(())
}

impl KillRule {
    fn check(path: &Path, raw: &RawQuiet, age: Bound) -> Result<Self, ConfigError> {
        const USERS: &str = "quiet.kill_users";
        let users = names(path, USERS, raw.kill_users.clone())?;
        if users.is_empty() {
            let why = "must name whose statements may be killed; \"*\" stands for everybody but root";
            return Err(wrong(path, USERS, why));
        }
        let what = match raw.kill.as_deref() {
            None | Some("query") => Kill::Query,
            Some("connection") => Kill::Connection,
            Some(other) => {
                let why = format!("{other:?} is neither \"query\" nor \"connection\"");
                return Err(wrong(path, "quiet.kill", why));
            }
        };
        let age = match raw.kill_age.as_deref() {
            None => age,
            text => bound(path, "quiet.kill_age", text, 0)?,
        };
        Ok(Self { users, age, what })
    }
}

fn names(path: &Path, key: &'static str, names: Option<Vec<String>>) -> Result<Vec<String>, ConfigError> {
    let names = names.unwrap_or_default();
    match names.iter().any(String::is_empty) {
        true => Err(wrong(path, key, "holds an empty name")),
        false => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::raw::Raw;

    const FILE: &str = "/etc/mariasnap/targets/main.toml";

    fn parse(text: &str) -> Result<QuietSettings, ConfigError> {
        let path = Path::new(FILE);
        QuietSettings::check(path, Raw::parse(&format!("[quiet]\n{text}"), path)?.quiet)
    }

    #[test]
    fn defaults() {
        let quiet = parse("").unwrap();
        assert_eq!(quiet.wait.get(), Duration::from_secs(600));
        assert_eq!(quiet.age.get(), Duration::from_secs(10));
        assert_eq!(quiet.on_blocked, OnBlocked::Fail);
        assert!(!quiet.show_queries);
        let OnBlocked::Kill(rule) = parse("age = \"7s\"\non_blocked = \"kill\"\nkill_users = [\"app\"]")
            .unwrap()
            .on_blocked
        else {
            panic!("no rule");
        };
        assert_eq!((rule.what, rule.age.get()), (Kill::Query, Duration::from_secs(7)));
    }

    #[test]
    fn errors_name_the_file_and_the_key() {
        let kill = "on_blocked = \"kill\"\nkill_users = [\"app\"]\n";
        for (text, key) in [
            ("wait = \"0s\"", "quiet.wait"),
            ("age = \"10\"", "quiet.age"),
            ("ignore_users = [\"\"]", "quiet.ignore_users"),
            ("ignore_commands = [\"\"]", "quiet.ignore_commands"),
            ("ignore_states = [\"\"]", "quiet.ignore_states"),
            ("on_blocked = \"retry\"", "quiet.on_blocked"),
            ("on_blocked = \"kill\"", "quiet.kill_users"),
            ("on_blocked = \"kill\"\nkill_users = []", "quiet.kill_users"),
            (&format!("{kill}kill = \"server\""), "quiet.kill:"),
            (&format!("{kill}kill_age = \"0s\""), "quiet.kill_age"),
            ("kill_users = [\"app\"]", "quiet.kill_users"),
            ("on_blocked = \"fail\"\nkill_age = \"1m\"", "quiet.kill_age"),
            ("kill = \"query\"", "quiet.kill:"),
            ("waits = \"1s\"", ":2:1:"),
            ("show_queries = \"yes\"", ":2:16:"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.starts_with(FILE) && message.contains(key), "{text}: {message}");
        }
    }
}
