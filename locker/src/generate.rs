//! `mariasnap generate`: man pages and completions out of the command line's own definition, for the build.

use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, Generated};

/// Writes them into `dir`, which must exist.
pub(crate) fn run(what: Generated, dir: &Path) -> io::Result<()> {
    match what {
        Generated::Man => clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), dir),
        Generated::Completions => completions(dir),
    }
}

fn completions(dir: &Path) -> io::Result<()> {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "mariasnap", dir)?;
    }
    Ok(())
}
