//! The way out of the freeze, and whether it held.

use super::HookError;
use super::record::{Record, Records};
use super::unit::Unit;

/// Thaws all of them, whatever comes of each, and fails if any wasn't frozen to the end.
pub(super) async fn all(frozen: &[Record], records: &Records) -> Result<(), HookError> {
    let mut outcomes = Vec::new();
    for record in frozen {
        let thawed = one(record).await;
        outcomes.push(thawed.and(records.strike(record)));
    }
    first(outcomes)
}

async fn one(record: &Record) -> Result<(), HookError> {
    let unit = Unit::of(&record.target);
    let before = unit.state().await?;
    if record.invocation.is_empty() {
        stop(&unit).await?;
        return Err(unit.lost("the freeze hadn't come to its lock".to_owned()));
    }
    if !before.is_active() {
        return Err(unit.lost(before.describe()));
    }
    if before.invocation() != record.invocation {
        return Err(unit.lost("it was started anew since, for somebody else".to_owned()));
    }
    stop(&unit).await?;
    let after = unit.state().await?;
    if !after.ended_well() {
        return Err(unit.lost(after.describe()));
    }
    match record.displaces {
        true => Err(unit.lost(
            "an earlier freeze for the same caller was over and not thawed, and this may be its thaw".to_owned(),
        )),
        false => Ok(()),
    }
}

/// Ends what was begun, of which nothing will be made: it doesn't matter whether it held. Fails only if the database may
/// still be locked for it. What somebody else has started since is left alone.
pub(super) async fn abort(frozen: &[Record], records: &Records) -> Result<(), HookError> {
    let mut outcomes = Vec::new();
    for record in frozen {
        let stopped = end_own(record).await;
        outcomes.push(stopped.and(records.strike(record)));
    }
    first(outcomes)
}

async fn end_own(record: &Record) -> Result<(), HookError> {
    let unit = Unit::of(&record.target);
    let state = unit.state().await?;
    let is_anothers = !record.invocation.is_empty() && state.invocation() != record.invocation;
    match is_anothers {
        true => Ok(()),
        false => stop(&unit).await,
    }
}

async fn stop(unit: &Unit) -> Result<(), HookError> {
    let stopped = unit.stop().await?;
    match stopped.status.success() {
        true => Ok(()),
        false => Err(HookError::NotStopped {
            unit: unit.name().to_owned(),
            why: String::from_utf8_lossy(&stopped.stderr).trim().to_owned(),
        }),
    }
}

/// The first failure; the others are told here.
fn first(outcomes: Vec<Result<(), HookError>>) -> Result<(), HookError> {
    let mut failures = outcomes.into_iter().filter_map(Result::err);
    let first = failures.next();
    for other in failures {
        tracing::error!("{other}");
    }
    first.map_or(Ok(()), Err)
}
