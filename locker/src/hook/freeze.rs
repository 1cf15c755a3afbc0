//! The way into the freeze: every target, or none.

use mariasnap_dbus::TargetName;

use super::HookError;
use super::record::{Record, Records};
use super::unit::Unit;
use crate::config::HookName;
use crate::interrupt::{Deadline, Stop};

/// Freezes the targets, one after the other. Where one can't be, those before it are thawed, for a caller whose hook fails
/// doesn't call it again.
pub(super) async fn all(
    name: HookName,
    targets: &[TargetName],
    records: &Records,
    deadline: Deadline,
    stop: &mut Stop,
) -> Result<(), HookError> {
    let _only_one = records.lock()?;
    let mut frozen = Vec::new();
    for target in targets {
        match one(name, target, records, deadline, stop).await {
            Ok(record) => frozen.push(record),
            Err(error) => {
                super::thaw::abort(&frozen, records).await?;
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn one(
    name: HookName,
    target: &TargetName,
    records: &Records,
    deadline: Deadline,
    stop: &mut Stop,
) -> Result<Record, HookError> {
    let unit = Unit::of(target);
    require_free(target, &unit, records).await?;
    let mut record = Record {
        target: target.clone(),
        hook: name,
        invocation: String::new(),
    };
    records.write(&record)?;
    let started = stop.unless(Some(deadline), start(&unit)).await;
    let failure = match started {
        Ok(Ok(invocation)) => {
            record.invocation = invocation;
            // From here on a thaw knows it for its own.
            match records.write(&record) {
                Ok(()) => return Ok(record),
                Err(error) => error,
            }
        }
        Ok(Err(error)) => error,
        Err(interrupt) => HookError::Interrupted(interrupt),
    };
    // Whatever came of the start, it must not come to a lock any more.
    super::thaw::abort(&[record], records).await?;
    Err(failure)
}

/// A unit that runs already would take a second start for done, and its first thaw would end both.
async fn require_free(target: &TargetName, unit: &Unit, records: &Records) -> Result<(), HookError> {
    if unit.state().await?.is_at_rest() {
        return Ok(());
    }
    let by = match records.read(target)? {
        Some(record) => format!("the hook {}", record.hook),
        None => format!("whoever started {}", unit.name()),
    };
    let target = target.clone();
    Err(HookError::Busy { target, by })
}

/// Returns the invocation that holds the lock.
async fn start(unit: &Unit) -> Result<String, HookError> {
    let started = unit.start().await?;
    let state = unit.state().await?;
    if started.status.success() && state.is_active() && !state.invocation().is_empty() {
        println!("{}", state.status());
        return Ok(state.invocation().to_owned());
    }
    let said = String::from_utf8_lossy(&started.stderr).trim().replace('\n', " ");
    Err(HookError::NotStarted {
        unit: unit.name().to_owned(),
        why: format!("{}; {said}", state.describe()),
        status: state.exit_status(),
    })
}
