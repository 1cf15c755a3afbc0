//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mariasnap_dbus::{SnapshotName, TargetName};

use crate::config::{Bound, HookName};
use crate::{config, exit, freeze, setup};

/// Takes application-consistent snapshots of MariaDB and MySQL.
#[derive(Debug, Parser)]
#[command(name = "mariasnap", version, after_help = exit::TABLE, after_long_help = exit::TABLE)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lock the database, snapshot its storage, prove the lock, unlock, clear away old snapshots.
    #[command(after_help = "Examples:\n  mariasnap snapshot main\n  mariasnap snapshot main --json | jq -r .gtid")]
    Snapshot(TargetArgs),
    /// List a target's snapshots, oldest first.
    #[command(
        after_help = "Examples:\n  mariasnap list main\n  mariasnap list main --json | jq -r '.snapshots[].name'"
    )]
    List(TargetArgs),
    /// Destroy snapshots by name; held, cloned and the last ones kept are refused.
    #[command(after_help = "Examples:\n  mariasnap destroy main mariasnap-20261120T213800Z-0af3c1")]
    Destroy(DestroyArgs),
    /// Check that a snapshot of the target holds all that the server writes; takes nothing, locks nothing.
    ///
    /// Where are the data directory, InnoDB's tablespaces and logs, Aria's log, binary and relay logs, keys; on which
    /// dataset is each, and is that in the target? Which settings does a snapshot suffer from? As root it sees links in
    /// the data directory; whoever can't is told so. It ends with 0 if there is no error, with 3 if there is.
    #[command(
        after_help = "Examples:\n  mariasnap check main\n  mariasnap check main --json | jq '.findings[] | select(.verdict != \"ok\")'"
    )]
    Check(TargetArgs),
    /// Hold the database still for another system's snapshot, until told that it is done.
    ///
    /// The same lock, the same bounds and the same proof as for a snapshot. When the lock is held, the position is told:
    /// on standard output, to the service manager, and in RUN_DIR/TARGET.freeze.json. SIGTERM or SIGINT ends the freeze,
    /// or the end of standard input where that is asked for. It ends with 0 only if the lock was held all the while; at
    /// the end of freeze.max_hold the database is unlocked, whoever is still copying.
    #[command(
        after_help = "Examples:\n  mariasnap freeze main\n  mariasnap freeze main --json --until-stdin-closes\n  systemctl start mariasnap-freeze@main && lvcreate --snapshot ... ; systemctl stop mariasnap-freeze@main"
    )]
    Freeze(FreezeArgs),
    /// End a freeze that was begun with --detach, and tell how it was.
    ///
    /// It ends with 0 only if the lock was held all the while, with 6 if it was lost or nobody can tell, or if the freeze was
    /// over before, even by being killed; with 15 if nothing is frozen, nor was.
    #[command(after_help = "Examples:\n  mariasnap freeze main --detach && cut; mariasnap thaw main")]
    Thaw(FrozenArgs),
    /// Do nothing until told to end: for a container that lends others' hooks a place to run.
    Idle,
    /// Run a command while the database is held still.
    ///
    /// The command is started under the lock, with the position in its environment (MARIASNAP_GTID,
    /// MARIASNAP_BINLOG_FILE, MARIASNAP_BINLOG_POSITION and more). It ends with 0 if the command succeeded and the lock
    /// was held all the while, with 14 if the command failed, with 6 if the lock was lost; the command is then told to end.
    #[command(
        after_help = "Examples:\n  mariasnap run main -- lvcreate --snapshot --size 10G --name snap /dev/vg/mysql\n  mariasnap run main -- sh -c 'btrbk snapshot && echo $MARIASNAP_GTID >>/root/positions'"
    )]
    Run(RunArgs),
    /// Tell whether a target is frozen right now, and where it stands.
    #[command(after_help = "Examples:\n  mariasnap frozen main\n  mariasnap frozen main --json | jq -r .position.gtid")]
    Frozen(FrozenArgs),
    /// Freeze and thaw as another system's hook: VMware, Veeam, qemu-guest-agent, or anything with a script before and
    /// after.
    ///
    /// Starts and stops mariasnap-freeze@TARGET.service of each target that names the hook in freeze.hooks, or of those
    /// named here. It succeeds only with every lock held, and thaw only if every one was held throughout. Without any target
    /// it fails; but vmware, whose hook is installed with the package, does nothing then and succeeds.
    ///
    /// The phases are: vmware freeze, freezeFail, thaw; veeam pre-freeze, post-thaw; qemu-ga freeze, thaw; generic pre, post.
    #[command(after_help = "Examples:\n  mariasnap hook vmware freeze\n  mariasnap hook generic pre --target main")]
    Hook(HookArgs),
    /// List the targets that the helper knows.
    #[command(after_help = "Examples:\n  mariasnap targets --json")]
    Targets(OutputArgs),
    /// Set this machine up: configuration, database account, units. Run by root.
    Setup(setup::Args),
    /// Write man pages or completions; for the build.
    #[command(hide = true)]
    Generate {
        /// What to write.
        what: Generated,
        /// Directory to write to.
        dir: PathBuf,
    },
}

