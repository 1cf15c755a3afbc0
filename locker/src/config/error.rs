//! What can be wrong with a configuration.

use std::io;
use std::path::PathBuf;

/// A configuration that can't be used; each variant names the file, and the key where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The target has no file.
    #[error("no target {target:?}: {path} doesn't exist; create it (an empty file is valid) or name another --config-dir", path = .path.display())]
    Missing {
        /// The target asked for.
        target: String,
        /// Where its file would be.
        path: PathBuf,
    },
    /// A file exists but can't be read.
    #[error("can't read {path}: {source}; {hint}", path = .path.display(), hint = to_do(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{path}:{line}:{column}: {why}", path = .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
        /// The parser's words, never a line of the file.
        why: String,
    },
    /// A value that can't be.
    #[error("{path}: {key}: {why}", path = .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key with its table, as `lock.max_wait`.
        key: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A file that a key names can't be read.
    #[error("{path}: {key}: can't read {file}: {source}", path = .path.display(), file = .file.display())]
    KeyFile {
        /// The configuration file.
        path: PathBuf,
        /// The key that names the other file.
        key: &'static str,
        /// The other file.
        file: PathBuf,
        /// Why it can't be read.
        source: io::Error,
    },
}

fn to_do(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::InvalidData => "save it as UTF-8",
        _ => "check its owner and mode",
    }
}
