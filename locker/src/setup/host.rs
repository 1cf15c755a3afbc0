//! What setup reads from this machine.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::SetupError;
use super::layout::Located;
use super::mounts::{Mounts, mount_id};
use super::program;
use super::server::Place;
use super::target::Member;

/// Only root may write what setup writes.
pub(crate) fn require_root() -> Result<(), SetupError> {
    match rustix::process::geteuid().is_root() {
        true => Ok(()),
        false => Err(SetupError::NotRoot),
    }
}

/// The mount table.
pub(crate) fn mounts() -> Result<Mounts, SetupError> {
    const TABLE: &str = "/proc/self/mountinfo";
    let text = fs::read_to_string(TABLE).map_err(SetupError::file("read", TABLE))?;
    Mounts::parse(&text).map_err(|error| SetupError::file("parse", TABLE)(io::Error::other(error)))
}

/// Follows a place's links and asks the kernel on which mount it ends.
pub(crate) fn locate(place: &Place) -> Result<Located, SetupError> {
    let path = fs::canonicalize(&place.path).map_err(SetupError::file("find", &place.path))?;
    // Opened as a path only, so that nothing that lies there, a FIFO say, is waited for.
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&path)
        .map_err(SetupError::file("open", &path))?;
    let info = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
    let text = fs::read_to_string(&info).map_err(SetupError::file("read", &info))?;
    let missing = || io::Error::other("it has no mnt_id");
    let mount = mount_id(&text).ok_or_else(|| SetupError::file("parse", &info)(missing()))?;
    Ok(Located {
        purpose: place.purpose,
        path,
        mount,
    })
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
