//! `mariasnap freeze`, `run` and `frozen`: the database held still for others.

use serde::Serialize;
use tracing::Instrument;

use super::{show, tell};
use crate::cli::{FreezeArgs, FrozenArgs, RunArgs, TargetArgs};
use crate::config::{self, Settings};
use crate::database::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::freeze::{self, Claim, FreezeError, Frozen, Job, Lapse, Seen, Thawed, Verdict};
use crate::interrupt::Stop;
use crate::lock::Cause;
use crate::logging::{ready, step};
use crate::report::log;
use crate::run_id;
use crate::snapshot::milliseconds;

/// How the line of `--json` begins that says so.
pub(super) const FROZEN: &str = "{\"event\":\"frozen\"";

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Frozen(&'a Frozen),
    Thawed { target: &'a str, held_ms: u64 },
}

pub(super) async fn freeze(args: FreezeArgs) -> Exit {
    let (json, once) = (args.target.output.json, args.once);
    let mut stop = match Stop::catch() {
        Ok(stop) => stop,
        Err(error) => return tell(json, &Error::Runtime(error)),
    };
    let run = run_id::this_run();
    let span = tracing::error_span!("freeze", snapshot_target = %args.target.target, %run);
    let story = async {
        let Err(error) = hold_still(&args, &run, &mut stop).await else {
            return Exit::Ok;
        };
        let exit = tell(json, &error);
        if once && !args.detached && !error.is_signal() {
            step(&format!("not frozen, and not tried again: {error}"));
            stop.come().await;
        }
        exit
    };
    story.instrument(span).await
}

async fn hold_still(args: &FreezeArgs, run: &str, stop: &mut Stop) -> Result<(), Error> {
    let (settings, json) = (settings(&args.target).await?, args.target.output.json);
    let job = Job {
        target: &args.target.target,
        settings: &settings,
        run,
        run_dir: &args.run.dir,
        once: args.once,
    };
    let mut claim = job.claim().map_err(Box::new)?;
    if args.detached {
        nothing_is_unthawed(args, &claim)?;
    }
    let mut is_told = false;
    let act = async |frozen: &Frozen| {
        announce(frozen);
        let shown = show(json, &Event::Frozen(frozen), || frozen.to_string());
        is_told = shown.is_ok();
        match (shown, args.until_stdin_closes) {
            (Err(error), _) => Err(error),
            (Ok(()), true) => input_ends().await,
            (Ok(()), false) => std::future::pending().await,
        }
    };
    let done = freeze::run(job, &mut claim, act, Some(Ok(())), stop).await;
    let done = done.map_err(|error| Error::from(Box::new(error)));
    if args.detached && is_told {
        leave_word(args, run, done.as_ref().err());
    }
    drop(claim);
    let thawed = done?;
    log::thawed(&thawed);
    match args.detached {
        // Whoever read the first line is gone.
        true => {}
        false => show_thawed(&thawed, json)?,
    }
    thawed.end
}

/// Whoever began a freeze that nobody has thawed would take ours for its own. Asked under the claim, before whose end every
/// word of an earlier freeze was left.
fn nothing_is_unthawed(args: &FreezeArgs, claim: &Claim) -> Result<(), Error> {
    match Verdict::take(&args.run.dir, &args.target.target).map_err(Error::Verdict)? {
        Some(verdict) => Err(Error::NotThawed(verdict.message)),
        None if claim.displaces() => Err(Error::NotThawed(KILLED.to_owned())),
        None => Ok(()),
    }
}

/// For whoever thaws, who takes it for lost where there is no word. Left before the claim is given up, so that nobody freezes
/// anew without having seen it.
fn leave_word(args: &FreezeArgs, run: &str, failure: Option<&Error>) {
    let target = &args.target.target;
    let (exit, message) = match failure {
        None => (Exit::Ok, format!("{target} is thawed; the lock was held all the while")),
        Some(error) => (Exit::from(error), error.to_string()),
    };
    let verdict = Verdict {
        run: run.to_owned(),
        pid: std::process::id(),
        exit_code: exit.code(),
        message,
    };
    if let Err(error) = verdict.write(&args.run.dir, target) {
        log::failed(&Error::Verdict(error));
    }
}

/// Reads on a thread of its own, which the runtime doesn't wait for at its end.
async fn input_ends() -> Result<(), Error> {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let read = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        // Nobody waits for it any more where the freeze has ended first.
        ended.send(read).ok();
    });
    match end.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Error::Input(error)),
        Err(_) => Err(Error::Input(std::io::ErrorKind::BrokenPipe.into())),
    }
}

