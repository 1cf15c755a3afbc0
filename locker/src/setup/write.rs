//! Writing files so that a crash leaves either the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::error::SetupError;
use super::files::{Change, Planned};

const FILE_MODE: u32 = 0o644;
const FRESH_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o755;

/// Fails where a file to be written is a link: replacing it would part it from what it points to, which somebody manages.
pub(crate) fn require_no_links<'a>(mut files: impl Iterator<Item = &'a Planned>) -> Result<(), SetupError> {
    match files.find(|file| file.writes() && file.path.is_symlink()) {
        None => Ok(()),
        Some(file) => Err(SetupError::Kept {
            path: file.path.clone(),
            why: format!(
                "it is a symbolic link, which setup would replace by a file; put a file in its place, or let what it \
                 points to read:\n{}",
                file.wanted
            ),
        }),
    }
}

/// Who may read and write a file.
#[derive(Debug, Clone, Copy)]
struct Access {
    mode: u32,
    owner: Option<(u32, u32)>,
}

impl Access {
    /// As the file that is there has it, so that what was kept from others stays so.
    fn of(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(old) => Ok(Self {
                mode: old.mode() & 0o777,
                owner: Some((old.uid(), old.gid())),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self {
                mode: FILE_MODE,
                owner: None,
            }),
            Err(error) => Err(error),
        }
    }
}

/// Writes a planned file; where it was copied to first, if it was. `stamp` makes the copy's name.
pub(crate) fn write(planned: &Planned, stamp: &str) -> Result<Option<PathBuf>, SetupError> {
    let path = &planned.path;
    require_no_links(std::iter::once(planned))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    make_directory(directory).map_err(SetupError::file("create", directory))?;
    let access = Access::of(path).map_err(SetupError::file("read", path))?;
    let backup = match (&planned.change, &planned.present) {
        (Change::Replace, Some(present)) => {
            let backup = with_suffix(path, &format!(".bak-{stamp}"));
            create(&backup, present, access).map_err(SetupError::file("write", &backup))?;
            Some(backup)
        }
        _ => None,
    };
    replace(path, &planned.wanted, access).map_err(SetupError::file("write", path))?;
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
fn replace(path: &Path, text: &str, access: Access) -> io::Result<()> {
    // A name that neither polkit nor systemd nor mariasnap takes for a file of its own.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.new-{}", std::process::id()));
    let written = create(&fresh, text, access).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        fs::remove_file(&fresh).ok();
    }
    written?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Creates a file that wasn't there; not even a link of that name is followed. Only root may read it before its owner
/// and mode are right.
fn create(path: &Path, text: &str, access: Access) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FRESH_MODE)
        .open(path)?;
    if let Some((user, group)) = access.owner {
        fchown(&file, Some(user), Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(access.mode))?;
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
    fn what_was_kept_from_others_stays_so() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("f");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let backup = write(&planned(&path, "new", true), "T").unwrap().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&backup)), (0o640, 0o640));
    }

    #[test]
    fn a_link_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let (path, end) = (root.path().join("f"), root.path().join("end"));
        fs::write(&end, "old").unwrap();
        std::os::unix::fs::symlink(&end, &path).unwrap();
        let error = write(&planned(&path, "new", true), "T").unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert!(path.is_symlink() && root.path().read_dir().unwrap().count() == 2);
        assert!(
            require_no_links(std::iter::once(&planned(&path, "new", false))).is_ok(),
            "it is kept"
        );
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
