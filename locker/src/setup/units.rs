//! systemd's part: the helper's socket, the timer, the first snapshot.

use std::time::Duration;

use super::args::Args;
use super::console::{quote, say};
use super::error::SetupError;
use super::plan::Plan;
use super::program::{self, SYSTEMCTL};
use super::rule;
use crate::exit::Exit;

const HELPER_SOCKET: &str = "mariasnap-zfs-helper.socket";
const HELPER_SERVICE: &str = "mariasnap-zfs-helper.service";

/// How long polkitd may take to notice a new rule; it watches the directory, and mostly needs milliseconds.
const RULE_NOTICED: Duration = Duration::from_secs(3);

/// Fails unless every unit that setup will use is installed.
pub(crate) fn require(args: &Args) -> Result<(), SetupError> {
    let (service, timer) = (service(args), timer(args));
    for unit in ["polkit.service", HELPER_SOCKET, HELPER_SERVICE, &service, &timer] {
        let state = program::output(SYSTEMCTL, &["show", "--property=LoadState", "--value", unit])?;
        if state.trim() != "loaded" {
            return Err(SetupError::Missing {
                what: format!("unit {unit} ({})", state.trim()),
                advice: match unit {
                    "polkit.service" => "install polkit (Debian, Ubuntu: polkitd)",
                    _ => "install mariasnap whole, then systemctl daemon-reload",
                },
            });
        }
    }
    match &args.on_calendar {
        Some(spec) => program::output(program::SYSTEMD_ANALYZE, &["calendar", "--", spec.as_str()]).map(drop),
        None => Ok(()),
    }
}

/// The commands that bring the units into the state wanted, the first snapshot excepted.
pub(crate) fn commands(args: &Args, plan: &Plan) -> Vec<Vec<String>> {
    let command = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut commands = Vec::new();
    if plan.timer.as_ref().is_some_and(|timer| timer.writes()) {
        commands.push(command(&["daemon-reload"]));
    }
    if plan.helper.writes() {
        // It reads its configuration when it starts; it drains before it stops.
        commands.push(command(&["try-restart", HELPER_SERVICE]));
    }
    commands.push(command(&["enable", "--now", HELPER_SOCKET]));
    if !args.no_timer {
        commands.push(command(&["enable", "--now", &timer(args)]));
    }
    commands
}

/// Runs one of [`commands`].
pub(crate) fn run(command: &[String]) -> Result<(), SetupError> {
    let words: Vec<_> = command.iter().map(String::as_str).collect();
    program::output(SYSTEMCTL, &words).map(drop)
}

/// The target's service.
pub(crate) fn service(args: &Args) -> String {
    rule::service(&args.target)
}

/// The target's timer.
pub(crate) fn timer(args: &Args) -> String {
    format!("mariasnap@{}.timer", args.target)
}

/// Takes the first snapshot. If it is refused right after the rule was written, polkitd may not have read the rule
/// yet: then, and only then, it is tried a second time.
pub(crate) async fn first_snapshot(args: &Args, rule_is_new: bool) -> Result<(), SetupError> {
    let unit = service(args);
    let refused = Exit::Refused.code().to_string();
    let mut result = start(&unit);
    if result.is_err() && rule_is_new && property(&unit, "ExecMainStatus").as_deref() == Some(&refused) {
        say("  refused; polkitd may not have read the new rule yet, trying once more");
        tokio::time::sleep(RULE_NOTICED).await;
        result = start(&unit);
    }
    match result {
        Ok(()) => Ok(()),
        Err(_) => Err(failure(unit)),
    }
}

fn start(unit: &str) -> Result<(), SetupError> {
    program::output(SYSTEMCTL, &["start", unit]).map(drop)
}

fn failure(unit: String) -> SetupError {
    let arguments = ["-u", &unit, "-n", "20", "--no-pager", "-o", "short-iso"];
    if let Ok(log) = program::output(program::JOURNALCTL, &arguments) {
        quote(&log);
    }
    SetupError::Snapshot {
        status: property(&unit, "ExecMainStatus").unwrap_or_else(|| "unknown".to_owned()),
        unit,
    }
}

/// A property of a unit, unless it is empty.
pub(crate) fn property(unit: &str, name: &str) -> Option<String> {
    let wanted = format!("--property={name}");
    let value = program::output(SYSTEMCTL, &["show", &wanted, "--value", unit]).ok()?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}
