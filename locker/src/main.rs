//! Wires arguments, logging and the exit code together.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use mariasnap::cli::Cli;
use mariasnap::{commands, logging};

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.is_hook());
    ExitCode::from(commands::run(cli).code())
}
