//! Configuration of one target: text -> raw tables -> [`Settings`], so that no half-checked value escapes.

mod bound;
mod error;
mod freeze;
mod option_file;
mod quiet;
mod raw;
mod secret;
mod settings;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use mariasnap_dbus::TargetName;

pub use bound::Bound;
pub use error::ConfigError;
pub use freeze::{FreezeSettings, HookName};
pub use quiet::{EVERYBODY, Kill, KillRule, OnBlocked, QuietSettings};
pub use secret::Secret;
pub use settings::{Database, Endpoint, HelperSettings, LayoutCheck, LockSettings, LockStrategy, Settings, Tls};

pub(crate) use option_file::OptionFile;
use raw::Raw;

/// Where configuration lies unless `--config-dir` says otherwise.
pub const DEFAULT_DIR: &str = "/etc/mariasnap";

/// The variable in which systemd names the directory of the unit's credentials.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Where the targets' files lie.
pub fn targets_dir(config_dir: &Path) -> PathBuf {
    config_dir.join("targets")
}

/// The file that configures `target`.
pub fn target_file(config_dir: &Path, target: &TargetName) -> PathBuf {
    targets_dir(config_dir).join(format!("{target}.toml"))
}

/// Reads and checks everything that a snapshot of `target` needs, its password included.
pub fn load(config_dir: &Path, target: &TargetName) -> Result<Settings, ConfigError> {
    let path = target_file(config_dir, target);
    let raw = Raw::parse(&read(&path, target)?, &path)?;
    let options = match &raw.database.defaults_file {
        Some(file) => OptionFile::parse(&read_named(&path, "database.defaults_file", Path::new(file))?),
        None => OptionFile::default(),
    };
    let credential = match &raw.database.password_credential {
        Some(name) => Some(read_credential(&path, name)?),
        None => None,
    };
    Settings::check(&path, raw, options, credential)
}

/// Reads where the helper of `target` listens; the defaults where the target has no file here.
pub fn load_helper(config_dir: &Path, target: &TargetName) -> Result<HelperSettings, ConfigError> {
    let path = target_file(config_dir, target);
    match read(&path, target) {
        Ok(text) => HelperSettings::check(&path, &Raw::parse(&text, &path)?.helper),
        Err(ConfigError::Missing { .. }) => Ok(HelperSettings::default()),
        // An admin who may ask the helper need not be allowed to read the database's configuration.
        Err(ConfigError::Read { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            Ok(HelperSettings::default())
        }
        Err(error) => Err(error),
    }
}

/// Reads how `target` is frozen, and by whose hooks; nothing that only the database's login needs.
pub fn load_freeze(config_dir: &Path, target: &TargetName) -> Result<FreezeSettings, ConfigError> {
    let path = target_file(config_dir, target);
    FreezeSettings::check(&path, &Raw::parse(&read(&path, target)?, &path)?.freeze)
}

/// The targets that have a file, in the order of their names. A file that can't be a target's, such as an editor's, is left
/// out with a warning; without the directory there are none.
pub fn targets(config_dir: &Path) -> Result<Vec<TargetName>, ConfigError> {
    let path = targets_dir(config_dir);
    let unreadable = |source| ConfigError::Read {
        path: path.clone(),
        source,
    };
    let mut targets = Vec::new();
    let entries = match std::fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(targets),
        entries => entries.map_err(unreadable)?,
    };
    for entry in entries {
        let file = entry.map_err(unreadable)?.file_name();
        let Some(name) = file.to_str().and_then(|name| name.strip_suffix(".toml")) else {
            continue;
        };
        match TargetName::parse(name) {
            Ok(target) => targets.push(target),
            Err(error) => tracing::warn!("{path:?} isn't a target's: {error}", path = path.join(&file)),
        }
    }
    targets.sort();
    Ok(targets)
}

fn read(path: &Path, target: &TargetName) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::Missing {
            target: target.to_string(),
            path: path.to_owned(),
        },
        _ => ConfigError::Read {
            path: path.to_owned(),
            source,
        },
    })
}

fn read_named(path: &Path, key: &'static str, file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|source| ConfigError::KeyFile {
        path: path.to_owned(),
        key,
        file: file.to_owned(),
        source,
    })
}

/// Reads a systemd credential; one trailing newline isn't part of the password.
fn read_credential(path: &Path, name: &str) -> Result<Secret, ConfigError> {
    const KEY: &str = "database.password_credential";
    let wrong = |why: String| ConfigError::Key {
        path: path.to_owned(),
        key: KEY,
        why,
    };
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(wrong(format!("{name:?} must be a credential's name, not a path")));
    }
    let directory = std::env::var_os(CREDENTIALS_DIRECTORY).ok_or_else(|| {
        wrong(format!(
            "{CREDENTIALS_DIRECTORY} isn't set; run in a unit with LoadCredential={name}:FILE, or use database.defaults_file"
        ))
    })?;
    let text = read_named(path, KEY, &PathBuf::from(directory).join(name))?;
    Ok(Secret::new(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
}
