//! `mariasnap freeze --detach` and `thaw`: a freeze between two commands, for callers that have a hook before and one after
//! and no service manager, as in a container.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::hold::{KILLED, ON_ITS_WAY, not_frozen};
use super::{show, tell};
use crate::cli::{FreezeArgs, FrozenArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::freeze::{self, Seen, Verdict};
use crate::interrupt::Stop;

/// How long the process that holds the lock may take to give it back and say how it was.
const END: Duration = Duration::from_secs(30);

/// Between two looks for its end.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts a process that freezes, and returns when it has the lock: 0, and only then.
pub(super) async fn freeze(args: &FreezeArgs) -> Exit {
    let json = args.target.output.json;
    let started = start(args).await;
    started.unwrap_or_else(|error| tell(json, &error))
}

async fn start(args: &FreezeArgs) -> Result<Exit, Error> {
    let mut stop = Stop::catch().map_err(Error::Runtime)?;
    let log = Log::of(args);
    let mut child = command(args, &log)
        .map_err(Error::Verdict)?
        .spawn()
        .map_err(Error::Runtime)?;
    let Some(stdout) = child.stdout.take() else {
        return Err(Error::Runtime(std::io::ErrorKind::BrokenPipe.into()));
    };
    let mut told = String::new();
    let mut stdout = BufReader::new(stdout);
    match stop.unless(None, stdout.read_line(&mut told)).await {
        Ok(read) => read.map_err(Error::Runtime)?,
        Err(interrupt) => {
            give_up(args, child).await?;
            return Err(Error::NotDetached(interrupt));
        }
    };
    if told.starts_with(super::hold::FROZEN) {
        let told = log
            .keep(args)
            .map_err(Error::Verdict)
            .and_then(|()| show_told(args, &told));
        if let Err(error) = told {
            give_up(args, child).await?;
            return Err(error);
        }
        return Ok(Exit::Ok);
    }
    failed(args, &log, child, &told).await
}

/// What the process says on its standard error. Until it is frozen, in a file of this command's own, which is removed when
/// dropped: the other may be that of a freeze that is under way.
struct Log(PathBuf);

impl Log {
    fn of(args: &FreezeArgs) -> Self {
        let name = format!("{}.freeze.{}.log", args.target.target, std::process::id());
        Self(args.run.dir.join(name))
    }

    /// Puts it where it is looked for: the target is frozen by this process, and so by no other.
    fn keep(&self, args: &FreezeArgs) -> io::Result<()> {
        let kept = args.run.dir.join(format!("{}.freeze.log", args.target.target));
        std::fs::rename(&self.0, kept)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "can't remove {}", self.0.display());
            }
            _ => {}
        }
    }
}

fn command(args: &FreezeArgs, log: &Log) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([
            "freeze",
            args.target.target.as_str(),
            "--json",
            "--detached",
            "--config-dir",
        ])
        .arg(&args.target.config.dir)
        .arg("--run-dir")
        .arg(&args.run.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Not a pipe: it would break as soon as we are gone, under the lock.
        .stderr(std::fs::File::create(&log.0)?)
        // Whoever ends what called us doesn't mean it.
        .process_group(0);
    if args.once {
        command.arg("--once");
    }
    Ok(command)
}

/// A line of JSON as it is, or its one-line form.
fn show_told(args: &FreezeArgs, told: &str) -> Result<(), Error> {
    let told: serde_json::Value = serde_json::from_str(told).map_err(|error| Error::Output(error.into()))?;
    let target = &args.target.target;
    show(args.target.output.json, &told, || {
        format!(
            "{target} is frozen until {}; position {}",
            told["until"], told["position"]
        )
    })
}

/// Passes on what the process said, and its exit code.
async fn failed(args: &FreezeArgs, log: &Log, mut child: Child, told: &str) -> Result<Exit, Error> {
    let status = child.wait().await.map_err(Error::Runtime)?;
    let said = std::fs::read_to_string(&log.0).map_err(Error::Verdict)?;
    if args.target.output.json {
        print!("{told}");
    }
    eprint!("{said}");
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Exit::of_freeze(code))
}

/// Nobody will thaw it.
async fn give_up(args: &FreezeArgs, mut child: Child) -> Result<(), Error> {
    let id = child.id();
    let pid = id.and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(Err(error)) = pid.map(|pid| kill_process(pid, Signal::TERM)) {
        tracing::warn!(%error, "can't tell the process that freezes to end; it does at freeze.max_hold");
    }
    child.wait().await.map_err(Error::Runtime)?;
    let is_its = |verdict: &Verdict| Some(verdict.pid) == id;
    Verdict::take_if(&args.run.dir, &args.target.target, is_its).map_err(Error::Verdict)?;
    Ok(())
}

/// Ends the freeze of a detached process, and says how it was.
pub(super) async fn thaw(args: &FrozenArgs) -> Result<Exit, Error> {
    let (dir, target) = (&args.run.dir, &args.target);
    let (run, until) = match freeze::look(dir, target)? {
        Seen::Frozen { told, owner } => {
            freeze::end(&told, owner).map_err(Error::NotEnded)?;
            let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
            (text("run"), text("until"))
        }
        Seen::OnItsWay => return Err(not_frozen(args, ON_ITS_WAY)),
        seen => match (Verdict::take(dir, target).map_err(Error::Verdict)?, seen) {
            // Even if it came to a good end: that was before now, and so perhaps before the copy.
            (Some(verdict), _) => return Err(Error::EndedBefore(verdict.message)),
            (None, Seen::Left) => {
                if let Err(error) = freeze::forget(dir, target) {
                    tracing::warn!("{error}; it will be told again");
                }
                return Err(Error::EndedBefore(KILLED.to_owned()));
            }
            (None, _) => return Err(not_frozen(args, "")),
        },
    };
    // It leaves its word before it gives up its claim.
    let ending = async {
        while freeze::look(dir, target)?.is_of(&run) {
            tokio::time::sleep(PAUSE).await;
        }
        Verdict::take_if(dir, target, |verdict| verdict.run == run).map_err(Error::Verdict)
    };
    match tokio::time::timeout(END, ending).await {
        Ok(Ok(Some(verdict))) => judge(args, verdict),
        Ok(Err(error)) => Err(error),
        Ok(Ok(None)) => Err(Error::NoVerdict(target.to_string())),
        Err(_) => Err(Error::StillHeld {
            target: target.to_string(),
            waited: END,
            until,
        }),
    }
}

fn judge(args: &FrozenArgs, verdict: Verdict) -> Result<Exit, Error> {
    match verdict.exit_code {
        0 => {
            show(args.output.json, &verdict, || verdict.message.clone())?;
            Ok(Exit::Ok)
        }
        code => Err(Error::Verdicted {
            exit: Exit::of_freeze(Some(code)),
            message: verdict.message,
        }),
    }
}

/// Does nothing until it is told to end, but for what a container's first process owes to orphans.
pub(super) async fn idle() -> Result<Exit, Error> {
    let mut stop = Stop::catch().map_err(Error::Runtime)?;
    let mut children = signal(SignalKind::child()).map_err(Error::Runtime)?;
    loop {
        let reaping = async {
            children.recv().await;
            while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        };
        if stop.unless(None, reaping).await.is_err() {
            return Ok(Exit::Ok);
        }
    }
}
