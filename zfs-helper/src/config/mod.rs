//! The configuration: the only thing that says which datasets may be touched.
//!
//! Text -> raw tables -> [`Settings`], so that no half-checked value escapes. It is read once at each
//! start; as the helper leaves when idle, a change is in force within seconds, or at once after a restart.
#![forbid(unsafe_code)]

mod file;
mod raw;
mod settings;

pub use file::read;
pub use settings::{Settings, Target, TargetDataset};

/// Why a configuration was refused. Names the file, and the key where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It couldn't be read.
    #[error("{path}: {source}; \"mariasnap setup\" writes it, man mariasnap-zfs-helper.toml describes it")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else could write it.
    #[error("{path}: {why}")]
    Unsafe {
        /// The file or its directory.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{path}: {source}")]
    Syntax {
        /// The file.
        path: String,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// A value that makes no sense.
    #[error("{path}: {key}: {why}")]
    Value {
        /// The file.
        path: String,
        /// The key, dotted.
        key: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Checks a configuration's text; `path` is only for messages.
pub fn parse(path: &str, text: &str) -> Result<Settings, ConfigError> {
    let raw: raw::Raw = toml::from_str(text).map_err(|source| ConfigError::Syntax {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Settings::check(raw).map_err(|(key, why)| ConfigError::Value {
        path: path.to_owned(),
        key,
        why,
    })
}
