//! The configuration: the only thing that says which datasets may be touched.
//!
//! Text -> [`Settings`]: each name is checked by its own type as it is read, then all values against each other, so that
//! no half-checked value escapes. It is read once at each start; as the helper leaves when idle, a change is in force
//! within seconds, or at once after a restart.
#![forbid(unsafe_code)]

mod file;
mod raw;
mod settings;

pub use file::read;
pub use settings::{Settings, Target, TargetDataset};

/// Why a configuration was refused: the file, and what is wrong with it, with the key or the line where there is one.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct ConfigError {
    /// The file or its directory.
    pub path: String,
    /// What is wrong, and with what.
    pub why: String,
}

/// Checks a configuration's text; `path` is only for messages.
pub fn parse(path: &str, text: &str) -> Result<Settings, ConfigError> {
    let raw = toml::from_str(text).map_err(|error| error.to_string());
    raw.and_then(Settings::check).map_err(|why| ConfigError {
        path: path.to_owned(),
        why,
    })
}
