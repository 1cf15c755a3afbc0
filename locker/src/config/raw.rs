//! The configuration file as written, every key optional, unknown keys refused.

use std::path::Path;

use serde::Deserialize;

use super::ConfigError;

/// First stage: text that is TOML and has only known keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) database: RawDatabase,
    pub(super) lock: RawLock,
    pub(super) quiet: RawQuiet,
    pub(super) keep: RawKeep,
    pub(super) freeze: RawFreeze,
    pub(super) helper: RawHelper,
    pub(super) layout: RawLayout,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDatabase {
    pub(super) socket: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) password_credential: Option<String>,
    pub(super) defaults_file: Option<String>,
    pub(super) tls: Option<String>,
    pub(super) tls_ca: Option<String>,
    pub(super) connect_timeout: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLock {
    pub(super) strategy: Option<String>,
    pub(super) max_wait: Option<String>,
    pub(super) max_stall: Option<String>,
    pub(super) max_hold: Option<String>,
    pub(super) early_cut: Option<bool>,
    pub(super) allow_bugs: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawQuiet {
    pub(super) wait: Option<String>,
    pub(super) age: Option<String>,
    pub(super) ignore_users: Option<Vec<String>>,
    pub(super) ignore_commands: Option<Vec<String>>,
    pub(super) ignore_states: Option<Vec<String>>,
    pub(super) on_blocked: Option<String>,
    pub(super) kill: Option<String>,
    pub(super) kill_users: Option<Vec<String>>,
    pub(super) kill_age: Option<String>,
    pub(super) show_queries: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawKeep {
    pub(super) last: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFreeze {
    pub(super) strategy: Option<String>,
    pub(super) max_hold: Option<String>,
    pub(super) hooks: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHelper {
    pub(super) socket: Option<String>,
    pub(super) timeout: Option<String>,
    pub(super) kstat: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLayout {
    pub(super) check: Option<String>,
}

impl Raw {
    /// Parses the text of the file `path`, which is only named in errors.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|mut error: toml::de::Error| {
            let (line, column) = error.span().map_or((1, 1), |span| line_and_column(text, span.start));
            // Without its input the error doesn't quote the line, on which somebody may have put a password.
            error.set_input(None);
            ConfigError::Syntax {
                path: path.to_owned(),
                line,
                column,
                why: error.to_string().trim().replace('\n', " "),
            }
        })
    }
}

/// One-based line and column of a byte offset.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
