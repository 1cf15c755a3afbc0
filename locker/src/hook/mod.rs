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
use record::{Record, Records};

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
                return nothing_asked(call);
            }
            freeze::all(call.name, &targets, &records, deadline, &mut stop).await
        }
        Phase::Thaw => {
            let frozen = records.of(call.name, &call.targets)?;
            if frozen.is_empty() {
                return not_frozen(call);
            }
            let thawed = thaw::all(&frozen, &records).await;
            all_named_were(call, &frozen, thawed)
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

/// VMware's tools find our hook as soon as the package is installed, so it is asleep until a target names it. The others
/// are called because an administrator said so: a success would pass for a lock.
fn nothing_asked(call: &Call) -> Result<(), HookError> {
    let error = HookError::NoTarget {
        name: call.name,
        dir: config::targets_dir(&call.config_dir),
    };
    match call.name {
        HookName::Vmware => {
            tracing::warn!("{error}");
            Ok(())
        }
        HookName::Veeam | HookName::QemuGa | HookName::Generic => Err(error),
    }
}

/// What a thaw comes to: a named target of which nothing was frozen is a failure, however well the others were thawed.
fn all_named_were(call: &Call, frozen: &[Record], thawed: Result<(), HookError>) -> Result<(), HookError> {
    let is_missing = |target: &&TargetName| frozen.iter().all(|record| record.target != **target);
    let targets: Vec<_> = call.targets.iter().filter(is_missing).cloned().collect();
    if targets.is_empty() {
        return thawed;
    }
    let name = call.name;
    let missing = HookError::NotFrozen { name, targets };
    match thawed {
        Ok(()) => Err(missing),
        Err(error) => {
            tracing::error!("{missing}");
            Err(error)
        }
    }
}

/// A thaw has nothing to end. Where something should have been frozen, that is a failure.
fn not_frozen(call: &Call) -> Result<(), HookError> {
    let targets = targets(call)?;
    match targets.is_empty() {
        true => nothing_asked(call),
        false => Err(HookError::NotFrozen {
            name: call.name,
            targets,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn call(name: HookName, named: &[&str]) -> Call {
        Call {
            name,
            phase: String::new(),
            targets: named.iter().map(|target| TargetName::parse(target).unwrap()).collect(),
            budget: None,
            config_dir: PathBuf::from("/nonexistent/mariasnap"),
        }
    }

    #[test]
    fn only_vmwares_hook_sleeps_where_nothing_is_configured() {
        for name in HookName::ALL {
            let call = call(name, &[]);
            assert_eq!(targets(&call).unwrap(), []);
            for told in [nothing_asked(&call), not_frozen(&call)] {
                match (name, told) {
                    (HookName::Vmware, told) => told.unwrap(),
                    (_, told) => {
                        let error = told.unwrap_err();
                        assert_eq!(error.exit(), Exit::Config);
                        let wanted =
                            format!("hooks = [\"{name}\"] under [freeze] into /nonexistent/mariasnap/targets/");
                        assert!(error.to_string().contains(&wanted), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_named_target_that_wasnt_frozen_is_a_failure() {
        let frozen = ["one", "two"].map(|target| Record {
            target: TargetName::parse(target).unwrap(),
            hook: HookName::Generic,
            invocation: "1".to_owned(),
            displaces: false,
        });
        let told = |named: &[&str], thawed| all_named_were(&call(HookName::Generic, named), &frozen, thawed);
        told(&[], Ok(())).unwrap();
        told(&["two", "one"], Ok(())).unwrap();
        let error = told(&["one", "three"], Ok(())).unwrap_err();
        assert_eq!(error.exit(), Exit::NotFrozen);
        assert!(
            error.to_string().contains("three") && !error.to_string().contains("one,"),
            "{error}"
        );
        // What is worse goes first.
        let error = told(&["one", "three"], Err(HookError::AnotherAtWork)).unwrap_err();
        assert_eq!(error.exit(), Exit::Busy);
    }
}
