//! The way into the freeze: every target, or none.

use std::io::Write;
use std::path::Path;

use mariasnap_dbus::TargetName;

use super::HookError;
use super::record::{Record, Records};
use super::thaw::abort;
use super::unit::{State, Unit};
use crate::config::HookName;
use crate::freeze;
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
    let failure = loop {
        let Some(target) = targets.get(frozen.len()) else {
            match all_still_are(&frozen).await {
                Ok(()) => return Ok(()),
                Err(error) => break error,
            }
        };
        match one(name, target, records, deadline, stop).await {
            Ok(record) => frozen.push(record),
            Err(error) => break error,
        }
    };
    give_up(&frozen, records).await;
    Err(failure)
}

/// The first may have lost its lock while the last was waited for.
async fn all_still_are(frozen: &[Record]) -> Result<(), HookError> {
    for record in frozen {
        let unit = Unit::of(&record.target);
        let state = unit.state().await?;
        if !state.is_active() || state.invocation() != record.invocation {
            let why = format!("while the others were waited for: {}", state.describe());
            return Err(unit.lost(why));
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
        displaces: records
            .read(name, target)?
            .is_some_and(|left| !left.invocation.is_empty()),
    };
    records.write(&record)?;
    let started = stop.unless(Some(deadline), start(&unit)).await;
    let begun = match started {
        Ok(Ok(state)) => write_down(&mut record, &state, records),
        Ok(Err(error)) => Err(error),
        Err(interrupt) => Err(HookError::Interrupted(interrupt)),
    };
    match begun {
        Ok(()) => Ok(record),
        Err(error) => {
            // Whatever came of the start, it must not come to a lock any more, nor keep one.
            give_up(&[record], records).await;
            Err(error)
        }
    }
}

/// From here on a thaw knows it for its own; and whoever called is told.
fn write_down(record: &mut Record, state: &State, records: &Records) -> Result<(), HookError> {
    state.invocation().clone_into(&mut record.invocation);
    records.write(record)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", state.status())
        .and_then(|()| stdout.flush())
        .map_err(HookError::Output)
}

/// After a failure that is to be told itself.
async fn give_up(frozen: &[Record], records: &Records) {
    if let Err(error) = abort(frozen, records).await {
        tracing::error!("{error}");
    }
}

/// A unit that runs already would take a second start for done, and its first thaw would end both. Where somebody freezes
/// without the unit, it wouldn't start.
async fn require_free(target: &TargetName, unit: &Unit, records: &Records) -> Result<(), HookError> {
    let is_at_rest = unit.state().await?.is_at_rest();
    let by = match (is_at_rest, records.by(target)?) {
        (true, _) if !freeze::look(Path::new(freeze::DEFAULT_RUN_DIR), target)?.is_under_way() => return Ok(()),
        (true, _) => "whoever runs mariasnap freeze or run".to_owned(),
        (false, Some(hook)) => format!("the hook {hook}"),
        (false, None) => format!("whoever started {}", unit.name()),
    };
    let target = target.clone();
    Err(HookError::Busy { target, by })
}

/// Returns what holds the lock.
async fn start(unit: &Unit) -> Result<State, HookError> {
    let started = unit.start().await?;
    let state = unit.state().await?;
    if started.status.success() && state.is_active() && !state.invocation().is_empty() {
        return Ok(state);
    }
    let said = String::from_utf8_lossy(&started.stderr).trim().replace('\n', " ");
    Err(HookError::NotStarted {
        unit: unit.name().to_owned(),
        why: format!("{}; {said}", state.describe()),
        status: state.exit_status(),
    })
}
