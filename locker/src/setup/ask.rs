//! Questions to the server, and the few statements that change it.

use std::path::{Path, PathBuf};

use mysql_async::Row;

use super::account::{ACCOUNT, Account, plugin};
use super::args::Args;
use super::error::SetupError;
use crate::config::{Bound, Database, Endpoint};
use crate::database::{DatabaseError, Session, Version};
use crate::layout::variables::{self, Variables};

/// Where servers listen unless they are told otherwise: Debian's place, then Red Hat's.
const SOCKETS: [&str; 2] = ["/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock"];

const CONNECT_TIMEOUT: Bound = Bound::seconds(10);

/// Connects as root, or as whom the option file names.
pub(crate) async fn connect(args: &Args) -> Result<(Session, PathBuf), SetupError> {
    let socket = find_socket(args.socket.as_deref())?;
    let (user, password) = match &args.defaults_file {
        Some(file) => super::options::read(file)?,
        None => (None, None),
    };
    let database = Database {
        endpoint: Endpoint::Socket(socket.clone()),
        user: user.unwrap_or_else(|| "root".to_owned()),
        password,
        connect_timeout: CONNECT_TIMEOUT,
    };
    match Session::connect(&database).await {
        Ok(session) => Ok((session, socket)),
        Err(error) => Err(SetupError::Login(Box::new(error))),
    }
}

fn find_socket(named: Option<&Path>) -> Result<PathBuf, SetupError> {
    let candidates: Vec<_> = match named {
        Some(path) => vec![path],
        None => SOCKETS.iter().map(Path::new).collect(),
    };
    let found = candidates.iter().find(|path| path.exists());
    found.map(|path| path.to_path_buf()).ok_or_else(|| {
        let tried: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
        SetupError::NoSocket {
            tried: tried.join(" or "),
        }
    })
}

/// The server's version and variables.
pub(crate) async fn variables(session: &mut Session, socket: &Path) -> Result<(Version, Variables), SetupError> {
    let rows = rows(session, &variables::statement()).await?;
    let pair = |row: Row| Some((row.get::<String, _>(0)?, row.get::<String, _>(1)?));
    let variables = Variables::new(rows.into_iter().filter_map(pair));
    let version = variables.get("version").and_then(Version::parse);
    let version = version.ok_or_else(|| SetupError::Answer {
        socket: socket.to_owned(),
        what: "version",
    })?;
    Ok((version, variables))
}

/// The account as it is, if it is.
pub(crate) async fn account(session: &mut Session) -> Result<Option<Account>, SetupError> {
    let exists = "SELECT 1 FROM mysql.user WHERE User = 'mariasnap' AND Host = 'localhost'";
    if rows(session, exists).await?.is_empty() {
        return Ok(None);
    }
    let first = |rows: Vec<Row>| -> Vec<String> { rows.iter().filter_map(|row| row.get(0)).collect() };
    let created = first(rows(session, &format!("SHOW CREATE USER {ACCOUNT}")).await?);
    let grants = first(rows(session, &format!("SHOW GRANTS FOR {ACCOUNT}")).await?);
    Ok(Some(Account {
        created: created.concat(),
        grants,
    }))
}

/// Whether the plugin that knows users by their uid is active.
pub(crate) async fn plugin_ready(session: &mut Session, version: Version) -> Result<bool, SetupError> {
    let plugin = plugin(version.flavour);
    let statement =
        format!("SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_NAME = '{plugin}' AND PLUGIN_STATUS = 'ACTIVE'");
    Ok(!rows(session, &statement).await?.is_empty())
}

/// Runs a statement that changes the server.
pub(crate) async fn execute(session: &mut Session, statement: &str) -> Result<(), SetupError> {
    let done = session.execute("the statement", statement).await;
    done.map_err(|error| refused(statement, error))
}

async fn rows(session: &mut Session, statement: &str) -> Result<Vec<Row>, SetupError> {
    let rows = session.only_rows("the statement", statement).await;
    rows.map_err(|error| refused(statement, error))
}

/// The driver's own words: what the locker advises its user doesn't fit an administrator.
fn refused(statement: &str, error: DatabaseError) -> SetupError {
    const READ_ONLY: u16 = 1290;
    const DENIED: [u16; 3] = [1044, 1142, 1227];
    let advice = match error.code() {
        Some(READ_ONLY) => "; let the server accept it (read_only or super_read_only off), then run setup again",
        Some(code) if DENIED.contains(&code) => "; setup needs an account that may create others: see --defaults-file",
        _ => "",
    };
    let why = match &error {
        DatabaseError::Statement { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    SetupError::Statement {
        statement: statement.to_owned(),
        why,
        advice,
    }
}