pub(super) async fn run(args: RunArgs) -> Exit {
    let json = args.target.output.json;
    let run = run_id::this_run();
    let span = tracing::error_span!("run", snapshot_target = %args.target.target, %run);
    let story = async {
        let done = hold_around(&args, &run).await;
        done.map_or_else(|error| tell(json, &error), |()| Exit::Ok)
    };
    story.instrument(span).await
}

async fn hold_around(args: &RunArgs, run: &str) -> Result<(), Error> {
    let mut stop = Stop::catch().map_err(Error::Runtime)?;
    let settings = settings(&args.target).await?;
    let job = Job {
        target: &args.target.target,
        settings: &settings,
        run,
        run_dir: &args.run.dir,
        once: false,
    };
    let done = freeze::around(job, &args.command, announce, &mut stop).await;
    let thawed = done.map_err(Box::new)?;
    log::thawed(&thawed);
    match args.target.output.json {
        true => show_thawed(&thawed, true),
        // The command's own output is what the caller is after.
        false => Ok(()),
    }
}

/// The account is one that the server knows by its uid, as setup makes it; then root can't log in as it, but as itself.
async fn settings(args: &TargetArgs) -> Result<Settings, Error> {
    let mut settings = config::load(&args.config.dir, &args.target)?.for_freeze();
    if let Some(as_root) = settings.database.for_root() {
        match Session::connect(&settings.database).await {
            Ok(session) => session.close().await,
            Err(error) if error.is_denied() => settings.database = as_root,
            // The freeze meets it as well, and tells.
            Err(error) => tracing::debug!(%error, "the database can't be reached"),
        }
    }
    Ok(settings)
}

/// Whoever waits for the lock is told first; the journal, which may be slow, last.
fn announce(frozen: &Frozen) {
    ready(&frozen.to_string());
    log::frozen(frozen);
}

fn show_thawed<T>(thawed: &Thawed<T>, json: bool) -> Result<(), Error> {
    let (target, held_ms) = (thawed.frozen.target.as_str(), milliseconds(thawed.held));
    show(json, &Event::Thawed { target, held_ms }, || thawed.to_string())
}

pub(super) fn frozen(args: &FrozenArgs) -> Result<Exit, Error> {
    match freeze::look(&args.run.dir, &args.target)? {
        Seen::Frozen { told, .. } => {
            show(args.output.json, &told, || told.to_string())?;
            Ok(Exit::Ok)
        }
        Seen::OnItsWay => Err(not_frozen(args, ON_ITS_WAY)),
        Seen::Left | Seen::Nothing => Err(not_frozen(args, "")),
    }
}

/// What became of a freeze that couldn't leave a word.
pub(super) const KILLED: &str = "its process was killed";

/// Why a target isn't frozen whose freeze has been begun.
pub(super) const ON_ITS_WAY: &str = " yet; a freeze is on its way to the lock";

pub(super) fn not_frozen(args: &FrozenArgs, why: &'static str) -> Error {
    let target = args.target.to_string();
    Error::NotFrozen { target, why }
}

impl Error {
    /// Whether somebody asked for the end.
    fn is_signal(&self) -> bool {
        let Self::Freeze(error) = self else { return false };
        match &**error {
            FreezeError::Interrupted(_) => true,
            FreezeError::Lock(error) => matches!(error.cause(), Cause::Interrupt(interrupt) if interrupt.is_signal()),
            FreezeError::Lapsed { lapse, .. } => {
                matches!(lapse, Lapse::Interrupted(interrupt) if interrupt.is_signal())
            }
            _ => false,
        }
    }
}
