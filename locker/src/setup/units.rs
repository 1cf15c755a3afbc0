//! systemd's part: the helper's socket, the timer, the first snapshot.

use super::args::Args;
use super::error::SetupError;
use super::plan::Plan;
use super::program::{self, SYSTEMCTL};
use super::rule;

const HELPER_SOCKET: &str = "mariasnap-zfs-helper.socket";
const HELPER_SERVICE: &str = "mariasnap-zfs-helper.service";

/// Which units are enabled and active, as systemd knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// The helper's socket.
    pub(crate) socket: bool,
    /// The target's timer.
    pub(crate) timer: bool,
    /// What was written for the timer before, and systemd has yet to read: by a setup that was cut short, or the admin.
    pub(crate) unread: bool,
}

/// Asks systemd.
pub(crate) fn state(args: &Args) -> State {
    let is = |unit: &str, name, value| property(unit, name).as_deref() == Some(value);
    let is_on = |unit: &str| is(unit, "UnitFileState", "enabled") && is(unit, "ActiveState", "active");
    let timer = timer(args);
    State {
        socket: is_on(HELPER_SOCKET),
        timer: is_on(&timer),
        unread: is(&timer, "NeedDaemonReload", "yes"),
    }
}

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
    require_calendar(args)
}

fn require_calendar(args: &Args) -> Result<(), SetupError> {
    let Some(spec) = &args.on_calendar else {
        return Ok(());
    };
    let parsed = program::output(program::SYSTEMD_ANALYZE, &["calendar", "--", spec.as_str()]);
    parsed
        .map(drop)
        .map_err(|error| SetupError::Refused(format!("--on-calendar: {error}")))
}

/// The commands that bring the units into the state wanted, the first snapshot excepted.
pub(crate) fn commands(args: &Args, plan: &Plan) -> Vec<Vec<String>> {
    let command = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut commands = Vec::new();
    if plan.units.unread || plan.timer.as_ref().is_some_and(|timer| timer.writes()) {
        commands.push(command(&["daemon-reload"]));
    }
    if plan.helper.writes() || plan.rule.writes() {
        // It reads its configuration when it starts, so not yet what the admin added and the rule now follows; it drains
        // before it stops.
        commands.push(command(&["try-restart", HELPER_SERVICE]));
    }
    if !plan.units.socket {
        commands.push(command(&["enable", "--now", HELPER_SOCKET]));
    }
    if !args.no_timer && !plan.units.timer {
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

/// A property of a unit, unless it is empty.
pub(crate) fn property(unit: &str, name: &str) -> Option<String> {
    let wanted = format!("--property={name}");
    let value = program::output(SYSTEMCTL, &["show", &wanted, "--value", unit]).ok()?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}
