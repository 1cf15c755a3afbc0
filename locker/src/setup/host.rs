//! What setup reads from this machine.

use std::fs;
use std::io;
use std::path::Path;

use super::error::SetupError;
use super::program;
use super::target::Member;

/// Only root may write what setup writes.
pub(crate) fn require_root() -> Result<(), SetupError> {
    match rustix::process::geteuid().is_root() {
        true => Ok(()),
        false => Err(SetupError::NotRoot),
    }
}

/// A file's text, if there is a file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, SetupError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SetupError::file("read", path)(error)),
    }
}

/// Fails unless every dataset that the admin named exists.
pub(crate) fn require_datasets(members: &[Member]) -> Result<(), SetupError> {
    for member in members {
        let found = program::output(program::ZFS, &["list", "-H", "-o", "name", member.name.as_str()]);
        found.map_err(|error| SetupError::Refused(format!("--dataset {member}: {error}")))?;
    }
    Ok(())
}

/// The libraries that the helper opens when it starts.
const LIBRARIES: [&str; 2] = ["libzfs_core.so.3", "libnvpair.so.3"];

/// Fails unless what the helper needs of OpenZFS is there.
pub(crate) fn require_openzfs() -> Result<(), SetupError> {
    let known = program::output(program::LDCONFIG, &["-p"])?;
    let lacks = |library: &&&str| !known.lines().any(|line| line.trim().starts_with(**library));
    if let Some(library) = LIBRARIES.iter().find(lacks) {
        return Err(SetupError::Missing {
            what: format!("OpenZFS's library {library}"),
            advice: "install OpenZFS 2.0 or later (Debian, Ubuntu: zfsutils-linux)",
        });
    }
    match Path::new("/dev/zfs").exists() {
        true => Ok(()),
        false => Err(SetupError::Missing {
            what: "/dev/zfs".to_owned(),
            advice: "load the kernel's module: modprobe zfs",
        }),
    }
}
