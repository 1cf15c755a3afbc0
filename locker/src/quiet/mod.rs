//! The quiet window: before the lock, waits until nothing runs that would hold it up.
//!
//! A lock that has to wait makes others wait behind it. What it would wait for shows in the process list, as far as the
//! server tells, so the list is read first. It is a forecast and no proof: the lock keeps to its own bounds afterwards.

mod blockers;
mod error;
mod kill;
mod look;
mod statement;

use std::time::Duration;

use tokio::time::Instant;

pub use blockers::Blocker;
pub use error::QuietError;

use crate::config::{KillRule, OnBlocked, QuietSettings};
use crate::database::{Server, Session};
use crate::events;
use crate::lock::{Goal, Kind};
use crate::logging::step;
use blockers::blockers;
use kill::Killed;
use look::Eyes;

/// Between two looks, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// How long what was killed may take to end; a large change is rolled back meanwhile.
const GONE_BOUND: Duration = Duration::from_secs(10);

/// A moment at which nothing seemed to be in the way.
#[derive(Debug)]
pub struct Quiet {
    /// From the first look until the last.
    pub waited: Duration,
    /// What was killed for it, or why nobody could look.
    pub warnings: Vec<String>,
}

/// Waits for a quiet moment, at most `quiet.wait`; then gives up or kills by rule.
///
/// The session's own looks keep it alive at the server.
pub async fn wait(
    session: &mut Session,
    server: &Server,
    kind: Kind,
    rules: &QuietSettings,
) -> Result<Quiet, QuietError> {
    let (started, lock) = (Instant::now(), kind.goal(server));
    let warnings = match lock {
        Goal::Nothing => Vec::new(),
        lock => match Eyes::open(session, server, rules.show_queries).await? {
            None => vec![BLIND.to_owned()],
            Some(eyes) => {
                let mut watch = Watch {
                    session,
                    server,
                    eyes,
                    lock,
                    rules,
                };
                watch.until_quiet(started).await?
            }
        },
    };
    Ok(Quiet {
        waited: started.elapsed(),
        warnings,
    })
}

const BLIND: &str = "nobody looked whether anything is in the way of the lock: the account lacks PROCESS, without which a \
     server shows no others' connections; GRANT PROCESS ON *.* to it";

struct Watch<'a> {
    session: &'a mut Session,
    server: &'a Server,
    eyes: Eyes,
    lock: Goal,
    rules: &'a QuietSettings,
}

impl Watch<'_> {
    /// Returns the warnings.
    async fn until_quiet(&mut self, started: Instant) -> Result<Vec<String>, QuietError> {
        let deadline = started + self.rules.wait.get();
        let mut pause = PAUSES.0;
        let mut found = self.look().await?;
        if !found.is_empty() {
            tell_blocked(&found);
        }
        while !found.is_empty() && Instant::now() < deadline {
            step(&status(&found));
            tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
            pause = (pause * 2).min(PAUSES.1);
            found = self.look().await?;
        }
        match &self.rules.on_blocked {
            _ if found.is_empty() => Ok(Vec::new()),
            OnBlocked::Fail => Err(QuietError::Blocked {
                wait: self.rules.wait.get(),
                blockers: found,
            }),
            OnBlocked::Kill(rule) => self.clear(found, rule).await,
        }
    }

    async fn look(&mut self) -> Result<Vec<Blocker>, QuietError> {
        let threads = self.eyes.look(self.session).await?;
        Ok(blockers(&threads, self.lock, self.rules))
    }

    /// Kills what is in the way and looks until it is gone. As soon as the rule doesn't cover all of it, nothing more
    /// is killed: the lock wouldn't be had for it.
    async fn clear(&mut self, mut found: Vec<Blocker>, rule: &KillRule) -> Result<Vec<String>, QuietError> {
        let deadline = Instant::now() + GONE_BOUND;
        let mut killed = Killed::default();
        while !found.is_empty() {
            let uncovered: Vec<_> = found
                .iter()
                .filter(|blocker| !kill::covers(rule, blocker))
                .cloned()
                .collect();
            if !uncovered.is_empty() {
                let wait = self.rules.wait.get();
                return Err(QuietError::NotCovered {
                    wait,
                    blockers: uncovered,
                });
            }
            if Instant::now() >= deadline {
                return Err(QuietError::NotGone {
                    bound: GONE_BOUND,
                    blockers: found,
                });
            }
            step(&format!("killing what is in the way of the lock: {}", found.len()));
            for blocker in &found {
                killed
                    .kill(self.session, self.server.flavour, rule.what, blocker)
                    .await?;
            }
            tokio::time::sleep(PAUSES.0).await;
            found = self.look().await?;
        }
        Ok(killed.told)
    }
}

/// For `systemctl status`, which anybody may ask: whose statements these are, and what they say, is for the journal.
fn status(found: &[Blocker]) -> String {
    format!("waiting for a quiet moment: {} in the way", found.len())
}

fn tell_blocked(found: &[Blocker]) {
    tracing::info!(
        message_id = events::BLOCKED,
        blockers = found.len(),
        "waiting for a quiet moment, since the lock would have to wait for others: {}",
        error::List(found)
    );
}

#[cfg(test)]
mod tests;
