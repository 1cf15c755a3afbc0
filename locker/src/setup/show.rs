//! The plan and the outcome, as a person reads them.

use super::account::ACCOUNT;
use super::args::Args;
use super::console::{quote, say, warn};
use super::diff::diff;
use super::files::{Change, Planned};
use super::plan::{Plan, Survey};
use super::program::SYSTEMCTL;
use super::units;

/// What was found.
pub(crate) fn survey(args: &Args, survey: &Survey) {
    let layout = &survey.layout;
    say(format!("target    {}", args.target));
    say(format!("server    {} on {}", survey.version, survey.socket.display()));
    say(format!("data      {} on {}", layout.datadir.display(), layout.data));
}

/// What is to be done.
pub(crate) fn plan(args: &Args, plan: &Plan) {
    say(format!("datasets  {}", plan.target.detail()));
    for file in plan.files() {
        say(format!("file      {}: {}", file.path.display(), file.change.describe()));
        if matches!(file.change, Change::Keep | Change::Replace) {
            quote(&difference(plan, file));
        }
    }
    match plan.account.statements.len() {
        0 => say(format!("account   {ACCOUNT}: unchanged")),
        _ => say(format!("account   {ACCOUNT}: to be created or completed")),
    }
    say(format!("timer     {}", timer(args, plan)));
    say(format!("snapshot  {}", snapshot(args, plan)));
    for warning in plan.warnings.iter().chain(&plan.account.notes) {
        warn(warning);
    }
    for advice in &plan.advice {
        say(format!("advice: {advice}"));
    }
}

fn timer(args: &Args, plan: &Plan) -> &'static str {
    match (args.no_timer, plan.units.timer) {
        (true, _) => "left as it is",
        (false, true) => "enabled already",
        (false, false) => "to be enabled",
    }
}

fn snapshot(args: &Args, plan: &Plan) -> &'static str {
    match (args.no_snapshot, plan.changes()) {
        (true, _) => "none now",
        (false, true) => "one now, as proof",
        (false, false) => "one now, as proof, unless there is one",
    }
}

/// How what is there (`-`) differs from what setup would write (`+`).
fn difference(plan: &Plan, file: &Planned) -> String {
    match file.path == plan.helper.path && file.change == Change::Keep {
        true => plan.helper_difference.clone(),
        false => diff(file.present.as_deref().unwrap_or_default(), &file.wanted),
    }
}

/// Every byte and every statement that would be written.
pub(crate) fn in_full(args: &Args, plan: &Plan) {
    for file in plan.files().filter(|file| file.writes()) {
        say(format!("\nwould write {}:", file.path.display()));
        quote(&file.wanted);
    }
    if !plan.account.statements.is_empty() {
        say("\nwould run on the server:");
        plan.account.statements.iter().for_each(|sql| quote(&format!("{sql};")));
    }
    let mut commands = units::commands(args, plan);
    if !args.no_snapshot {
        commands.push(vec!["start".to_owned(), units::service(args)]);
    }
    if !commands.is_empty() {
        say("\nwould run:");
    }
    for command in commands {
        quote(&format!("{SYSTEMCTL} {}", command.join(" ")));
    }
    say("\nnothing was changed");
}

/// What there is now, and what to do next.
pub(crate) fn summary(args: &Args, plan: &Plan, snapshot: Option<&str>) {
    let (name, service, timer) = (&args.target, units::service(args), units::timer(args));
    if !plan.changes() && units::commands(args, plan).is_empty() {
        say("nothing had to be changed");
    }
    say(format!("target {name} is set up: {}", plan.target.detail()));
    if let Some(snapshot) = snapshot {
        say(format!("  snapshot   {snapshot}"));
    }
    let next = units::property(&timer, "NextElapseUSecRealtime");
    say(format!(
        "  next run   {}",
        next.unwrap_or_else(|| format!("none: systemctl enable --now {timer}"))
    ));
    say(format!("  take one   systemctl start {service}"));
    say(format!("  list       mariasnap list {name}"));
    say(format!("  settings   {}", plan.target_file.path.display()));
    say(format!("  log        journalctl -u {service}"));
    let kept: Vec<_> = plan.files().filter(|file| file.change == Change::Keep).collect();
    for file in kept {
        warn(format!(
            "{} differs from what setup would write and was kept",
            file.path.display()
        ));
    }
}