/// What the build generates.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Generated {
    /// Man pages.
    Man,
    /// Completions for bash, zsh and fish.
    Completions,
}

/// Where the configuration lies.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Directory that holds targets/TARGET.toml.
    #[arg(id = "config_dir", long = "config-dir", value_name = "DIR", default_value = config::DEFAULT_DIR)]
    pub dir: PathBuf,
}

/// A target and how to report.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The target's name.
    pub target: TargetName,
    /// Where the configuration lies.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Where it is told what is frozen.
#[derive(Debug, Args)]
pub struct RunDirArgs {
    /// Directory of TARGET.freeze.json, which is there while the target is frozen.
    #[arg(id = "run_dir", long = "run-dir", value_name = "DIR", default_value = freeze::DEFAULT_RUN_DIR)]
    pub dir: PathBuf,
}

/// What to freeze, and until when.
#[derive(Debug, Args)]
pub struct FreezeArgs {
    /// The target, its configuration, and how to report.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Where to tell.
    #[command(flatten)]
    pub run: RunDirArgs,
    /// Thaw when standard input ends, too.
    #[arg(long)]
    pub until_stdin_closes: bool,
    /// For a supervisor that restarts what ends: lock once. After a failure or a lost lock, stay without it until told to
    /// end; don't lock where RUN_DIR has the leftover of a freeze that was killed.
    #[arg(long)]
    pub once: bool,
    /// Return as soon as the lock is held, and leave it to a process in the background, which `mariasnap thaw` ends.
    #[arg(long, conflicts_with = "until_stdin_closes")]
    pub detach: bool,
    /// That process.
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// What to run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The target, its configuration, and how to report.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Where to tell.
    #[command(flatten)]
    pub run: RunDirArgs,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// What is frozen, and where that is told.
#[derive(Debug, Args)]
pub struct FrozenArgs {
    /// The target's name.
    pub target: TargetName,
    /// Where it is told.
    #[command(flatten)]
    pub run: RunDirArgs,
    /// How to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Who calls, and why.
#[derive(Debug, Args)]
pub struct HookArgs {
    /// The caller: vmware, veeam, qemu-ga or generic.
    #[arg(value_name = "NAME", hide_possible_values = true)]
    pub name: HookName,
    /// The caller's word for what is going on; what follows is left alone, as a caller may add arguments of its own.
    pub phase: String,
    /// A target, instead of those that name the hook in freeze.hooks. Can be given several times.
    #[arg(long = "target", value_name = "TARGET")]
    pub targets: Vec<TargetName>,
    /// How long the freeze may take, as 25s; less than the caller waits. The default is the caller's (see the manual page
    /// mariasnap-hooks(7)).
    #[arg(long, value_name = "DURATION", value_parser = Bound::parse)]
    pub budget: Option<Bound>,
    /// What the caller adds.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub rest: Vec<OsString>,
    /// Where the configuration lies.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What to destroy.
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// The target's name.
    pub target: TargetName,
    /// Names as `mariasnap list` shows them.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<SnapshotName>,
    /// Where the configuration lies.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to report.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How to report.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Report as JSON on standard output, errors too.
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    /// Whether another program calls, which may throw away what it is told.
    pub fn is_hook(&self) -> bool {
        matches!(self.command, Command::Hook(_))
    }

    /// Whether the report is JSON.
    pub fn json(&self) -> bool {
        match &self.command {
            Command::Snapshot(args) | Command::List(args) | Command::Check(args) => args.output.json,
            Command::Destroy(args) => args.output.json,
            Command::Freeze(args) => args.target.output.json,
            Command::Run(args) => args.target.output.json,
            Command::Frozen(args) => args.output.json,
            Command::Thaw(args) => args.output.json,
            Command::Targets(output) => output.json,
            Command::Hook(_) | Command::Idle | Command::Setup(_) | Command::Generate { .. } => false,
        }
    }
}
