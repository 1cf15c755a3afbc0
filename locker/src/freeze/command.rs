//! `mariasnap run`: the lock around a command.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use super::{FreezeError, Frozen, Job, Thawed, run};
use crate::interrupt::Stop;

/// How long a command whose lock is gone may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a program with its arguments while the database is held still. It is started only under the lock, with the
/// position in its environment. If the lock goes before it ends, it is told to end (SIGTERM, and SIGKILL after 5 s): what
/// it does would be in vain.
pub async fn around(
    job: Job<'_>,
    command: &[OsString],
    announce: impl Fn(&Frozen),
    stop: &mut Stop,
) -> Result<Thawed<()>, FreezeError> {
    let program = command.first().map(|program| program.to_string_lossy().into_owned());
    let program = program.unwrap_or_default();
    let mut prepared = Command::new(command.first().map_or_else(OsString::new, Clone::clone));
    prepared.args(command.iter().skip(1));

    // All of what it starts is told to end with it; but at a terminal, a group of its own couldn't read from it.
    let is_alone = !io::stdin().is_terminal();
    if is_alone {
        prepared.process_group(0);
    }

    let mut running: Option<Child> = None;
    let act = async |frozen: &Frozen| -> io::Result<ExitStatus> {
        prepared.envs(frozen.environment());
        let child = running.insert(prepared.spawn()?);
        announce(frozen);
        child.wait().await
    };
    let mut claim = job.claim()?;
    let done = run(job, &mut claim, act, None, stop).await;
    drop(claim);
    if let Some(child) = running.as_mut() {
        end(child, &program, is_alone).await;
    }
    let thawed = done?;
    match thawed.end {
        Ok(status) if status.success() => Ok(Thawed {
            frozen: thawed.frozen,
            held: thawed.held,
            end: (),
        }),
        Ok(status) => Err(FreezeError::CommandFailed {
            program,
            status: status.to_string(),
        }),
        Err(source) => Err(FreezeError::NotRun { program, source }),
    }
}

/// Sees to it that a command doesn't outlive its lock.
async fn end(child: &mut Child, program: &str, is_alone: bool) {
    let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else {
        return;
    };
    let tell = |signal| {
        let told = match is_alone {
            true => kill_process_group(pid, signal),
            false => kill_process(pid, signal),
        };
        if let Err(error) = told {
            tracing::warn!(%error, "can't tell {program} to end");
        }
    };
    tell(Signal::TERM);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        tell(Signal::KILL);
        if let Err(error) = child.wait().await {
            tracing::warn!(%error, "can't wait for {program}");
        }
    }
}
