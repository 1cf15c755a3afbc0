//! The commands, from arguments to report.

mod detached;
mod hold;

use std::io::Write;
use std::path::Path;

use mariasnap_dbus::properties::{LOCK, STATE, shown_state};
use mariasnap_dbus::{DestroyOutcome, DestroyRequest, Outcome, Snapshot, SnapshotName, TargetName};
use serde::Serialize;
use tracing::Instrument;

use crate::cli::{Cli, Command};
use crate::config::{self, HelperSettings};
use crate::error::Error;
use crate::exit::Exit;
use crate::helper::{Caller, Helper};
use crate::interrupt::Stop;
use crate::quiet::Blocker;
use crate::report::{self, Report};
use crate::snapshot::{self, Job, Recorded};
use crate::{generate, hook, layout, run_id, setup, table};

/// Does what the command line says, tells what failed, and returns the exit code.
///
/// Waits for the end itself: with a future, the binary would compile all that is below it a second time.
pub fn run(cli: Cli) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(command(cli)),
        Err(error) => tell(cli.json(), &Error::Runtime(error)),
    }
}

async fn command(cli: Cli) -> Exit {
    let json = cli.json();
    let done = match cli.command {
        Command::Snapshot(args) => return snapshot(&args.config.dir, &args.target, json).await,
        Command::List(args) => list(&args.config.dir, &args.target, json).await,
        Command::Destroy(args) => destroy(&args.config.dir, &args.target, &args.names, json).await,
        Command::Check(args) => check(&args.config.dir, &args.target, json).await,
        Command::Freeze(args) if args.detach => return detached::freeze(&args).await,
        Command::Thaw(args) => detached::thaw(&args).await,
        Command::Idle => detached::idle().await,
        Command::Freeze(args) => return hold::freeze(args).await,
        Command::Run(args) => return hold::run(args).await,
        Command::Frozen(args) => hold::frozen(&args),
        Command::Hook(args) => hook::run(&args.into()).await.map(|()| Exit::Ok).map_err(Error::from),
        Command::Targets(_) => targets(json).await,
        Command::Generate { what, dir } => {
            let done = generate::run(what, &dir).map_err(|source| Error::Generate { dir, source });
            done.map(|()| Exit::Ok)
        }
        Command::Setup(args) => setup::run(args).await.map(|()| Exit::Ok).map_err(Error::from),
    };
    done.unwrap_or_else(|error| tell(json, &error))
}

/// All that a run logs, its failure too, carries its id and its target.
async fn snapshot(dir: &Path, target: &TargetName, json: bool) -> Exit {
    let run = run_id::this_run();
    let span = tracing::error_span!("snapshot", snapshot_target = %target, %run);
    let story = async {
        let done = take(dir, target, &run, json).await;
        done.unwrap_or_else(|error| tell(json, &error))
    };
    story.instrument(span).await
}

async fn take(dir: &Path, target: &TargetName, run: &str, json: bool) -> Result<Exit, Error> {
    // Caught from here on: a signal ends the run by way of the unlock.
    let mut stop = Stop::catch().map_err(Error::Runtime)?;
    let settings = config::load(dir, target)?;
    let job = Job {
        target,
        settings: &settings,
        run,
    };
    let report: Report = snapshot::run(job, &mut stop).await.map_err(Box::new)?;
    report::log::warnings(&report);
    show(json, &report, || report.to_string())?;
    Ok(report.exit())
}

async fn list(dir: &Path, target: &TargetName, json: bool) -> Result<Exit, Error> {
    let helper = Helper::connect(&config::load_helper(dir, target)?, Caller::Person).await?;
    let snapshots = helper.list(target).await?;
    let listing = Listing {
        target,
        snapshots: snapshots.iter().map(Entry::of).collect(),
    };
    show(json, &listing, || table::snapshots(&snapshots))?;
    Ok(Exit::Ok)
}

