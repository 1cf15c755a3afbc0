//! Wires arguments, logging and the exit code together.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use mariasnap::cli::Cli;
use mariasnap::error::Error;
use mariasnap::{commands, logging};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json();
    logging::start(cli.is_hook());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => commands::tell(json, &Error::Runtime(error)),
    };
    ExitCode::from(exit.code())
}
