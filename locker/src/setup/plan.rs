//! What is to be done, decided in full before anything is: pure.

use std::path::PathBuf;

use mariasnap_dbus::{IdError, Prefix};

use super::account::{self, Account, AccountPlan};
use super::advice::{self, Properties};
use super::args::Args;
use super::error::SetupError;
use super::files::{Change, Paths, Planned, TargetFile, same_text, same_toml, timer};
use super::helper_file;
use super::layout::{Layout, uncovered};
use super::rule;
use super::server::{Variables, Version};
use super::target::Target;
use super::units::State;

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
    let helper = Planned {
        path: paths.helper.clone(),
        wanted: merged.text,
        present: present.helper.clone(),
        change: merged.change,
    };
    Ok(Plan {
        target_file: target_file(args, paths, &survey),
        rule: rule::planned(paths.rule.clone(), &merged.effective, present.rule.clone(), args.force)?,
        timer: args
            .on_calendar
            .as_ref()
            .map(|spec| compared(paths.timer.clone(), timer(spec.as_str()), present.timer.clone(), args)),
        helper,
        helper_difference: merged.difference,
        target: merged.effective,
        account: account::plan(survey.version, survey.account.as_ref(), survey.plugin_ready),
        advice: advice::advise(layout, &survey.properties, &survey.variables),
        units: survey.units,
        warnings: survey.layout.warnings,
    })
}

fn wanted(args: &Args, layout: &Layout) -> Result<Target, IdError> {
    Ok(Target {
        name: args.target.clone(),
        members: layout.members.clone(),
        prefix: Prefix::parse("mariasnap")?,
        min_keep: 1,
    })
}

fn target_file(args: &Args, paths: &Paths, survey: &Survey) -> Planned {
    let file = TargetFile {
        name: &args.target,
        socket: &survey.socket.to_string_lossy(),
        keep: args.keep_last,
    };
    let present = survey.present.target.clone();
    let table = present.as_deref().and_then(|text| text.parse().ok());
    let wanted = file.render(table.as_ref());
    Planned::new(paths.target.clone(), wanted, present, args.force, same_toml)
}

fn compared(path: PathBuf, wanted: String, present: Option<String>, args: &Args) -> Planned {
    Planned::new(path, wanted, present, args.force, same_text)
}

impl Change {
    /// What is told of a file before anything is done.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Create => "to be created",
            Self::Extend => "to get this target's entry, the rest stays",
            Self::Unchanged => "unchanged",
            Self::Keep => "differs and is kept; --force replaces it",
            Self::Replace => "differs and is to be replaced, after a copy",
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
