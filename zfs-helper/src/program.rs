//! Wires the helper together, in the library: what is generic would be compiled a second time with the binary.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::args::{self, Command, HELP};
use crate::config::{self, Settings};
use crate::{Limits, Wiring, log, pools::Pools, privilege, serve, zfs::Zfs};

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_CONFIG: u8 = 3;

/// How long a caller waits for a pool.
const PATIENCE: Duration = Duration::from_secs(60);

const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

/// Does what the arguments of this process say; returns its exit code.
pub fn run() -> ExitCode {
    let text = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Serve(path)) => return serve_by(&path),
        Ok(Command::Help) => HELP.to_owned(),
        Ok(Command::Version) => format!("mariasnap-zfs-helper {}\n", env!("CARGO_PKG_VERSION")),
        Ok(Command::CheckConfig(path)) => match read(&path) {
            Ok(settings) => settings.to_string(),
            Err(code) => return code,
        },
        Err(why) => return failed(EXIT_USAGE, why.into()),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(EXIT_FAILED, error.into()),
    }
}

fn read(path: &Path) -> Result<Settings, ExitCode> {
    config::read(path, 0).map_err(|error| failed(EXIT_CONFIG, error.into()))
}

fn serve_by(path: &Path) -> ExitCode {
    if let Err(error) = log::init() {
        return failed(EXIT_FAILED, error.into());
    }
    let settings = match read(path) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    match start(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(EXIT_FAILED, error),
    }
}

fn start(settings: Settings) -> Result<(), Box<dyn Error>> {
    // First the threads that need CAP_SYS_ADMIN; from then on this thread, and all it starts, has no capability.
    let pools = Pools::start(&settings, PATIENCE, || -> Result<Zfs, Box<dyn Error + Send + Sync>> {
        privilege::keep_only_sys_admin()?;
        Ok(Zfs::open()?)
    })?;
    privilege::drop_all()?;
    let listener = listenfd::ListenFd::from_env().take_unix_listener(0)?;
    let (bus, limits) = (SYSTEM_BUS.into(), Limits::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(Wiring {
        settings,
        pools,
        listener,
        bus,
        limits,
    }));
    // A thread that a suspended pool holds in the kernel must not hold up the exit.
    runtime.shutdown_background();
    Ok(outcome?)
}

/// To standard error, which is the journal under systemd.
fn failed(code: u8, error: Box<dyn Error>) -> ExitCode {
    eprintln!("mariasnap-zfs-helper: {error}");
    ExitCode::from(code)
}
