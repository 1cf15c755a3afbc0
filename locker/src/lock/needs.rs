//! What must be so before a lock is taken, and can't be told from the server's version.

use super::Kind;
use crate::database::{DatabaseError, Server, Session};

const DOING: &str = "looking for tables that aren't InnoDB's";

/// A condition that some locks have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// A commit isn't acknowledged, nor in the binary log, before InnoDB's redo log is written.
    RedoBeforeCommit,
    /// No user's table is kept by an engine that doesn't recover from a crash.
    InnoDbAlone,
}

/// A privilege on `*.*` with which a table is seen in `information_schema`; without one, tables that aren't shown would
/// pass for tables that aren't there.
const SEES_ALL: &str = "SELECT COUNT(*) FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE IN ('SELECT', \
    'SHOW VIEW', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER', 'INDEX', 'TRIGGER') AND \
    GRANTEE = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')";

/// Neither MEMORY nor BLACKHOLE keeps anything that a crash could spoil.
const OTHERS: &str = "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME, ' (', ENGINE, ')') FROM information_schema.TABLES \
    WHERE TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ('InnoDB', 'MEMORY', 'BLACKHOLE') AND TABLE_SCHEMA NOT IN \
    ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1 LIMIT 4";

impl Kind {
    /// Fails unless what this lock needs is so.
    pub async fn check(self, session: &mut Session, server: &Server) -> Result<(), DatabaseError> {
        for need in self.strategy().needs() {
            let why = match need {
                Need::RedoBeforeCommit => redo_before_commit(server),
                Need::InnoDbAlone => innodb_alone(session).await?,
            };
            if let Some(why) = why {
                let strategy = self.as_str();
                return Err(DatabaseError::Unmet { strategy, why });
            }
        }
        Ok(())
    }
}

fn redo_before_commit(server: &Server) -> Option<String> {
    server.may_lag_in_redo().then(|| {
        "innodb_flush_log_at_trx_commit is neither 1 nor 3, so the binary log may be ahead of the data in the snapshot; set it to 1, \
         or use \"auto\", which flushes"
            .to_owned()
    })
}

async fn innodb_alone(session: &mut Session) -> Result<Option<String>, DatabaseError> {
    let sets = session.rows(DOING, &format!("{SEES_ALL}; {OTHERS}")).await?;
    let mut sets = sets.into_iter();
    let sees_all = sets
        .next()
        .unwrap_or_default()
        .first()
        .and_then(|row| row.get::<u64, _>(0));
    if sees_all.is_none_or(|count| count == 0) {
        let why = "the account can't see every table, so there may be some that aren't InnoDB's; GRANT SHOW VIEW ON *.* \
                   to it, or use \"auto\"";
        return Ok(Some(why.to_owned()));
    }
    let others: Vec<String> = sets
        .next()
        .unwrap_or_default()
        .iter()
        .filter_map(|row| row.get(0))
        .collect();
    Ok((!others.is_empty()).then(|| {
        format!(
            "tables that aren't InnoDB's may not survive a crash: {}; convert them, or use \"auto\"",
            others.join(", ")
        )
    }))
}
