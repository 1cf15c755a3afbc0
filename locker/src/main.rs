//! Wires arguments, logging and the exit code together.

#![forbid(unsafe_code)]

use clap::Parser;

fn main() {
    let _cli = mariasnap::cli::Cli::parse();
}
