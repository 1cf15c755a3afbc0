//! The command line: four switches, none of which weakens anything.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::PathBuf;

/// Where the configuration lies unless `--config` says otherwise.
pub const DEFAULT_CONFIG: &str = "/etc/mariasnap/zfs-helper.toml";

/// Text of `--help`.
pub const HELP: &str = "\
usage: mariasnap-zfs-helper [--config PATH] [--check-config]

Takes, lists, confirms and destroys ZFS snapshots of the configured targets for callers that polkit
authorises. Started by systemd, from mariasnap-zfs-helper.socket or from the system bus.

  --config PATH    read PATH instead of /etc/mariasnap/zfs-helper.toml
  --check-config   print the configuration as understood; exit status 3 if it is refused
  --version        print the version
  --help           print this text
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve until idle.
    Serve(PathBuf),
    /// Print the configuration as understood.
    CheckConfig(PathBuf),
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// Reads the arguments after the program's name. The error is a text for people.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut config = PathBuf::from(DEFAULT_CONFIG);
    let mut check = false;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help") => return Ok(Command::Help),
            Some("--version") => return Ok(Command::Version),
            Some("--check-config") => check = true,
            Some("--config") => config = arguments.next().ok_or("--config needs a path")?.into(),
            _ => return Err(format!("unknown argument {argument:?}; see --help")),
        }
    }
    Ok(if check {
        Command::CheckConfig(config)
    } else {
        Command::Serve(config)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn arguments() {
        assert_eq!(parsed(&[]), Ok(Command::Serve(DEFAULT_CONFIG.into())));
        assert_eq!(
            parsed(&["--check-config", "--config", "x"]),
            Ok(Command::CheckConfig("x".into()))
        );
        assert!(parsed(&["--config"]).is_err());
        assert!(parsed(&["--session"]).is_err());
    }
}
