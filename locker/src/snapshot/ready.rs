//! All that is done before the lock, so that nothing of it happens under it.

use std::time::Duration;

use mariasnap_dbus::{HelperError, properties as key};

use super::Job;
use super::SnapshotError;
use super::properties::as_property;
use super::tidy::sweep;
use crate::database::{PositionReader, Server, ServerBounds, Session};
use crate::helper::{Caller, Helper, HelperFailure, Properties, Ticket};
use crate::layout::{self, Preflight};
use crate::lock::{Kind, Plan};
use crate::logging::step;

/// How much longer than our own bounds the server waits for a silent connection before commits stop.
const SILENCE_MARGIN: Duration = Duration::from_secs(5);

/// A run that can lock at any moment.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) session: Session,
    pub(super) plan: Plan,
    pub(super) helper: Helper,
    pub(super) ticket: Ticket,
    pub(super) properties: Properties,
    pub(super) warnings: Vec<String>,
    /// Unproven leftovers that had to go first.
    pub(super) swept: Vec<String>,
}

impl Ready {
    /// Connects to both sides, checks what can be checked, and has the helper prepare.
    pub(super) async fn make(job: &Job<'_>) -> Result<Self, SnapshotError> {
        let settings = job.settings;
        step("checking that the target holds all of the database");
        let layout = check_layout(job).await?;
        step("connecting to the database");
        let mut session = Session::connect(&settings.database).await?;
        let server = Server::inspect(&mut session).await?;
        let kind = Kind::choose(settings.lock.strategy, &server)?;
        session.set_bounds(&server, patient(job)).await?;
        let (reader, mut warnings) = PositionReader::prepare(&mut session, &server).await?;

        step("asking the helper to prepare");
        let helper = Helper::connect(&settings.helper, Caller::Locker).await?;
        let (ticket, swept) = prepare(job, &helper).await?;
        session.set_bounds(&server, strict(job)).await?;

        let mut properties = known_before(job, kind, &server);
        properties.extend(as_property(&layout));
        warnings.extend(layout);
        Ok(Self {
            properties,
            plan: Plan {
                kind,
                bounds: settings.lock,
                has_backup_stage: server.has_backup_stage(),
                must_flush_logs: server.may_lag_in_redo(),
                reader,
                database: settings.database.clone(),
            },
            session,
            helper,
            ticket,
            warnings,
            swept,
        })
    }
}

/// Nothing is locked for a snapshot that couldn't be restored.
async fn check_layout(job: &Job<'_>) -> Result<Vec<String>, SnapshotError> {
    match layout::preflight(job.target, job.settings).await? {
        Preflight::Go(warnings) => Ok(warnings),
        Preflight::Stop(why) => Err(SnapshotError::Layout {
            target: job.target.to_string(),
            why,
        }),
    }
}

/// Has the helper prepare. Where leftovers fill a limit on snapshots, no run could succeed and sweep them afterwards,
/// so they go first. Also returns their names.
async fn prepare(job: &Job<'_>, helper: &Helper) -> Result<(Ticket, Vec<String>), HelperFailure> {
    let failure = match helper.prepare(job.target).await {
        Ok(ticket) => return Ok((ticket, Vec::new())),
        Err(failure) => failure,
    };
    if !matches!(failure.answer(), Some(HelperError::NoSpace(_))) {
        return Err(failure);
    }
    let swept = sweep(job, helper).await;
    if let Some(error) = swept.failure {
        tracing::warn!(%error, "unproven snapshots couldn't be cleared away");
    }
    match swept.pruned.is_empty() {
        true => Err(failure),
        false => Ok((helper.prepare(job.target).await?, swept.pruned)),
    }
}

/// While the helper prepares, which may take as long as its bounds allow: to connect, and to prepare, list, destroy
/// and prepare again.
fn patient(job: &Job<'_>) -> ServerBounds {
    ServerBounds {
        lock_wait: job.settings.lock.max_wait,
        silence: job.settings.helper.timeout.get() * 5 + SILENCE_MARGIN,
    }
}

/// On the way to the lock, where only DDL waits. Before commits stop, [`Session::narrow`] narrows it.
fn strict(job: &Job<'_>) -> ServerBounds {
    let lock = job.settings.lock;
    ServerBounds {
        lock_wait: lock.max_wait,
        silence: lock.max_wait.get() + SILENCE_MARGIN,
    }
}

fn known_before(job: &Job<'_>, kind: Kind, server: &Server) -> Properties {
    let mut properties = Properties::from([
        (key::RUN.to_owned(), job.run.to_owned()),
        (key::LOCK.to_owned(), kind.as_str().to_owned()),
        (key::SERVER_VERSION.to_owned(), server.version.clone()),
    ]);
    if let Some(uuid) = server.uuid() {
        properties.insert(key::SERVER_UUID.to_owned(), uuid.to_owned());
    }
    properties
}
