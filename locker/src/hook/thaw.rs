//! The way out of the freeze, and whether it held.

use std::path::Path;

use jiff::Timestamp;

use super::HookError;
use super::record::{Record, Records};
use super::unit::Unit;
use crate::freeze::{self, Seen};

/// Thaws all of them, whatever comes of each, and fails if any wasn't frozen to the end.
pub(super) async fn all(frozen: &[Record], records: &Records) -> Result<(), HookError> {
    each(frozen, records, one).await
}

async fn one(record: &Record) -> Result<(), HookError> {
    let unit = Unit::of(&record.target);
    let before = match unit.state().await {
        Ok(state) => state,
        Err(error) => {
            stop(&unit, record).await?;
            return Err(unit.lost(format!("whether it held the lock until now isn't known: {error}")));
        }
    };
    if record.invocation.is_empty() {
        stop(&unit, record).await?;
        return Err(unit.lost("the freeze hadn't come to its lock".to_owned()));
    }
    if !before.is_active() {
        return Err(unit.lost(before.describe()));
    }
    if before.invocation() != record.invocation {
        return Err(unit.lost("it was started anew since, for somebody else".to_owned()));
    }
    stop(&unit, record).await?;
    let after = unit.state().await;
    let after = after.map_err(|error| unit.lost(format!("how it ended isn't known: {error}")))?;
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

/// Ends each one so, whatever comes of the others, and strikes it out unless it may still be locked for us, so that it can
/// be ended again. Returns the first failure; the rest are told here.
async fn each(
    frozen: &[Record],
    records: &Records,
    end: impl AsyncFn(&Record) -> Result<(), HookError>,
) -> Result<(), HookError> {
    let mut first = Ok(());
    for record in frozen {
        let ended = match end(record).await {
            Err(error @ HookError::NotStopped { .. }) => Err(error),
            ended => ended.and(records.strike(record)),
        };
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
    let is_anothers = match unit.state().await {
        Ok(state) => !record.invocation.is_empty() && state.invocation() != record.invocation,
        Err(error) => {
            tracing::error!("{error}; {} is stopped all the same", unit.name());
            false
        }
    };
    match is_anothers {
        true => Ok(()),
        false => stop(&unit, record).await,
    }
}

/// Stops it; any failure means that the database may still be locked.
async fn stop(unit: &Unit, record: &Record) -> Result<(), HookError> {
    let why = match unit.stop().await {
        Ok(stopped) if stopped.status.success() => return Ok(()),
        Ok(stopped) => String::from_utf8_lossy(&stopped.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(HookError::NotStopped {
        unit: unit.name().to_owned(),
        until: until(record),
        why,
    })
}

/// When the lock is given back at the latest, as far as it is told; whoever wrote that file is less than root.
fn until(record: &Record) -> String {
    let told = match freeze::look(Path::new(freeze::DEFAULT_RUN_DIR), &record.target) {
        Ok(Seen::Frozen { told, .. }) => told["until"].as_str().and_then(|until| until.parse().ok()),
        _ => None,
    };
    told.map_or_else(
        || "freeze.max_hold is over".to_owned(),
        |until: Timestamp| until.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use mariasnap_dbus::TargetName;

    use super::*;
    use crate::config::HookName;

    fn record(target: &str) -> Record {
        Record {
            target: TargetName::parse(target).unwrap(),
            hook: HookName::Generic,
            invocation: "1".to_owned(),
            displaces: false,
        }
    }

    #[tokio::test]
    async fn what_may_still_be_locked_can_be_thawed_again() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open_at(dir.path()).unwrap();
        let frozen = ["held", "lost", "thawed"].map(record);
        for record in &frozen {
            records.write(record).unwrap();
        }
        let end = async |record: &Record| {
            let unit = Unit::of(&record.target);
            match record.target.as_str() {
                "held" => Err(HookError::NotStopped {
                    unit: unit.name().to_owned(),
                    until: until(record),
                    why: "no bus".to_owned(),
                }),
                "lost" => Err(unit.lost("gone".to_owned())),
                _ => Ok(()),
            }
        };
        let told = each(&frozen, &records, end).await.unwrap_err().to_string();
        assert!(
            told.contains("may still be locked until freeze.max_hold is over: no bus"),
            "{told}"
        );
        assert_eq!(records.of(HookName::Generic, &[]).unwrap(), [record("held")]);
    }
}
