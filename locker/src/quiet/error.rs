//! Why there is no quiet moment.

use std::fmt;
use std::time::Duration;

use super::Blocker;
use crate::database::DatabaseError;

/// How many blockers a message lists.
const LISTED: usize = 10;

/// The lock wasn't even tried for.
#[derive(Debug, thiserror::Error)]
pub enum QuietError {
    /// The wait is over.
    #[error("no quiet moment for the lock within quiet.wait ({wait:?}): {}", List(.blockers))]
    Blocked {
        /// The bound.
        wait: Duration,
        /// Who was in the way at last.
        blockers: Vec<Blocker>,
    },
    /// The wait is over, and the rule doesn't let all that is in the way be killed, so nothing more was.
    #[error("no quiet moment for the lock within quiet.wait ({wait:?}), and quiet.kill_users, kill_age and kill don't cover: {}", List(.blockers))]
    NotCovered {
        /// The bound.
        wait: Duration,
        /// Who isn't covered.
        blockers: Vec<Blocker>,
    },
    /// They were killed, and didn't end in time.
    #[error("killed, and not gone {bound:?} later: {}", List(.blockers))]
    NotGone {
        /// The bound.
        bound: Duration,
        /// Who is still in the way.
        blockers: Vec<Blocker>,
    },
    /// The server doesn't let us.
    #[error(
        "connection {id} of {} can't be killed: {source}; the account needs CONNECTION ADMIN for that \
         (CONNECTION_ADMIN on MySQL, and SYSTEM_USER against accounts that have it; SUPER before MariaDB 10.5.2), or \
         set quiet.on_blocked = \"fail\"",
        Plain(.user)
    )]
    MayNotKill {
        /// The connection.
        id: u64,
        /// Its account.
        user: String,
        /// The server's answer.
        source: DatabaseError,
    },
    /// A look at the process list failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl QuietError {
    /// Who was in the way.
    pub fn blockers(&self) -> &[Blocker] {
        match self {
            Self::Blocked { blockers, .. } | Self::NotCovered { blockers, .. } | Self::NotGone { blockers, .. } => {
                blockers
            }
            Self::MayNotKill { .. } | Self::Database(_) => &[],
        }
    }
}

/// The first of them, and how many more there are.
pub(super) struct List<'a>(pub(super) &'a [Blocker]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, blocker) in self.0.iter().take(LISTED).enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{blocker}")?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, why, .. } = self;
        let (user, host) = (Plain(&self.user), Plain(&self.host));
        let command = match self.statement {
            "" => Plain(&self.command),
            word => Plain(word),
        };
        write!(
            f,
            "connection {id} of {user}@{host} ({command} for {}",
            Age(self.age_ms)
        )?;
        if !self.state.is_empty() {
            write!(f, ", \"{}\"", Plain(&self.state))?;
        }
        if let Some(age) = self.transaction_ms {
            write!(f, ", in a transaction of {}", Age(age))?;
        }
        write!(f, ": {why}")?;
        if let Some(query) = &self.query {
            write!(f, ": {}", Plain(query))?;
        }
        f.write_str(")")
    }
}

/// Whole seconds, or milliseconds where it is less than one.
struct Age(u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms < 1000 => write!(f, "{ms} ms"),
            ms => write!(f, "{} s", ms / 1000),
        }
    }
}

/// Text of others' making, on one line and without anything that a terminal obeys.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|c| write!(f, "{}", if c.is_control() { ' ' } else { c }))
    }
}
