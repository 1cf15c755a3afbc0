//! Killing what is in the way, by rule.

use std::collections::BTreeSet;

use super::{Blocker, QuietError};
use crate::config::{EVERYBODY, Kill, KillRule};
use crate::database::{Flavour, Session};
use crate::events;

const ROOT: &str = "root";

/// There is no such connection, or no such statement, any more.
const GONE: [u16; 2] = [1094, 1957];
/// Somebody else's; without the privilege.
const NOT_OWNER: [u16; 2] = [1095, 1979];

/// Whether the rule lets this one be killed, and killing as it says would help.
pub(super) fn covers(rule: &KillRule, blocker: &Blocker) -> bool {
    let everybody = rule.users.iter().any(|user| user == EVERYBODY) && blocker.user != ROOT;
    let is_named = rule.users.contains(&blocker.user);
    let is_old = u128::from(blocker.age_ms) >= rule.age.get().as_millis();
    let helps = rule.what == Kill::Connection || !blocker.is_idle;
    (everybody || is_named) && is_old && helps
}

/// The statement that kills just what was seen: on MariaDB not the next statement of the same connection, and gently,
/// so that nothing is left half done that can't be rolled back.
fn statement(flavour: Flavour, what: Kill, blocker: &Blocker) -> String {
    match (flavour, what, blocker.query_id) {
        (Flavour::MariaDb, Kill::Query, Some(query_id)) => format!("KILL SOFT QUERY ID {query_id}"),
        (Flavour::MariaDb, Kill::Connection, _) => format!("KILL SOFT CONNECTION {}", blocker.id),
        (_, Kill::Query, _) => format!("KILL QUERY {}", blocker.id),
        (_, Kill::Connection, _) => format!("KILL CONNECTION {}", blocker.id),
    }
}

/// Those that were killed, so that each is killed and told once.
#[derive(Debug, Default)]
pub(super) struct Killed {
    done: BTreeSet<(u64, Option<u64>)>,
    /// For the report.
    pub(super) told: Vec<String>,
}

impl Killed {
    /// Kills it unless that was done. That it is gone already is as good.
    pub(super) async fn kill(
        &mut self,
        session: &mut Session,
        flavour: Flavour,
        what: Kill,
        blocker: &Blocker,
    ) -> Result<(), QuietError> {
        if !self.done.insert((blocker.id, blocker.query_id)) {
            return Ok(());
        }
        let killed = session.execute("KILL", &statement(flavour, what, blocker)).await;
        match killed {
            Ok(()) => self.tell(blocker),
            Err(error) if error.code().is_some_and(|code| GONE.contains(&code)) => {}
            Err(source) if source.is_denied() || source.code().is_some_and(|code| NOT_OWNER.contains(&code)) => {
                let (id, user) = (blocker.id, blocker.user.clone());
                return Err(QuietError::MayNotKill { id, user, source });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn tell(&mut self, blocker: &Blocker) {
        tracing::warn!(
            message_id = events::KILLED,
            connection = blocker.id,
            user = blocker.user,
            age_ms = blocker.age_ms,
            "killed what was in the way of the lock: {blocker}"
        );
        self.told.push(format!("killed by quiet.on_blocked: {blocker}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::blocker;
    use super::*;
    use crate::config::Bound;

    fn rule(users: &[&str], what: Kill) -> KillRule {
        KillRule {
            users: users.iter().map(ToString::to_string).collect(),
            age: Bound::seconds(60),
            what,
        }
    }

    #[test]
    fn root_must_be_named() {
        for (users, user, may) in [
            (&["app"][..], "app", true),
            (&["app"], "web", false),
            (&["*"], "web", true),
            (&["*"], "root", false),
            (&["*", "root"], "root", true),
        ] {
            let blocker = blocker(user, 60_000);
            assert_eq!(covers(&rule(users, Kill::Query), &blocker), may, "{users:?} {user}");
        }
    }

    #[test]
    fn killing_a_statement_does_not_help_against_an_idle_connection() {
        let mut idle = blocker("app", 60_000);
        idle.is_idle = true;
        assert!(!covers(&rule(&["app"], Kill::Query), &idle));
        assert!(covers(&rule(&["app"], Kill::Connection), &idle));
    }

    #[test]
    fn statements() {
        let mut seen = blocker("app", 0);
        assert_eq!(statement(Flavour::MySql, Kill::Query, &seen), "KILL QUERY 7");
        assert_eq!(statement(Flavour::MySql, Kill::Connection, &seen), "KILL CONNECTION 7");
        assert_eq!(
            statement(Flavour::MariaDb, Kill::Connection, &seen),
            "KILL SOFT CONNECTION 7"
        );
        seen.query_id = Some(99);
        assert_eq!(statement(Flavour::MariaDb, Kill::Query, &seen), "KILL SOFT QUERY ID 99");
    }

    proptest! {
        #[test]
        fn nothing_younger_and_nobody_else(user in "[a-c]|root|system user", age_ms in 0u64..120_000, all: bool) {
            let users: &[&str] = if all { &["*"] } else { &["a"] };
            if covers(&rule(users, Kill::Connection), &blocker(&user, age_ms)) {
                prop_assert!(age_ms >= 60_000);
                prop_assert!(user == "a" || (all && user != "root"));
            }
        }
    }
}
