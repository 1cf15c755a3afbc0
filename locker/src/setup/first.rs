//! The first snapshot: proof that everything is in place.

use std::path::Path;
use std::time::Duration;

use mariasnap_dbus::properties;

use super::args::Args;
use super::console::{quote, say};
use super::error::SetupError;
use super::plan::Plan;
use super::program::{self, JOURNALCTL, SYSTEMCTL};
use super::units;
use crate::config;
use crate::exit::Exit;
use crate::helper::{Caller, Helper};

/// How long polkitd may take to notice a new rule; it watches the directory, and mostly needs milliseconds.
const RULE_NOTICED: Duration = Duration::from_secs(3);

/// Takes a snapshot, unless nothing has changed and there is one. Returns the newest one's name.
pub(crate) async fn snapshot(args: &Args, plan: &Plan) -> Result<Option<String>, SetupError> {
    if args.no_snapshot {
        return Ok(None);
    }
    if !plan.changes()
        && let Some(name) = newest(args).await
    {
        return Ok(Some(name));
    }
    say(format!("systemctl start {} (the first snapshot)", units::service(args)));
    take(args, plan.rule.writes()).await?;
    Ok(newest(args).await)
}

/// If the run is refused right after the rule was written, polkitd may not have read the rule yet: then, and only then,
/// it is tried a second time.
async fn take(args: &Args, rule_is_new: bool) -> Result<(), SetupError> {
    let unit = units::service(args);
    let refused = Exit::Refused.code().to_string();
    let mut result = start(&unit);
    if result.is_err() && rule_is_new && units::property(&unit, "ExecMainStatus").as_deref() == Some(&refused) {
        say("          refused; polkitd may not have read the new rule yet, trying once more");
        tokio::time::sleep(RULE_NOTICED).await;
        result = start(&unit);
    }
    result.map_err(|_| failure(unit))
}

fn start(unit: &str) -> Result<(), SetupError> {
    program::output(SYSTEMCTL, &["start", unit]).map(drop)
}

fn failure(unit: String) -> SetupError {
    if let Some(log) = log_of_last_run(&unit) {
        quote(&log);
    }
    SetupError::Snapshot {
        status: units::property(&unit, "ExecMainStatus").unwrap_or_else(|| "unknown".to_owned()),
        unit,
    }
}

/// What the unit said in its last run, and what systemd said of it.
fn log_of_last_run(unit: &str) -> Option<String> {
    let invocation = units::property(unit, "InvocationID")?;
    let (own, of_systemd) = (
        format!("_SYSTEMD_INVOCATION_ID={invocation}"),
        format!("INVOCATION_ID={invocation}"),
    );
    let arguments = ["-n", "20", "--no-pager", "-o", "short-iso", &own, "+", &of_systemd];
    program::output(JOURNALCTL, &arguments).ok()
}

/// The newest consistent snapshot. Nothing depends on the answer, so a helper that can't be asked has none.
async fn newest(args: &Args) -> Option<String> {
    let settings = config::load_helper(Path::new(config::DEFAULT_DIR), &args.target).ok()?;
    let helper = Helper::connect(&settings, Caller::Locker).await.ok()?;
    let snapshots = helper.list(&args.target).await.ok()?;
    let consistent = |state| state == Some(properties::STATE_CONSISTENT);
    let newest = snapshots
        .iter()
        .rfind(|snapshot| consistent(snapshot.property(properties::STATE)));
    newest.map(|snapshot| snapshot.name.clone())
}
