//! The real `mariasnap` binary against a real server and the fake helper.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use crate::build::{make, top};
use crate::fake_helper::FakeHelper;
use crate::mariadb::Server;

/// The program that is shipped, brought up to date once for each test program.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        make(&["build"]);
        top().join("target/release/mariasnap")
    })
}

/// A target `main` with its configuration, its helper and its server.
pub struct World {
    /// The database.
    pub server: Server,
    /// The helper.
    pub helper: FakeHelper,
    dir: TempDir,
}

/// What a run came to.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A run under way.
pub struct Running(tokio::process::Child);

impl Running {
    /// A child that was started elsewhere.
    pub(crate) fn of(child: tokio::process::Child) -> Self {
        Self(child)
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id().expect("still running")
    }

    /// Sends it a signal by the name that kill(1) knows.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// The next line of its standard output.
    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        let stdout = self.0.stdout.as_mut().expect("piped");
        loop {
            match stdout.read_u8().await {
                Ok(b'\n') | Err(_) => return String::from_utf8(line).unwrap(),
                Ok(byte) => line.push(byte),
            }
        }
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        drop(self.0.stdin.take());
    }

    /// Waits for its end.
    pub async fn end(self) -> Ended {
        let output = self.0.wait_with_output().await.unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// What stands before `--`, and the rest with it.
fn split<'a, 'b>(arguments: &'b [&'a str]) -> (&'b [&'a str], &'b [&'a str]) {
    let end = arguments.iter().position(|argument| *argument == "--");
    arguments.split_at(end.unwrap_or(arguments.len()))
}

impl World {
    /// Configures `main` to log in as `snap`; `config` adds to the file, `options` to the server's options.
    pub async fn new(config: &str, options: &[&str]) -> Self {
        let server = Server::start(options).await;
        let socket = server.socket().display().to_string();
        let database = format!("[database]\nsocket = \"{socket}\"\nuser = \"snap\"\n");
        Self::with_server(server, &format!("{database}{config}"))
    }

    /// Puts a server that runs already, or doesn't, behind the configuration given.
    pub fn with_server(server: Server, config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let helper = FakeHelper::start(&dir.path().join("helper.sock"));
        let world = Self { server, helper, dir };
        world.configure(config);
        world
    }

    /// Writes the target's file; the helper's socket and its pool's statistics are added. No server of a test is on ZFS, so its layout isn't
    /// checked unless the file says so.
    pub fn configure(&self, config: &str) {
        let targets = self.dir.path().join("targets");
        std::fs::create_dir_all(&targets).unwrap();
        let (socket, kstat) = (self.helper.socket().display(), self.helper.kstat());
        let layout = match config.contains("[layout]") {
            true => "",
            false => "[layout]\ncheck = \"off\"\n",
        };
        std::fs::write(
            targets.join("main.toml"),
            format!("{config}\n{layout}[helper]\nsocket = \"{socket}\"\nkstat = {kstat:?}\n"),
        )
        .unwrap();
    }

    /// Where freezes tell of themselves.
    pub fn run_dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the binary with these arguments and this addition to its environment.
    pub fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let mut command = tokio::process::Command::new(binary());
        // The only commands that read a target's file.
        let (command_line, command_under_lock) = split(arguments);
        command.args(command_line);
        if let Some(&("snapshot" | "list" | "destroy" | "check" | "freeze" | "run" | "hook")) = arguments.first() {
            command.arg("--config-dir").arg(self.dir.path());
        }
        if let Some(&("freeze" | "run" | "frozen" | "thaw")) = arguments.first() {
            command.arg("--run-dir").arg(self.run_dir());
        }
        command.args(command_under_lock);
        let child = command
            .env_remove("JOURNAL_STREAM")
            .env_remove("INVOCATION_ID")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Running(child)
    }

    /// `mariasnap snapshot main --json`, under way.
    pub fn snapshot(&self) -> Running {
        self.start(&["snapshot", "main", "--json"], &[])
    }

    /// Runs the binary to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments, &[]).end().await
    }
}
