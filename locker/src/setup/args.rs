//! The command line of `mariasnap setup`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use mariasnap_dbus::TargetName;

use super::target::Member;

const EXAMPLES: &str = "\
Examples:
  mariasnap setup --dry-run          show all that would be done, down to every file and statement
  mariasnap setup                    target main: this machine's server, daily, ten kept
  mariasnap setup --keep-last 48 --on-calendar hourly
  mariasnap setup db2 --socket /run/mysqld/db2.sock --dataset tank/db2 --dataset 'tank/db2-log/*'

A second run changes nothing. What an admin has edited is kept and told, unless --force is given.";

/// How to set up one target.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Args {
    /// Name of the target.
    #[arg(default_value = "main")]
    pub(super) target: TargetName,
    /// Dataset to snapshot, instead of those found; NAME/* takes its descendants too. It is an error to leave out one
    /// that the server needs.
    #[arg(long = "dataset", value_name = "NAME")]
    pub(super) datasets: Vec<Member>,
    /// The server's unix socket [default: /run/mysqld/mysqld.sock]
    #[arg(long, value_name = "PATH", value_parser = absolute)]
    pub(super) socket: Option<PathBuf>,
    /// Option file with the user and password of an administrator, where root can't log in through the socket.
    #[arg(long, value_name = "PATH")]
    pub(super) defaults_file: Option<PathBuf>,
    /// Consistent snapshots to keep [default: as already configured, else 10]
    #[arg(long, value_name = "N")]
    pub(super) keep_last: Option<NonZeroU32>,
    /// Don't take a first snapshot.
    #[arg(long)]
    pub(super) no_snapshot: bool,
    /// Don't enable the timer.
    #[arg(long)]
    pub(super) no_timer: bool,
    /// When the timer runs, as in systemd.time(7) [default: daily]
    #[arg(long, value_name = "SPEC", conflicts_with = "no_timer")]
    pub(super) on_calendar: Option<Calendar>,
    /// Print everything that would be done, and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Replace what differs, after a copy to FILE.bak-TIME.
    #[arg(long)]
    pub(super) force: bool,
}

/// The path goes into the target's configuration, whose readers have other working directories.
fn absolute(text: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    match path.is_absolute() {
        true => Ok(path),
        false => Err("not an absolute path"),
    }
}

/// A calendar expression; of one line, so that it can't add anything to a unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar(String);

impl Calendar {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Calendar {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " *-:,./~+_".contains(c);
        match !text.trim().is_empty() && text.chars().all(is_plain) {
            true => Ok(Self(text.trim().to_owned())),
            false => Err("not a calendar expression; see systemd.time(7), for example \"daily\" or \"*-*-* 02:30\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.args)
    }

    #[test]
    fn defaults() {
        let args = parse("setup").unwrap();
        assert_eq!(args.target.as_str(), "main");
        assert!(args.datasets.is_empty() && args.keep_last.is_none() && !args.force);
    }

    #[test]
    fn bad_values_are_refused() {
        for line in [
            "setup a/b",
            "setup --dataset tank@x",
            "setup --keep-last 0",
            "setup --socket run/mysqld.sock",
            "setup --no-timer --on-calendar daily",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("setup --socket /run/mysqld.sock").is_ok());
        assert!("daily\nOnBootSec=1".parse::<Calendar>().is_err());
        assert!("  ".parse::<Calendar>().is_err());
        assert!("Mon..Fri *-*-* 02:30:00 Europe/Berlin".parse::<Calendar>().is_ok());
    }
}
