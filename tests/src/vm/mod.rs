//! The real machine, as the tests see it: a shell in it, and the product installed there.

mod agent;
mod world;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub use agent::Agent;
pub use world::{SNAPSHOT_UNIT, World};

use crate::build::top;

/// The first number, or the second for `make test-long`.
pub fn short_or_long<N>(short: N, long: N) -> N {
    match std::env::var_os("MARIASNAP_LONG") {
        None => short,
        Some(_) => long,
    }
}

/// What a command in the machine did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit status; -1 if a signal ended ssh itself.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Both outputs, for looking for a word.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

/// A shell in the machine, whoever booted it.
#[derive(Debug, Clone, Copy)]
pub struct Vm;

impl Vm {
    fn tool() -> Command {
        Command::new(top().join("tests/vm/vm"))
    }

    /// Boots the machine unless it is up.
    pub fn up() -> Self {
        let is_up = Self::tool().arg("status").output().expect("tests/vm/vm runs");
        if !is_up.status.success() {
            let status = Self::tool().arg("up").status().expect("tests/vm/vm runs");
            assert!(status.success(), "tests/vm/vm up failed");
        }
        Self
    }

    /// Where QEMU has the machine's disks, and the sockets to it.
    pub fn run_directory(self) -> PathBuf {
        let output = Self::tool().arg("agent").output().expect("tests/vm/vm runs");
        let socket = PathBuf::from(Ran::of(output).stdout.trim());
        socket.parent().expect("a socket in a directory").to_owned()
    }

    /// Runs a shell script in the machine as root; it stops at the first command that fails.
    pub fn run(self, script: &str) -> Ran {
        let mut child = Self::tool()
            .args(["ssh", "bash", "-euo", "pipefail", "-s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tests/vm/vm runs");
        let mut stdin = child.stdin.take().expect("piped");
        // A script that ends early closes its input; its status tells why.
        let _unread = stdin.write_all(script.as_bytes()).is_err();
        drop(stdin);
        Ran::of(child.wait_with_output().expect("tests/vm/vm ends"))
    }

    /// Runs a script that must succeed; its standard output, trimmed.
    pub fn ok(self, script: &str) -> String {
        let ran = self.run(script);
        assert_eq!(
            ran.status, 0,
            "in the machine:\n{script}\n--- stdout\n{}\n--- stderr\n{}",
            ran.stdout, ran.stderr
        );
        ran.stdout.trim().to_owned()
    }

    /// Runs a command that must succeed, its standard error shown as it comes; its standard output.
    pub fn watched(self, command: &str) -> String {
        let output = Self::tool().args(["ssh", command]).stderr(Stdio::inherit()).output();
        let ran = Ran::of(output.expect("tests/vm/vm runs"));
        assert_eq!(ran.status, 0, "{command}: see above");
        ran.stdout
    }

    /// Gives QEMU a monitor command; its answer.
    pub fn monitor(self, words: &[&str]) -> String {
        let output = Self::tool().arg("monitor").args(words).output();
        let ran = Ran::of(output.expect("tests/vm/vm runs"));
        assert_eq!(ran.status, 0, "monitor {words:?}: {}", ran.text());
        ran.stdout.trim().to_owned()
    }

    /// Has the machine stand still while something is done, its clocks too.
    pub fn paused<T>(self, work: impl FnOnce() -> T) -> T {
        self.monitor(&["stop"]);
        let status = self.monitor(&["info", "status"]);
        let done = work();
        self.monitor(&["cont"]);
        assert_eq!(status, "VM status: paused");
        done
    }

    /// Slows a disk; `limits` as QEMU has them: bytes a second in all, read and written, then operations.
    pub fn throttle(self, disk: &str, limits: [&str; 6]) {
        let command = ["block_set_io_throttle", disk];
        self.monitor(&[&command[..], &limits].concat());
    }

    /// Runs one of `tests/vm/guest/`, which must succeed.
    pub fn script(self, name: &str, arguments: &[&str]) -> String {
        let output = Self::tool()
            .arg("script")
            .arg(name)
            .args(arguments)
            .output()
            .expect("tests/vm/vm runs");
        let ran = Ran::of(output);
        assert_eq!(ran.status, 0, "{name} {arguments:?}: {}", ran.text());
        ran.stdout.trim().to_owned()
    }

    /// Copies a file into the machine.
    pub fn push(self, local: &Path, remote: &str) {
        let status = Self::tool()
            .arg("push")
            .arg(local)
            .arg(remote)
            .status()
            .expect("tests/vm/vm runs");
        assert!(status.success(), "push of {} failed", local.display());
    }
}
