//! All that is done before the lock, so that nothing of it happens under it.

use std::mem::take;

use mariasnap_dbus::{HelperError, properties as key};

use super::Job;
use super::SnapshotError;
use super::cut::or_warn;
use super::milliseconds;
use super::properties::as_property;
use super::tidy::sweep;
use crate::database::{SILENCE_MARGIN, ServerBounds, Session};
use crate::helper::{Caller, Helper, HelperFailure, Properties, Ticket};
use crate::layout::{self, Preflight};
use crate::lock::Plan;
use crate::logging::step;
use crate::pool::Watch;
use crate::ready::Lockable;

/// A run that can lock at any moment.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) session: Session,
    pub(super) plan: Plan,
    pub(super) helper: Helper,
    /// None where the lock is to be held, or has to be, until the cut is on the disks.
    pub(super) watch: Option<Watch>,
    pub(super) ticket: Ticket,
    pub(super) properties: Properties,
    pub(super) warnings: Vec<String>,
    /// For how long a quiet moment was waited for.
    pub(super) quiet_ms: u64,
    /// Unproven leftovers that had to go first.
    pub(super) swept: Vec<String>,
}

impl Ready {
    /// Connects to both sides, checks what can be checked, and has the helper prepare.
    pub(super) async fn make(job: &Job<'_>, early: bool) -> Result<Self, SnapshotError> {
        let settings = job.settings;
        step("checking that the target holds all of the database");
        let layout = check_layout(job).await?;
        // Before the helper prepares, since its ticket doesn't live as long as the wait for a quiet moment may take.
        let mut lockable = Lockable::make(settings, patient(job)).await?;
        let mut warnings = take(&mut lockable.warnings);

        step("asking the helper to prepare");
        let helper = Helper::connect(&settings.helper, Caller::Locker).await?;
        let (ticket, swept) = prepare(job, &helper).await?;
        let watch = match early {
            true => or_warn(Watch::ready(&settings.helper.kstat, &ticket.pool).await, &mut warnings),
            false => None,
        };
        let mut properties = known_before(job, &lockable);
        let quiet_ms = milliseconds(lockable.quiet);
        let (session, plan) = lockable.plan(settings).await?;
        properties.extend(as_property(&layout));
        warnings.extend(layout);
        Ok(Self {
            properties,
            session,
            plan,
            helper,
            watch,
            ticket,
            warnings,
            quiet_ms,
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

/// Between two looks for a quiet moment, and while the helper prepares, which may take as long as its bounds allow: to
/// connect, and to prepare, list, destroy and prepare again.
fn patient(job: &Job<'_>) -> ServerBounds {
    ServerBounds {
        lock_wait: job.settings.lock.max_wait,
        silence: job.settings.helper.timeout.get() * 5 + SILENCE_MARGIN,
    }
}

fn known_before(job: &Job<'_>, lockable: &Lockable) -> Properties {
    let server = &lockable.server;
    let mut properties = Properties::from([
        (key::RUN.to_owned(), job.run.to_owned()),
        (key::LOCK.to_owned(), lockable.kind.as_str().to_owned()),
        (key::QUIET_MS.to_owned(), milliseconds(lockable.quiet).to_string()),
        (key::SERVER_VERSION.to_owned(), server.version.clone()),
    ]);
    if let Some(uuid) = server.uuid() {
        properties.insert(key::SERVER_UUID.to_owned(), uuid.to_owned());
    }
    properties
}