/// `list --json`.
#[derive(Serialize)]
struct Listing<'a> {
    target: &'a TargetName,
    snapshots: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    /// The first thing that a reader wants to know, so not only among the properties.
    state: &'a str,
    /// Where the server stood, which the properties tell piece by piece.
    position: Recorded,
    #[serde(flatten)]
    snapshot: &'a Snapshot,
}

impl<'a> Entry<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let state = shown_state(snapshot.property(STATE), snapshot.property(LOCK));
        let position = Recorded::read(&snapshot.properties);
        Self {
            state,
            position,
            snapshot,
        }
    }
}

async fn check(dir: &Path, target: &TargetName, json: bool) -> Result<Exit, Error> {
    let settings = config::load(dir, target)?;
    let check = layout::check(target, &settings).await?;
    show(json, &check, || check.to_string())?;
    Ok(Exit::from(check.verdict))
}

async fn targets(json: bool) -> Result<Exit, Error> {
    let helper = Helper::connect(&HelperSettings::default(), Caller::Person).await?;
    let targets = helper.targets().await?;
    let listing = serde_json::json!({ "targets": targets });
    show(json, &listing, || table::targets(&targets))?;
    Ok(Exit::Ok)
}

/// Destroys by name; the guids come from a listing, so that a name means what the person saw under it.
async fn destroy(dir: &Path, target: &TargetName, names: &[SnapshotName], json: bool) -> Result<Exit, Error> {
    let helper = Helper::connect(&config::load_helper(dir, target)?, Caller::Person).await?;
    let listed = helper.list(target).await?;
    let (requests, mut outcomes) = look_up(&listed, names);
    if !requests.is_empty() {
        outcomes.extend(helper.destroy(target, &requests).await?);
    }
    let done = serde_json::json!({ "target": target, "outcomes": outcomes });
    show(json, &done, || table::outcomes(&outcomes))?;
    let is_left = |outcome: &&DestroyOutcome| Outcome::from_wire(&outcome.outcome) != Outcome::Destroyed;
    match outcomes.iter().filter(is_left).count() {
        0 => Ok(Exit::Ok),
        failed => Err(Error::NotDestroyed {
            failed,
            asked: names.len(),
        }),
    }
}

fn look_up(listed: &[Snapshot], names: &[SnapshotName]) -> (Vec<DestroyRequest>, Vec<DestroyOutcome>) {
    let (mut requests, mut missing) = (Vec::new(), Vec::new());
    for name in names.iter().map(SnapshotName::as_str) {
        match listed.iter().find(|snapshot| snapshot.name == name) {
            Some(found) => requests.push(DestroyRequest {
                name: name.to_owned(),
                guid: found.guid,
            }),
            None => missing.push(DestroyOutcome {
                name: name.to_owned(),
                outcome: Outcome::NotFound.as_str().to_owned(),
                detail: "no snapshot of that name on the target".to_owned(),
            }),
        }
    }
    (requests, missing)
}

fn show(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Error> {
    let mut out = match json {
        true => serde_json::to_string(value).map_err(|error| Error::Output(error.into()))?,
        false => text(),
    };
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(out.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(Error::Output)
}

/// What a failure tells: the message on standard error, and with `--json` an object on standard output too.
fn tell(json: bool, error: &Error) -> Exit {
    #[derive(Serialize)]
    struct Failure<'a> {
        error: Detail<'a>,
    }
    #[derive(Serialize)]
    struct Detail<'a> {
        kind: &'static str,
        message: String,
        exit_code: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        snapshot: Option<&'a str>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        blockers: &'a [Blocker],
    }
    let exit = Exit::from(error);
    report::log::failed(error);
    // The outcomes of destroy are that object already.
    if json && !matches!(error, Error::NotDestroyed { .. } | Error::Output(_)) {
        let detail = Detail {
            kind: exit.kind(),
            message: error.to_string(),
            exit_code: exit.code(),
            snapshot: error.snapshot(),
            blockers: error.blockers(),
        };
        if let Err(error) = show(true, &Failure { error: detail }, String::new) {
            report::log::failed(&error);
        }
    }
    exit
}
