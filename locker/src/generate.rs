//! `mariasnap generate`: man pages and completions out of the command line's own definition, for the build.

use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, Generated};

/// Of the pages; not the day of the build, which would make each build differ.
const DATE: &str = "2026-11-20";

/// Writes them into `dir`, which must exist.
pub(crate) fn run(what: Generated, dir: &Path) -> io::Result<()> {
    match what {
        Generated::Man => {
            let mut command = Cli::command().disable_help_subcommand(true);
            command.build();
            man(&command, dir)
        }
        Generated::Completions => completions(dir),
    }
}

/// One page for the command and one for each of its subcommands.
fn man(command: &clap::Command, dir: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        man(subcommand, dir)?;
    }
    let page = clap_mangen::Man::new(command.clone());
    page.date(DATE)
        .source(concat!("mariasnap ", env!("CARGO_PKG_VERSION")))
        .generate_to(dir)?;
    Ok(())
}

fn completions(dir: &Path) -> io::Result<()> {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "mariasnap", dir)?;
    }
    Ok(())
}
