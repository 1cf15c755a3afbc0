//! The one connection on which a run locks, reads and proves.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Row, SslOpts};

use super::DatabaseError;
use crate::config::{Database, Endpoint, Tls};

/// A pinned connection. It never reconnects: what it locked is held for as long as it answers with the same id.
#[derive(Debug)]
pub struct Session {
    conn: Conn,
    id: u32,
    /// A statement was sent whose answer hasn't been read to its end.
    is_busy: bool,
    /// None: whoever calls bounds each statement.
    bound: Option<Duration>,
}

/// What a row of statements came to, in the order in which they were sent.
#[derive(Debug)]
pub struct Batch {
    /// The rows of each statement that was answered. With a failure, the last of them may lack rows.
    pub sets: Vec<Vec<Row>>,
    /// Why the statement after those failed; none after it was run.
    pub failure: Option<DatabaseError>,
}

/// Bound on a statement before the lock. None of them waits for anybody, so a server that needs longer isn't well.
const STATEMENT_BOUND: Duration = Duration::from_secs(5);

impl Session {
    /// Connects and logs in within `database.connect_timeout`.
    pub async fn connect(database: &Database) -> Result<Self, DatabaseError> {
        let (endpoint, user) = (describe(&database.endpoint), database.user.clone());
        let bound = database.connect_timeout.get();
        match tokio::time::timeout(bound, Conn::new(options(database))).await {
            Ok(Ok(conn)) => Ok(Self {
                id: conn.id(),
                conn,
                is_busy: false,
                bound: Some(STATEMENT_BOUND),
            }),
            Ok(Err(source)) => Err(DatabaseError::connect(endpoint, user, source)),
            Err(_) => Err(DatabaseError::ConnectTimeout { endpoint, user, bound }),
        }
    }

    /// The server's number for this connection.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Runs a statement that returns nothing of interest.
    pub async fn run(&mut self, statement: &'static str) -> Result<(), DatabaseError> {
        self.execute(statement, statement).await
    }

    /// Runs a statement that was put together here; `doing` names it in errors.
    pub async fn execute(&mut self, doing: &'static str, statement: &str) -> Result<(), DatabaseError> {
        self.is_busy = true;
        let done = bounded(self.bound, doing, self.conn.query_drop(statement)).await;
        self.is_busy = matches!(done, Err(DatabaseError::StatementTimeout { .. }));
        done
    }

    /// Runs statements in one round trip and returns the rows of each.
    pub async fn rows(&mut self, doing: &'static str, statements: &str) -> Result<Vec<Vec<Row>>, DatabaseError> {
        let Batch { sets, failure } = self.batch(doing, statements).await;
        failure.map_or(Ok(sets), Err)
    }

    /// Runs one statement and returns its rows.
    pub async fn only_rows(&mut self, doing: &'static str, statement: &str) -> Result<Vec<Row>, DatabaseError> {
        let sets = self.rows(doing, statement).await?;
        Ok(sets.into_iter().next().unwrap_or_default())
    }

    /// Runs statements in one round trip. The server runs none after one that fails; those before it have taken
    /// effect, and what they answered is returned.
    pub async fn batch(&mut self, doing: &'static str, statements: &str) -> Batch {
        let mut sets = Vec::new();
        self.is_busy = true;
        let done = bounded(self.bound, doing, read_all(&mut self.conn, statements, &mut sets)).await;
        self.is_busy = matches!(done, Err(DatabaseError::StatementTimeout { .. }));
        let failure = done.err();
        Batch { sets, failure }
    }

    /// From here on whoever calls bounds each statement, as on the way to the lock, where some wait for others.
    pub fn unbound(&mut self) {
        self.bound = None;
    }

    /// Whether a statement is under way, because the future that awaited its answer was dropped.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Says goodbye; for a connection that holds nothing and awaits nothing.
    pub async fn close(self) {
        if let Ok(Err(error)) = tokio::time::timeout(Duration::from_secs(1), self.conn.disconnect()).await {
            tracing::debug!(%error, "the database connection didn't close cleanly");
        }
    }

    /// Closes the socket now, even with a statement under way.
    ///
    /// Dropped inside the runtime, the driver would first wait for that statement's answer. A thread that
    /// belongs to no runtime leaves it no way to.
    pub fn slam(self) {
        let dropping = std::thread::spawn(move || drop(self.conn));
        if dropping.join().is_err() {
            tracing::debug!("closing the database connection panicked");
        }
    }
}

async fn bounded<T>(
    bound: Option<Duration>,
    doing: &'static str,
    work: impl Future<Output = Result<T, mysql_async::Error>>,
) -> Result<T, DatabaseError> {
    let done = match bound {
        None => work.await,
        Some(bound) => tokio::time::timeout(bound, work)
            .await
            .map_err(|_| DatabaseError::StatementTimeout { doing, bound })?,
    };
    done.map_err(|source| DatabaseError::statement(doing, source))
}

async fn read_all(conn: &mut Conn, statements: &str, sets: &mut Vec<Vec<Row>>) -> Result<(), mysql_async::Error> {
    let mut answer = conn.query_iter(statements).await?;
    while !answer.is_empty() {
        let mut rows = Vec::new();
        let read = answer.for_each(|row| rows.push(row)).await;
        // The error is the next statement's, met on the way to its answer.
        sets.push(rows);
        read?;
    }
    // The last error, where the statement before it had no rows.
    answer.drop_result().await
}

/// Kills the server's side of a connection over another one, for a server that hasn't noticed the closed socket
/// while its thread waits for a lock. A user may kill its own threads without any privilege. Best effort.
pub async fn kill(database: &Database, id: u32) {
    let attempt = async {
        let mut session = Session::connect(database).await?;
        let killed = session.execute("KILL", &format!("KILL {id}")).await;
        session.close().await;
        killed
    };
    const NO_SUCH_THREAD: u16 = 1094;
    match attempt.await {
        Ok(()) => tracing::debug!(id, "killed the database connection"),
        Err(error) if error.code() == Some(NO_SUCH_THREAD) => {}
        Err(error) => tracing::warn!(id, %error, "can't make sure that the server ended the connection"),
    }
}

/// Where a database is, for people.
pub(super) fn describe(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Socket(path) => path.display().to_string(),
        Endpoint::Tcp { host, port, .. } => format!("{host}:{port}"),
    }
}

fn options(database: &Database) -> Opts {
    let password = database.password.as_ref().map(|password| password.expose().to_owned());
    let builder = OptsBuilder::default()
        .user(Some(database.user.clone()))
        .pass(password)
        // Otherwise the driver leaves an encrypted connection for the socket that the server names.
        .prefer_socket(false)
        .stmt_cache_size(0)
        .tcp_nodelay(true);
    match &database.endpoint {
        Endpoint::Socket(path) => builder.socket(Some(path.display().to_string())),
        Endpoint::Tcp { host, port, tls } => builder.ip_or_hostname(host.clone()).tcp_port(*port).ssl_opts(ssl(tls)),
    }
    .into()
}

fn ssl(tls: &Tls) -> Option<SslOpts> {
    match tls {
        Tls::Off => None,
        Tls::Required(None) => Some(SslOpts::default()),
        Tls::Required(Some(ca)) => Some(
            SslOpts::default()
                .with_root_certs(vec![ca.clone().into()])
                .with_disable_built_in_roots(true),
        ),
    }
}
