//! `mariasnap hook`: another system's freeze and thaw, told in its own words, done by mariasnap-freeze@TARGET.service.
//!
//! What is frozen for whom is written down, so that a thaw knows whether the freeze that it ends is the one that was
//! begun for it, and nobody ends another's.

mod caller;
mod error;
mod freeze;
mod record;
mod thaw;
mod unit;

use std::path::PathBuf;

use mariasnap_dbus::TargetName;

pub use error::HookError;

use crate::cli::HookArgs;
use crate::config::{self, Bound, ConfigError, HookName};
use crate::interrupt::{Deadline, Stop};
use caller::Phase;
use record::Records;

/// One call of a hook.
#[derive(Debug)]
pub struct Call {
    name: HookName,
    phase: String,
    targets: Vec<TargetName>,
    budget: Option<Bound>,
    config_dir: PathBuf,
}

impl From<HookArgs> for Call {
    fn from(args: HookArgs) -> Self {
        Self {
            name: args.name,
            phase: args.phase,
            targets: args.targets,
            budget: args.budget,
            config_dir: args.config.dir,
        }
    }
}

/// Freezes or thaws. Freezing succeeds only with every target's lock held, and leaves none held otherwise; thawing only if
/// every lock was held since.
pub async fn run(call: &Call) -> Result<(), HookError> {
    let phase = Phase::of(call.name, &call.phase)?;
    let records = Records::open()?;
    match phase {
        Phase::Freeze => {
            let targets = targets(call)?;
            let mut stop = Stop::catch().map_err(HookError::Runtime)?;
            let deadline = Deadline::budget(call.budget.unwrap_or(caller::budget(call.name)).get());
            if targets.is_empty() {
                nothing_asked(call.name);
            }
            freeze::all(call.name, &targets, &records, deadline, &mut stop).await
        }
        Phase::Thaw => {
            let frozen = records.of(call.name, &call.targets)?;
            if frozen.is_empty() {
                return not_frozen(call);
            }
            thaw::all(&frozen, &records).await
        }
        Phase::Abort => thaw::abort(&records.of(call.name, &call.targets)?, &records).await,
    }
}

/// Those that were named, or those whose configuration names the hook.
fn targets(call: &Call) -> Result<Vec<TargetName>, ConfigError> {
    if !call.targets.is_empty() {
        return Ok(call.targets.clone());
    }
    let mut asked = Vec::new();
    for target in config::targets(&call.config_dir)? {
        if config::load_freeze(&call.config_dir, &target)?
            .hooks
            .contains(&call.name)
        {
            asked.push(target);
        }
    }
    Ok(asked)
}

/// A hook lies where its caller looks for it, asked for or not.
fn nothing_asked(name: HookName) {
    tracing::warn!(
        "no target names {:?} in freeze.hooks, so nothing is frozen",
        name.as_str()
    );
}

/// A thaw has nothing to end. Where something should have been frozen, that is a failure.
fn not_frozen(call: &Call) -> Result<(), HookError> {
    let targets = targets(call)?;
    match targets.is_empty() {
        true => {
            nothing_asked(call.name);
            Ok(())
        }
        false => Err(HookError::NotFrozen {
            name: call.name,
            targets,
        }),
    }
}
