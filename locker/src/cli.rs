//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use mariasnap_dbus::{SnapshotName, TargetName};

use crate::{config, exit, setup};

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
    /// Whether the report is JSON.
    pub fn json(&self) -> bool {
        match &self.command {
            Command::Snapshot(args) | Command::List(args) | Command::Check(args) => args.output.json,
            Command::Destroy(args) => args.output.json,
            Command::Targets(output) => output.json,
            Command::Setup(_) | Command::Generate { .. } => false,
        }
    }
}
