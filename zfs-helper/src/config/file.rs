//! Reading the file, provided that nobody but its owner could have written it.
#![forbid(unsafe_code)]

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::{ConfigError, Settings, parse};

const MAX_BYTES: u64 = 256 * 1024;

/// Reads and checks the configuration in `path`. Refuses a file or a directory that `owner` doesn't own or that
/// its group or others may write; looks at what it opened, so that nothing can be exchanged in between.
pub fn read(path: &Path, owner: u32) -> Result<Settings, ConfigError> {
    let shown = path.display().to_string();
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    open(directory, |meta| check(meta, meta.is_dir(), "a directory", owner))?;
    let file = open(path, |meta| check(meta, meta.is_file(), "a regular file", owner))?;
    let mut text = String::new();
    let source = match file.take(MAX_BYTES + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > MAX_BYTES => return Err(unsafe_file(path, format!("is over {MAX_BYTES} bytes"))),
        Ok(_) => return parse(&shown, &text),
        Err(source) => source,
    };
    Err(ConfigError::Read { path: shown, source })
}

fn open(path: &Path, verdict: impl Fn(&Metadata) -> Result<(), String>) -> Result<File, ConfigError> {
    // Not blocking: a FIFO in the file's place must not hang the start.
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let found = opened.and_then(|file| file.metadata().map(|meta| (file, meta)));
    let (file, meta) = found.map_err(|source| ConfigError::Read {
        path: path.display().to_string(),
        source,
    })?;
    verdict(&meta).map_err(|why| unsafe_file(path, why))?;
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

fn unsafe_file(path: &Path, why: String) -> ConfigError {
    ConfigError::Unsafe {
        path: path.display().to_string(),
        why,
    }
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

    #[test]
    fn a_private_file_is_read() {
        let (_directory, path, owner) = written(0o644, GOOD);
        assert_eq!(read(&path, owner).unwrap().targets().len(), 1);
    }

    #[test]
    fn what_others_could_write_is_refused() {
        for mode in [0o664, 0o646] {
            let (_directory, path, owner) = written(mode, GOOD);
            assert!(matches!(read(&path, owner), Err(ConfigError::Unsafe { .. })));
        }
        let (directory, path, owner) = written(0o644, GOOD);
        assert!(matches!(read(&path, owner + 1), Err(ConfigError::Unsafe { .. })));
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(read(&path, owner), Err(ConfigError::Unsafe { .. })));
    }

    #[test]
    fn only_a_regular_file_of_bounded_size_is_read() {
        let (directory, path, owner) = written(0o644, &"#".repeat(300_000));
        assert!(matches!(read(&path, owner), Err(ConfigError::Unsafe { .. })));
        assert!(read(directory.path(), owner).is_err());
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read(&link, owner), Err(ConfigError::Read { .. })));
    }
}
