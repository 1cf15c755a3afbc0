//! What is to be done, decided in full before anything is: pure.

use std::path::PathBuf;

use mariasnap_dbus::{IdError, Prefix};

use super::account::{self, Account, AccountPlan};
use super::advice::{self, Properties};
use super::args::Args;
use super::error::SetupError;
use super::files::{Change, Paths, Planned, planned_timer};
use super::helper_file::{self, Merged};
use super::layout::{Layout, uncovered};
use super::rule;
use super::target::Target;
use super::target_file::TargetFile;
use super::units::State;
use crate::database::Version;
use crate::layout::variables::Variables;

/// Everything that setup has read.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The server's socket.
    pub(crate) socket: PathBuf,
    /// The server's version.
    pub(crate) version: Version,
    /// Its variables.
    pub(crate) variables: Variables,
    /// The account, if there is one.
    pub(crate) account: Option<Account>,
    /// Whether the account's plugin is active.
    pub(crate) plugin_ready: bool,
    /// Where the server's files are.
    pub(crate) layout: Layout,
    /// The datasets' properties.
    pub(crate) properties: Properties,
    /// The files that are there.
    pub(crate) present: Present,
    /// The units that are on.
    pub(crate) units: State,
}

/// The texts of the files that are there.
#[derive(Debug, Default)]
pub(crate) struct Present {
    pub(crate) helper: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) timer: Option<String>,
}

/// Everything that is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The target as the helper will know it.
    pub(crate) target: Target,
    /// The helper's configuration.
    pub(crate) helper: Planned,
    /// Where the helper's entry is kept though it differs: how.
    pub(crate) helper_difference: String,
    /// The target's configuration.
    pub(crate) target_file: Planned,
    /// The polkit rule.
    pub(crate) rule: Planned,
    /// The timer's drop-in, where a calendar was given.
    pub(crate) timer: Option<Planned>,
    /// The account.
    pub(crate) account: AccountPlan,
    /// The units that are on.
    pub(crate) units: State,
    /// What the snapshot leaves out.
    pub(crate) warnings: Vec<String>,
    /// What could be better.
    pub(crate) advice: Vec<String>,
}

impl Plan {
    /// The files, in the order of writing.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Planned> {
        [&self.helper, &self.target_file, &self.rule]
            .into_iter()
            .chain(&self.timer)
    }

    /// Whether a file or the account is to change.
    pub(crate) fn changes(&self) -> bool {
        self.files().any(Planned::writes) || !self.account.statements.is_empty()
    }
}

/// Decides.
pub(crate) fn make(args: &Args, paths: &Paths, survey: Survey) -> Result<Plan, SetupError> {
    let Survey { layout, present, .. } = &survey;
    let wanted = wanted(args, layout).map_err(|error| SetupError::Refused(error.to_string()))?;
    let merged = helper_file::merge(present.helper.as_deref(), &wanted, args.force)
        .map_err(|error| SetupError::helper_file(paths.helper.clone(), error))?;
    check_entry(args, paths, layout, &merged)?;
    let helper = Planned {
        path: paths.helper.clone(),
        wanted: merged.text,
        present: present.helper.clone(),
        change: merged.change,
    };
    Ok(Plan {
        target_file: target_file(args, paths, &survey)?,
        rule: rule::planned(paths.rule.clone(), &merged.effective, present.rule.clone(), args.force)?,
        timer: timer(args, paths, present)?,
        helper,
        helper_difference: merged.difference,
        target: merged.effective,
        account: account::plan(survey.version, survey.account.as_ref(), survey.plugin_ready),
        advice: advice::advise(layout, &survey.properties, &survey.variables),
        units: survey.units,
        warnings: survey.layout.warnings,
    })
}

/// A kept entry must hold all that the server needs, and be what the admin asks for this time, if anything.
fn check_entry(args: &Args, paths: &Paths, layout: &Layout, merged: &Merged) -> Result<(), SetupError> {
    if let Some(need) = uncovered(&merged.effective.members, &layout.needs) {
        return Err(SetupError::HelperFile {
            path: paths.helper.clone(),
            why: format!(
                "[targets.{}] is not what setup would write, and {need}, which it leaves out; add that to the entry, or let \
                 --force replace it",
                args.target
            ),
        });
    }
    if merged.change == Change::Keep && !args.datasets.is_empty() {
        return Err(SetupError::HelperFile {
            path: paths.helper.clone(),
            why: format!(
                "nothing was done, --dataset neither, as [targets.{}] names other datasets: {}; change the entry, or let \
                 --force replace it",
                args.target,
                merged.effective.detail()
            ),
        });
    }
    Ok(())
}

fn wanted(args: &Args, layout: &Layout) -> Result<Target, IdError> {
    Ok(Target {
        name: args.target.clone(),
        members: layout.members.clone(),
        prefix: Prefix::parse("mariasnap")?,
        min_keep: 1,
    })
}

fn target_file(args: &Args, paths: &Paths, survey: &Survey) -> Result<Planned, SetupError> {
    let file = TargetFile {
        name: &args.target,
        socket: &survey.socket.to_string_lossy(),
        socket_named: args.socket.is_some(),
        keep: args.keep_last,
    };
    file.planned(paths.target.clone(), survey.present.target.clone(), args.force)
}

fn timer(args: &Args, paths: &Paths, present: &Present) -> Result<Option<Planned>, SetupError> {
    let planned = args
        .on_calendar
        .as_ref()
        .map(|spec| planned_timer(paths.timer.clone(), spec.as_str(), present.timer.clone(), args.force));
    planned.transpose()
}

impl Change {
    /// What is told of a file before anything is done.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Create => "to be created",
            Self::Extend => "to get this target's entry, the rest stays",
            Self::Unchanged => "unchanged",
            Self::Own => "has settings of its own, which are kept",
            Self::Keep => "differs and is kept; --force replaces it",
            Self::Replace => "differs and is to be replaced, after a copy",
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
