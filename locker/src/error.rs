//! Why a command failed.

use std::io;

use crate::config::ConfigError;

/// What ends a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The report couldn't be written.
    #[error("can't write the report to standard output: {0}")]
    Output(io::Error),
    /// The process couldn't set itself up.
    #[error("can't start the runtime: {0}")]
    Runtime(io::Error),
}
