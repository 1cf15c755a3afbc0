//! The administrator's option file.

use std::fs;
use std::path::Path;

use super::error::SetupError;
use crate::config::{OptionFile, Secret};

/// User and password of `--defaults-file`.
pub(crate) fn read(file: &Path) -> Result<(Option<String>, Option<Secret>), SetupError> {
    let text = fs::read_to_string(file).map_err(SetupError::file("read", file))?;
    let options = OptionFile::parse(&text);
    Ok((options.user, options.password))
}
