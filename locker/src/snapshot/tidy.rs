//! After the snapshot, or before one that finds no space: unproven leftovers and snapshots beyond the retention go.

use std::time::{SystemTime, UNIX_EPOCH};

use mariasnap_dbus::{Cut, DestroyOutcome, Outcome};

use super::Job;
use crate::helper::{Caller, Helper, HelperFailure};
use crate::interrupt::Interrupt;
use crate::retention::{Policy, plan};
use crate::{events, logging};

/// What clearing up did.
#[derive(Debug, Default)]
pub(super) struct Tidied {
    pub(super) pruned: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// Why it failed, where it did.
    pub(super) failure: Option<String>,
}

impl Tidied {
    /// Clearing up was left where it stood.
    pub(super) fn interrupted(interrupt: Interrupt) -> Self {
        Self {
            failure: Some(interrupt.to_string()),
            ..Self::default()
        }
    }
}

/// Destroys what the retention says. It never touches `own`, and its failure leaves the snapshot as good as it is.
pub(super) async fn tidy(job: &Job<'_>, own: &Cut) -> Tidied {
    logging::step("clearing away old snapshots");
    // A connection of its own, since much may have happened to the one before the lock.
    let keep_last = job.settings.keep_last;
    let destroyed = async {
        let helper = Helper::connect(&job.settings.helper, Caller::Locker).await?;
        destroy(job, &helper, Policy { keep_last }, Some(own.guid)).await
    };
    tell(destroyed.await)
}

/// Before the lock: destroys unproven leftovers alone, where the storage takes no more snapshots for want of space.
pub(super) async fn sweep(job: &Job<'_>, helper: &Helper) -> Tidied {
    logging::step("clearing away unproven snapshots");
    tell(destroy(job, helper, Policy { keep_last: None }, None).await)
}

fn tell(destroyed: Result<Vec<DestroyOutcome>, HelperFailure>) -> Tidied {
    let tidied = match destroyed {
        Ok(outcomes) => sort(outcomes),
        Err(error) => Tidied {
            failure: Some(error.to_string()),
            ..Tidied::default()
        },
    };
    if !tidied.pruned.is_empty() {
        let count = tidied.pruned.len();
        tracing::info!(
            message_id = events::PRUNED,
            snapshot = tidied.pruned.join(","),
            "destroyed {count} snapshots"
        );
    }
    tidied
}

async fn destroy(
    job: &Job<'_>,
    helper: &Helper,
    policy: Policy,
    own: Option<u64>,
) -> Result<Vec<DestroyOutcome>, HelperFailure> {
    let snapshots = helper.list(job.target).await?;
    // A clock before 1970 makes everything look young, and nothing is swept.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let requests = plan(&snapshots, policy, now, own);
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    helper.destroy(job.target, &requests).await
}

fn sort(outcomes: Vec<DestroyOutcome>) -> Tidied {
    let mut tidied = Tidied::default();
    let mut failures = Vec::new();
    for DestroyOutcome { name, outcome, detail } in outcomes {
        match Outcome::from_wire(&outcome) {
            Outcome::Destroyed => tidied.pruned.push(name),
            Outcome::NotFound => {}
            Outcome::Failed => failures.push(format!("{name}: {detail}")),
            Outcome::Held
            | Outcome::Cloned
            | Outcome::Busy
            | Outcome::MinKeep
            | Outcome::NotOurs
            | Outcome::GuidMismatch => {
                tidied
                    .warnings
                    .push(format!("{name} isn't destroyed ({outcome}): {detail}"));
            }
        }
    }
    tidied.failure = (!failures.is_empty()).then(|| failures.join("; "));
    tidied
}
