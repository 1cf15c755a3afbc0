//! The way out of the freeze, and whether it held.

use super::HookError;
use super::record::{Record, Records};
use super::unit::Unit;

/// Thaws all of them, whatever comes of each, and fails if any wasn't frozen to the end.
pub(super) async fn all(frozen: &[Record], records: &Records) -> Result<(), HookError> {
    each(frozen, records, one).await
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
    each(frozen, records, end_own).await
}

/// Ends each one so and strikes it out, whatever comes of the others. Returns the first failure; the rest are told here.
async fn each(
    frozen: &[Record],
    records: &Records,
    end: impl AsyncFn(&Record) -> Result<(), HookError>,
) -> Result<(), HookError> {
    let mut first = Ok(());
    for record in frozen {
        let ended = end(record).await.and(records.strike(record));
        match (&first, ended) {
            (Err(_), Err(other)) => tracing::error!("{other}"),
            (Ok(()), ended) => first = ended,
            (Err(_), Ok(())) => {}
        }
    }
    first
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
