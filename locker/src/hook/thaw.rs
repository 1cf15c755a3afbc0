//! The way out of the freeze, and whether it held.

use super::HookError;
use super::record::{Record, Records};
use super::unit::Unit;

/// Thaws all of them, whatever comes of each, and fails if any wasn't frozen to the end.
pub(super) async fn all(frozen: &[Record], records: &Records) -> Result<(), HookError> {
    let mut failure = None;
    for record in frozen {
        let thawed = one(record).await;
        let struck = records.strike(record);
        if let Err(error) = thawed.and(struck)
            && let Some(earlier) = failure.replace(error)
        {
            tracing::error!("{earlier}");
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn one(record: &Record) -> Result<(), HookError> {
    let unit = Unit::of(&record.target);
    let lost = |why: String| HookError::Lost {
        unit: unit.name().to_owned(),
        why,
    };
    let before = unit.state().await?;
    if record.invocation.is_empty() {
        unit.stop().await?;
        return Err(lost("the freeze hadn't come to its lock".to_owned()));
    }
    if !before.is_active() {
        return Err(lost(before.describe()));
    }
    if before.invocation() != record.invocation {
        return Err(lost("it was started anew since, for somebody else".to_owned()));
    }
    let stopped = unit.stop().await?;
    let after = unit.state().await?;
    match stopped.status.success() && after.ended_well() {
        true => Ok(()),
        false => Err(lost(after.describe())),
    }
}

/// Ends what was begun, of which nothing will be made: it doesn't matter whether it held. Fails only if the database may
/// still be locked.
pub(super) async fn abort(frozen: &[Record], records: &Records) -> Result<(), HookError> {
    let mut failure = None;
    for record in frozen {
        let unit = Unit::of(&record.target);
        let stopped = match unit.stop().await {
            Ok(stopped) if stopped.status.success() => Ok(()),
            Ok(stopped) => Err(HookError::Lost {
                unit: unit.name().to_owned(),
                why: String::from_utf8_lossy(&stopped.stderr).trim().to_owned(),
            }),
            Err(error) => Err(error),
        };
        if let Err(error) = stopped.and(records.strike(record)) {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}
