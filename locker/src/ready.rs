//! A database that can be locked at any moment: connected, looked over, within its bounds, quiet.

use std::time::Duration;

use crate::config::Settings;
use crate::database::{DatabaseError, PositionReader, Server, ServerBounds, Session};
use crate::lock::{Kind, Plan};
use crate::logging::step;
use crate::quiet::{self, QuietError};

/// What is known of a database before its lock.
#[derive(Debug)]
pub(crate) struct Lockable {
    session: Session,
    reader: PositionReader,
    pub(crate) server: Server,
    pub(crate) kind: Kind,
    /// For how long a quiet moment was waited for.
    pub(crate) quiet: Duration,
    /// What isn't as it should be.
    pub(crate) warnings: Vec<String>,
}

/// Why it can't be locked. Nothing was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotLockable {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    NotQuiet(#[from] QuietError),
}

impl Lockable {
    /// Connects, chooses the lock, checks what it needs, and waits for a quiet moment. `patience` is what the server has
    /// with our silence from here until the lock.
    pub(crate) async fn make(settings: &Settings, patience: ServerBounds) -> Result<Self, NotLockable> {
        step("connecting to the database");
        let mut session = Session::connect(&settings.database).await?;
        let server = Server::inspect(&mut session).await?;
        let kind = Kind::choose(&settings.lock, &server)?;
        kind.check(&mut session, &server).await?;
        session.set_bounds(&server, patience).await?;
        let (reader, mut warnings) = PositionReader::prepare(&mut session, &server).await?;
        let quiet = quiet::wait(&mut session, &server, kind, &settings.quiet).await?;
        warnings.extend(quiet.warnings);
        // Minutes may have gone by: what the lock is chosen and put together by is looked at again.
        let server = Server::inspect(&mut session).await?;
        kind.check(&mut session, &server).await?;
        Ok(Self {
            session,
            reader,
            server,
            kind,
            quiet: quiet.waited,
            warnings,
        })
    }

    /// The last step before the lock.
    pub(crate) async fn plan(self, settings: &Settings) -> Result<(Session, Plan), DatabaseError> {
        let Self {
            mut session,
            reader,
            server,
            kind,
            ..
        } = self;
        session
            .set_bounds(&server, ServerBounds::on_the_way(&settings.lock))
            .await?;
        Ok((session, Plan::new(kind, settings, server, reader)))
    }
}
