//! mariasnap-freeze@TARGET.service, by way of systemctl.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};

use mariasnap_dbus::TargetName;
use tokio::process::Command;

use super::HookError;

/// Not looked for along PATH, which is the caller's.
const SYSTEMCTL: &str = "/usr/bin/systemctl";

/// How a process ended, as ExecMainCode says it: waitid(2)'s CLD_EXITED, CLD_KILLED and CLD_DUMPED.
const EXITED: &str = "1";
const KILLED: &str = "2";
const DUMPED: &str = "3";

/// The unit that freezes one target.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    name: String,
}

/// What systemd says of it.
#[derive(Debug)]
pub(super) struct State {
    properties: BTreeMap<String, String>,
}

impl Unit {
    pub(super) fn of(target: &TargetName) -> Self {
        Self {
            name: format!("mariasnap-freeze@{target}.service"),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its lock is gone, or was.
    pub(super) fn lost(&self, why: String) -> HookError {
        let unit = self.name.clone();
        HookError::Lost { unit, why }
    }

    /// Starts it, which ends when the lock is held, or isn't to be had. Dropped, it leaves the start under way.
    pub(super) async fn start(&self) -> Result<Output, HookError> {
        systemctl(&["--no-ask-password", "start", "--", &self.name]).await
    }

    /// Stops it, which ends when the lock is given back.
    pub(super) async fn stop(&self) -> Result<Output, HookError> {
        systemctl(&["--no-ask-password", "stop", "--", &self.name]).await
    }

    pub(super) async fn state(&self) -> Result<State, HookError> {
        const SHOW: &str = "--property=ActiveState,Result,InvocationID,ExecMainCode,ExecMainStatus,StatusText";
        let shown = systemctl(&["show", SHOW, "--", &self.name]).await?;
        if !shown.status.success() {
            return Err(HookError::Systemctl {
                command: format!("{SYSTEMCTL} show {}", self.name),
                source: std::io::Error::other(String::from_utf8_lossy(&shown.stderr).trim().to_owned()),
            });
        }
        let text = String::from_utf8_lossy(&shown.stdout);
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(State {
            properties: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        })
    }
}

impl State {
    fn get(&self, key: &str) -> &str {
        self.properties.get(key).map_or("", String::as_str)
    }

    /// Whether it holds the lock.
    pub(super) fn is_active(&self) -> bool {
        self.get("ActiveState") == "active"
    }

    /// Whether it does nothing at all; with a failure before, or without.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.get("ActiveState"), "inactive" | "failed")
    }

    /// Whether it came to its end as it should.
    pub(super) fn ended_well(&self) -> bool {
        self.get("ActiveState") == "inactive" && self.get("Result") == "success"
    }

    /// Which start of the unit this is.
    pub(super) fn invocation(&self) -> &str {
        self.get("InvocationID")
    }

    /// What its process said last.
    pub(super) fn status(&self) -> &str {
        self.get("StatusText")
    }

    /// With what its process ended, if it did by itself: otherwise the number is a signal's.
    pub(super) fn exit_status(&self) -> Option<u8> {
        match self.get("ExecMainCode") {
            EXITED => self.get("ExecMainStatus").parse().ok(),
            _ => None,
        }
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        let (active, result, number) = (self.get("ActiveState"), self.get("Result"), self.get("ExecMainStatus"));
        let end = match self.get("ExecMainCode") {
            EXITED => format!("exit status {number}"),
            KILLED | DUMPED => format!("killed by signal {number}"),
            _ => "no exit status".to_owned(),
        };
        format!("{active}, {result}, {end}; last: {}", self.status())
    }
}

async fn systemctl(arguments: &[&str]) -> Result<Output, HookError> {
    let mut command = Command::new(SYSTEMCTL);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env("LC_ALL", "C")
        .kill_on_drop(true);
    command.output().await.map_err(|source| HookError::Systemctl {
        command: format!("{SYSTEMCTL} {}", arguments.join(" ")),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signals_number_is_no_exit_status() {
        for (code, status, told) in [
            (EXITED, Some(10), "exit status 10"),
            (KILLED, None, "signal 10"),
            (DUMPED, None, "signal 10"),
            ("0", None, "no exit status"),
        ] {
            let properties = [("ExecMainCode", code), ("ExecMainStatus", "10")];
            let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let state = State {
                properties: properties.into(),
            };
            assert_eq!(state.exit_status(), status);
            assert!(state.describe().contains(told), "{}", state.describe());
        }
    }
}
