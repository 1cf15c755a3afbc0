//! `mariasnap snapshot`: the whole story, top to bottom.

mod cut;
mod error;
mod fate;
mod properties;
mod ready;
mod recorded;
mod tidy;

use mariasnap_dbus::{Cut, TargetName};

pub use error::SnapshotError;
pub use fate::Fate;
pub(crate) use properties::milliseconds;
pub(crate) use recorded::Recorded;

use crate::config::Settings;
use crate::helper::{Caller, Helper, HelperFailure, Properties};
use crate::interrupt::Stop;
use crate::lock::{self, Doubt};
use crate::logging::step;
use crate::report::{Report, log};
use cut::Moment;
use fate::Cleaner;
use ready::Ready;
use tidy::{Tidied, tidy};

/// One run on one target.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The target.
    pub target: &'a TargetName,
    /// Its configuration.
    pub settings: &'a Settings,
    /// The run's id.
    pub run: &'a str,
}

/// Takes a consistent snapshot, or fails and says what is left.
pub async fn run(job: Job<'_>, stop: &mut Stop) -> Result<Report, SnapshotError> {
    let early = job.settings.lock.early_cut;
    match attempt(&job, early, stop).await {
        // The unlock came too early, which the transaction groups have shown. The lock is held to the end this time.
        Err(error @ SnapshotError::TooEarly { .. }) => {
            log::again(&error);
            let mut report = attempt(&job, false, stop).await?;
            report.warnings.push(error.to_string());
            Ok(report)
        }
        ended => ended,
    }
}

/// `early`: whether the pool's moving on ends the hold.
async fn attempt(job: &Job<'_>, early: bool, stop: &mut Stop) -> Result<Report, SnapshotError> {
    // Before the lock: all that can be done, checked or put together.
    let getting_ready = stop.unless(None, Ready::make(job, early)).await;
    let Ready {
        session,
        plan,
        helper,
        watch,
        ticket,
        properties,
        mut warnings,
        quiet_ms,
        swept: mut pruned,
    } = getting_ready.map_err(SnapshotError::Interrupted)??;
    let cleaner = Cleaner {
        settings: &job.settings.helper,
        target: job.target,
        ticket: &ticket,
    };

    // Under the lock: the position, the cut, the proof. Then it is given back, whatever came of them.
    // Nothing is logged in between: a journal that stands still must not hold the lock.
    step("locking the database and taking the snapshot");
    let sync = async || helper.sync_pool(job.target, &ticket).await;
    let mut held = lock::acquire(session, plan, sync, stop).await?;
    let watching = match watch {
        Some(watch) => cut::or_warn(watch.begin().await, &mut warnings),
        None => None,
    };
    let born_with = properties::at_birth(job.run, &held);
    let mut taking = Box::pin(helper.take(job.target, &ticket, &born_with));
    let deadline = held.deadline();
    let moment = Moment::of(&mut taking, watching);
    let (reached, looked) = cut::reach(moment, held.look(), deadline, stop).await;
    let (hold, proven) = match (&reached, looked) {
        (Ok(moment), Ok(())) if moment.is_worth_a_proof() => held.prove_and_release(stop).await,
        (_, looked) => {
            let (hold, doubt) = held.release().await;
            (hold, Err(looked.map_or_else(Doubt::from, |()| doubt)))
        }
    };
    log::unlocked(&hold);

    // After it: an interrupted or failed cut is resolved, an unproven one discarded, a proven one confirmed.
    let (cut, open_txg) = match cut::answer(reached, &mut taking, stop).await {
        Ok(Ok(cut)) => cut,
        Ok(Err(failure)) => {
            let fate = cleaner.after_failure(&failure).await;
            return Err(SnapshotError::Take { failure, fate });
        }
        Err(interrupt) => {
            let fate = cleaner.after_interrupt(taking).await;
            return Err(SnapshotError::CutShort { interrupt, fate });
        }
    };
    let proven = match proven {
        Ok(proven) => proven,
        Err(doubt) => {
            let fate = cleaner.discard(cut.guid).await;
            return Err(SnapshotError::Unproven { doubt, fate });
        }
    };
    if let Some(open_txg) = open_txg.filter(|open_txg| cut.createtxg >= *open_txg) {
        let (createtxg, fate) = (cut.createtxg, cleaner.discard(cut.guid).await);
        return Err(SnapshotError::TooEarly {
            createtxg,
            open_txg,
            fate,
        });
    }
    let properties = properties::of(properties, &hold, proven.clone(), open_txg);
    confirm(job, &helper, cleaner, &cut, &properties).await?;
    log::consistent(&cut, &hold, &proven);

    // From here on the snapshot stands, whatever happens.
    let tidied = stop
        .unless(None, tidy(job, &cut))
        .await
        .unwrap_or_else(Tidied::interrupted);
    warnings.extend(hold.warnings.clone());
    warnings.extend(tidied.warnings);
    pruned.extend(tidied.pruned);
    Ok(Report {
        warnings,
        pruned,
        quiet_ms,
        prune_error: tidied.failure,
        ..Report::new(job, cut, hold, proven)
    })
}

/// Marks the snapshot consistent; over a new connection where the helper went away in between, for the proof
/// doesn't depend on it.
async fn confirm(
    job: &Job<'_>,
    helper: &Helper,
    cleaner: Cleaner<'_>,
    cut: &Cut,
    properties: &Properties,
) -> Result<(), SnapshotError> {
    step("marking the snapshot as consistent");
    let failure = match helper.confirm(job.target, cut, properties).await {
        Err(failure) if failure.is_broken_transport() => match confirm_anew(job, cut, properties).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        },
        Err(failure) => failure,
        Ok(()) => return Ok(()),
    };
    match cleaner.after_confirm(cut).await {
        None => Ok(()),
        Some(fate) => Err(SnapshotError::Confirm { failure, fate }),
    }
}

async fn confirm_anew(job: &Job<'_>, cut: &Cut, properties: &Properties) -> Result<(), HelperFailure> {
    let helper = Helper::connect(&job.settings.helper, Caller::Locker).await?;
    helper.confirm(job.target, cut, properties).await
}
