//! Everything that a check asks the server, tolerant of what the account may not see.

use std::collections::BTreeSet;
use std::fmt;

use mysql_async::Row;

use super::variables::{self, Variables};
use crate::database::{DatabaseError, Flavour, Server, Session};

const DOING: &str = "asking for the server's layout";

/// An answer, or why there is none.
#[derive(Debug, Clone)]
pub(crate) enum Answer<T> {
    /// What there is, in the server's order.
    Known(Vec<T>),
    /// The account lacks the privilege.
    Denied,
    /// The statement failed otherwise.
    Failed(String),
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self::Known(Vec::new())
    }
}

impl<T> Answer<T> {
    /// What is known.
    pub(crate) fn known(&self) -> &[T] {
        match self {
            Self::Known(all) => all,
            Self::Denied | Self::Failed(_) => &[],
        }
    }

    fn map<U>(self, each: impl Fn(T) -> Option<U>) -> Answer<U> {
        match self {
            Self::Known(all) => Answer::Known(all.into_iter().filter_map(each).collect()),
            Self::Denied => Answer::Denied,
            Self::Failed(why) => Answer::Failed(why),
        }
    }
}

/// A table of an engine that can't roll back, written not long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// `schema.table`.
    pub(crate) name: String,
    /// Its engine.
    pub(crate) engine: String,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.engine)
    }
}

/// What the server says of its layout.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    /// Its variables.
    pub(crate) variables: Variables,
    /// Whether `tc.log` is in use, and so memory-mapped.
    pub(crate) has_mapped_coordinator: bool,
    /// InnoDB's files whose names don't start at the data directory.
    pub(crate) outside: Answer<String>,
    /// Tables without transactions that were written within the last day.
    pub(crate) tables: Answer<Table>,
    /// The names of the replication filters that are set.
    pub(crate) filters: Answer<String>,
}

/// Asks for all of it. Only what every account may ask can fail.
pub(crate) async fn ask(session: &mut Session, server: &Server) -> Result<Answers, DatabaseError> {
    // What names are quoted by below.
    session.execute(DOING, "SET SESSION sql_mode = ''").await?;
    let statements = [&variables::statement(), COORDINATOR, SEES_TABLES].join("; ");
    let mut sets = session.rows(DOING, &statements).await?.into_iter();
    let mut next = || sets.next().unwrap_or_default();
    let (variables, coordinator, sees_tables) = (next(), next(), next());
    let variables = Variables::new(variables.iter().filter_map(pair));
    Ok(Answers {
        has_mapped_coordinator: coordinator.iter().filter_map(pair).any(|(_, size)| size != "0"),
        outside: rows(session, outside(server)).await.map(|row| row.get_opt(0)?.ok()),
        tables: match sees_tables.is_empty() {
            true => Answer::Denied,
            false => tables(session).await,
        },
        filters: filters(session, server, &variables).await,
        variables,
    })
}

/// Zero unless `tc.log` is in use.
const COORDINATOR: &str = "SHOW GLOBAL STATUS WHERE Variable_name = 'Tc_log_page_size'";

/// A row if the account sees every table; the others see theirs, and no sign that there are more.
const SEES_TABLES: &str = "SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SELECT' \
    AND REPLACE(GRANTEE, '''', '') = CURRENT_USER() LIMIT 1";

/// The files of tables and tablespaces; most are named from the data directory on.
fn outside(server: &Server) -> &'static str {
    match server.flavour {
        Flavour::MariaDb if server.number >= (10, 6, 0) => {
            "SELECT FILENAME FROM information_schema.INNODB_SYS_TABLESPACES WHERE FILENAME NOT LIKE './%' \
             AND NAME <> 'innodb_temporary' LIMIT 10000"
        }
        Flavour::MySql if server.number >= (8, 0, 0) => {
            "SELECT PATH FROM information_schema.INNODB_DATAFILES WHERE PATH NOT LIKE './%' LIMIT 10000"
        }
        _ => "SELECT PATH FROM information_schema.INNODB_SYS_DATAFILES WHERE PATH NOT LIKE './%' LIMIT 10000",
    }
}

