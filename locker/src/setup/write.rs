//! Writing files so that a crash leaves either the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::SetupError;
use super::files::{Change, Planned};

const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

/// Writes a planned file; where it was copied to first, if it was. `stamp` makes the copy's name.
pub(crate) fn write(planned: &Planned, stamp: &str) -> Result<Option<PathBuf>, SetupError> {
    let path = &planned.path;
    let directory = path.parent().unwrap_or(Path::new("/"));
    make_directory(directory).map_err(SetupError::file("create", directory))?;
    let backup = match (&planned.change, &planned.present) {
        (Change::Replace, Some(present)) => {
            let backup = with_suffix(path, &format!(".bak-{stamp}"));
            create(&backup, present).map_err(SetupError::file("write", &backup))?;
            Some(backup)
        }
        _ => None,
    };
    replace(path, &planned.wanted).map_err(SetupError::file("write", path))?;
    Ok(backup)
}

fn make_directory(directory: &Path) -> io::Result<()> {
    // The mode is for those that are missing; the umask of an admin's shell must not lock the service out.
    let missing: Vec<_> = directory.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.into_iter().rev() {
        DirBuilder::new().mode(DIRECTORY_MODE).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE))?;
    }
    Ok(())
}

/// The new file gets its name only when it is complete and on disk.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A name that neither polkit nor systemd nor mariasnap takes for a file of its own.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.new-{}", std::process::id()));
    let written = create(&fresh, text).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        fs::remove_file(&fresh).ok();
    }
    written?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Creates a file that wasn't there, readable by all; not even a link of that name is followed.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::files::same_text;

    fn planned(path: &Path, wanted: &str, force: bool) -> Planned {
        let present = fs::read_to_string(path).ok();
        Planned::new(path.to_owned(), wanted.to_owned(), present, force, same_text)
    }

    #[test]
    fn directories_are_made_and_all_may_read() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/f.rules");
        write(&planned(&path, "x\n", false), "T").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o644, 0o755));
        assert_eq!(fs::read_to_string(&path).unwrap(), "x\n");
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing left over"
        );
    }

    #[test]
    fn what_is_replaced_is_copied_first() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("f.rules");
        fs::write(&path, "old").unwrap();
        let kept = planned(&path, "new", false);
        assert_eq!((kept.change, kept.writes()), (Change::Keep, false));
        let backup = write(&planned(&path, "new", true), "T").unwrap().unwrap();
        assert_eq!(backup, root.path().join("f.rules.bak-T"));
        assert_eq!(fs::read_to_string(&backup).unwrap(), "old");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(planned(&path, "new", true).change, Change::Unchanged);
    }

    #[test]
    fn a_copy_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("f");
        fs::write(&path, "old").unwrap();
        fs::write(root.path().join("f.bak-T"), "precious").unwrap();
        assert!(write(&planned(&path, "new", true), "T").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }
}
