//! Reading the file, provided that nobody but its owner could have written it.
#![forbid(unsafe_code)]

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{ConfigError, Settings, parse};

const MAX_BYTES: u64 = 256 * 1024;

/// Reads and checks the configuration in `path`. Refuses a file or a directory that `owner` doesn't own or that
/// its group or others may write; looks at what it opened, so that nothing can be exchanged in between.
pub fn read(path: &Path, owner: u32) -> Result<Settings, ConfigError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    open(directory, |meta| check(meta, meta.is_dir(), "a directory", owner))?;
    let file = open(path, |meta| check(meta, meta.is_file(), "a regular file", owner))?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(refused(path, format!("is over {MAX_BYTES} bytes")));
    }
    parse(&path.display().to_string(), &text)
}

fn open(path: &Path, verdict: impl Fn(&Metadata) -> Result<(), String>) -> Result<File, ConfigError> {
    // Not blocking: a FIFO in the file's place must not hang the start.
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let found = opened.and_then(|file| file.metadata().map(|meta| (file, meta)));
    let (file, meta) = found.map_err(|error| unreadable(path, &error))?;
    verdict(&meta).map_err(|why| refused(path, why))?;
    Ok(file)
}

fn check(meta: &Metadata, right_kind: bool, kind: &str, owner: u32) -> Result<(), String> {
    if !right_kind {
        return Err(format!("is not {kind}"));
    }
    if meta.uid() != owner {
        return Err(format!("belongs to uid {}, must belong to uid {owner}", meta.uid()));
    }
    if meta.mode() & 0o022 != 0 {
        return Err("may be written by its group or others; chmod go-w it".to_owned());
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => "the helper's user, mariasnap-helper, must be able to read it",
        _ => "\"mariasnap setup\" writes it, man mariasnap-zfs-helper.toml describes it",
    };
    refused(path, format!("{error}; {hint}"))
}

fn refused(path: &Path, why: String) -> ConfigError {
    let path = path.display().to_string();
    ConfigError { path, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const GOOD: &str = "[targets.main]\ndatasets = [{ name = \"tank/mysql\" }]\n";

    fn written(mode: u32, text: &str) -> (tempfile::TempDir, std::path::PathBuf, u32) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("helper.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let owner = std::fs::metadata(&path).unwrap().uid();
        (directory, path, owner)
    }

    fn refusal(path: &Path, owner: u32) -> String {
        read(path, owner).unwrap_err().to_string()
    }

    #[test]
    fn a_private_file_is_read() {
        let (_directory, path, owner) = written(0o644, GOOD);
        assert_eq!(read(&path, owner).unwrap().targets().len(), 1);
    }

    #[test]
    fn what_others_could_write_is_refused() {
        for mode in [0o664, 0o646] {
            let (_directory, path, owner) = written(mode, GOOD);
            assert!(refusal(&path, owner).contains("chmod go-w"));
        }
        let (directory, path, owner) = written(0o644, GOOD);
        assert!(refusal(&path, owner + 1).contains("must belong to"));
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(refusal(&path, owner).contains("chmod go-w"));
    }

    #[test]
    fn only_a_regular_file_of_bounded_size_is_read() {
        let (directory, path, owner) = written(0o644, &"#".repeat(300_000));
        assert!(refusal(&path, owner).contains("is over"));
        let inner = directory.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        assert!(refusal(&inner, owner).contains("not a regular file"));
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(refusal(&link, owner).contains("symbolic links"));
    }
}
