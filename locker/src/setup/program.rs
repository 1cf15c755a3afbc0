//! Other programs, each at a fixed path: nothing that root runs is looked up in `$PATH`.

use std::process::{Command, Output, Stdio};

use super::error::SetupError;

pub(crate) const SYSTEMCTL: &str = "/usr/bin/systemctl";
pub(crate) const SYSTEMD_ANALYZE: &str = "/usr/bin/systemd-analyze";
pub(crate) const JOURNALCTL: &str = "/usr/bin/journalctl";
pub(crate) const ZFS: &str = "/usr/sbin/zfs";
pub(crate) const LDCONFIG: &str = "/usr/sbin/ldconfig";

/// What the program prints, once it has succeeded.
pub(crate) fn output(program: &'static str, arguments: &[&str]) -> Result<String, SetupError> {
    let failed = |why: String| SetupError::Command {
        command: format!("{program} {}", arguments.join(" ")),
        why,
    };
    let Output { status, stdout, stderr } = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&stderr);
    Err(failed(format!("{status}: {}", words.trim())))
}