/// By the engines' own word, less those that keep no data in files of this server.
const CANDIDATES: &str = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
    WHERE TABLE_TYPE = 'BASE TABLE' \
    AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') \
    AND ENGINE IN (SELECT ENGINE FROM information_schema.ENGINES WHERE TRANSACTIONS = 'NO') \
    AND ENGINE NOT IN ('MEMORY', 'BLACKHOLE', 'FEDERATED', 'MRG_MyISAM', 'PERFORMANCE_SCHEMA', 'SPIDER') LIMIT 50";

/// Two steps, since the time of the last change makes the server open the table: it is asked for those alone that it
/// matters for, fifty at most, each by its name.
async fn tables(session: &mut Session) -> Answer<Table> {
    let lookup = |row: Row| -> Option<String> {
        let (schema, table) = pair(&row)?;
        let (schema, table) = (quoted(&schema), quoted(&table));
        Some(format!(
            "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME), ENGINE FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {table} AND UPDATE_TIME > NOW() - INTERVAL 1 DAY"
        ))
    };
    let lookups = match rows(session, CANDIDATES).await.map(lookup) {
        Answer::Known(lookups) if lookups.is_empty() => return Answer::default(),
        Answer::Known(lookups) => lookups.join(" UNION ALL "),
        Answer::Denied => return Answer::Denied,
        Answer::Failed(why) => return Answer::Failed(why),
    };
    let written = rows(session, &lookups).await.map(|row| pair(&row));
    written.map(|(name, engine)| Some(Table { name, engine }))
}

fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\\', r"\\").replace('\'', "''"))
}

/// Filters of each source and of the own binary log. What they let through doesn't matter, so it isn't told.
async fn filters(session: &mut Session, server: &Server, variables: &Variables) -> Answer<String> {
    let names = variables::VARIABLES.into_iter().filter(|name| is_filter(name));
    let own = names.filter(|name| variables.get(name).is_some());
    let mut set: BTreeSet<String> = own.map(str::to_owned).collect();
    let mut statements = vec![server.replica_status_statement()];
    if server.has_binlog() {
        statements.push(server.binlog_status_statement());
    }
    let mut lack = None;
    for statement in statements {
        match rows(session, statement).await {
            Answer::Known(rows) => set.extend(rows.iter().flat_map(filters_in)),
            // Without a source there is no filter that isn't among the variables.
            Answer::Denied if !server.has_replicated() => {}
            other => lack = Some(other.map(|_| None)),
        }
    }
    match lack {
        Some(lack) if set.is_empty() => lack,
        _ => Answer::Known(set.into_iter().collect()),
    }
}

/// The columns that name filters, where they aren't empty.
fn filters_in(row: &Row) -> Vec<String> {
    let columns = row.columns_ref().iter().enumerate();
    let filters = columns.filter_map(|(at, column)| {
        let name = column.name_str().to_ascii_lowercase();
        let value: Option<String> = row.get_opt(at)?.ok()?;
        (is_filter(&name) && value.is_some_and(|value| !value.is_empty())).then_some(name)
    });
    filters.collect()
}

/// Whether this is what servers call a replication filter, as a variable or as a column.
fn is_filter(name: &str) -> bool {
    let ends = ["_do_db", "_ignore_db", "_do_table", "_ignore_table", "_rewrite_db"];
    ends.iter().any(|end| name.ends_with(end))
}

async fn rows(session: &mut Session, statement: &str) -> Answer<Row> {
    match session.only_rows(DOING, statement).await {
        Ok(rows) => Answer::Known(rows),
        Err(error) if error.is_denied() => Answer::Denied,
        Err(error) => Answer::Failed(error.to_string()),
    }
}

fn pair(row: &Row) -> Option<(String, String)> {
    Some((row.get_opt(0)?.ok()?, row.get_opt(1)?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(quoted(r"a'b\c"), r"'a''b\\c'");
    }

    #[test]
    fn filters_are_known_by_their_names() {
        for name in ["replicate_wild_do_table", "binlog_ignore_db", "replicate_rewrite_db"] {
            assert!(is_filter(name), "{name}");
        }
        assert!(!is_filter("replicate_annotate_row_events") && !is_filter("relay_log_file"));
    }
}
