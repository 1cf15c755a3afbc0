//! The mount table of this process, as the kernel tells it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The kernel's id of this mount, the one that `/proc/self/fdinfo` names.
    pub(crate) id: u64,
    /// Where it is mounted.
    pub(crate) point: PathBuf,
    /// The type of file system.
    pub(crate) fs_type: String,
    /// For ZFS the dataset, or `dataset@snapshot`.
    pub(crate) source: String,
}

/// Every mount, in the order of mounting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounts(Vec<Mount>);

/// A line of the mount table that isn't in the kernel's form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not in the form that proc(5) gives")]
pub(crate) struct MountsError {
    line: usize,
}

impl Mounts {
    /// Parses the whole of `/proc/self/mountinfo`.
    pub(crate) fn parse(text: &str) -> Result<Self, MountsError> {
        text.lines()
            .enumerate()
            .map(|(index, line)| parse_line(line).ok_or(MountsError { line: index + 1 }))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The mount that the kernel says a file was opened on. Unlike a search for the longest path, this can't be
    /// fooled by a mount that another one hides.
    pub(crate) fn by_id(&self, id: u64) -> Option<&Mount> {
        self.0.iter().find(|mount| mount.id == id)
    }

    /// The mount that a path is on if no link and no hidden mount is in the way: the longest mount point above it, and
    /// of those on one point the topmost.
    pub(crate) fn holding(&self, path: &Path) -> Option<&Mount> {
        let above = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        above.max_by_key(|mount| mount.point.components().count())
    }

    /// Mounts on paths below a directory, itself not included.
    pub(crate) fn below<'a>(&'a self, directory: &'a Path) -> impl Iterator<Item = &'a Mount> {
        self.0
            .iter()
            .filter(move |mount| mount.point != directory && mount.point.starts_with(directory))
    }
}

/// `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS`.
fn parse_line(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ');
    let id = head.next()?.parse().ok()?;
    let point = head.nth(3)?;
    let mut tail = tail.split(' ');
    Some(Mount {
        id,
        point: PathBuf::from(unescape(point)),
        fs_type: tail.next()?.to_owned(),
        source: unescape(tail.next()?).to_string_lossy().into_owned(),
    })
}

/// Undoes the kernel's `\ooo` for space, tab, newline and backslash.
fn unescape(field: &str) -> OsString {
    let bytes = field.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match octal(&bytes[at..]) {
            Some(byte) => {
                plain.push(byte);
                at += 4;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    OsString::from_vec(plain)
}

fn octal(bytes: &[u8]) -> Option<u8> {
    let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] = bytes else {
        return None;
    };
    Some(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'))
}

/// The mount id in the text of a `/proc/self/fdinfo` file.
pub(crate) fn mount_id(fdinfo: &str) -> Option<u64> {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))
        .and_then(|id| id.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "\
22 1 252:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
45 22 0:37 / /var/lib/mysql rw,noatime shared:55 - zfs tank/mysql rw,xattr,noacl,casesensitive
46 45 0:38 / /var/lib/mysql/big\\040db rw - zfs tank/my\\134sql/big\\040db rw
47 22 0:39 / /var/lib/mysql-other rw shared:9 master:2 - zfs tank/other rw
";

    #[test]
    fn a_table_is_read() {
        let mounts = Mounts::parse(TABLE).unwrap();
        let data = mounts.by_id(45).unwrap();
        assert_eq!(data.point, Path::new("/var/lib/mysql"));
        assert_eq!((data.fs_type.as_str(), data.source.as_str()), ("zfs", "tank/mysql"));
        assert_eq!(mounts.by_id(46).unwrap().source, "tank/my\\sql/big db");
        assert_eq!(
            mounts.by_id(47).unwrap().source,
            "tank/other",
            "optional fields are skipped"
        );
        assert_eq!(mounts.by_id(1), None);
    }

    #[test]
    fn below_goes_by_whole_components() {
        let mounts = Mounts::parse(TABLE).unwrap();
        let below: Vec<_> = mounts.below(Path::new("/var/lib/mysql")).map(|m| m.id).collect();
        assert_eq!(below, [46]);
    }

    #[test]
    fn a_path_is_on_the_longest_point_above_it_and_on_the_topmost_mount_there() {
        let over = "48 22 0:40 / /var/lib/mysql-other rw - ext4 /dev/vdb rw\n";
        let mounts = Mounts::parse(&format!("{TABLE}{over}")).unwrap();
        for (path, id) in [
            ("/var/lib/mysql/t", 45),
            ("/var/lib/mysql", 45),
            ("/var/lib/mysql/big db/a", 46),
            ("/var/lib/mysqld", 22),
            ("/var/lib/mysql-other", 48),
        ] {
            assert_eq!(mounts.holding(Path::new(path)).unwrap().id, id, "{path}");
        }
        assert_eq!(Mounts::parse("").unwrap().holding(Path::new("/")), None);
    }

    #[test]
    fn a_malformed_line_is_named() {
        let error = Mounts::parse("22 1 252:0 / / rw - ext4 /dev/vda rw\nnonsense\n").unwrap_err();
        assert_eq!(error, MountsError { line: 2 });
    }

    #[test]
    fn the_mount_id_is_found() {
        assert_eq!(mount_id("pos:\t0\nflags:\t0100000\nmnt_id:\t45\nino:\t34\n"), Some(45));
        assert_eq!(mount_id("pos:\t0\n"), None);
    }

    proptest! {
        #[test]
        fn no_mount_between_a_path_and_its_own(
            points in proptest::collection::vec("(/[a-c]){0,4}", 0..12),
            path in "(/[a-c]){1,6}",
        ) {
            let line = |(id, point): (usize, &String)| format!("{id} 0 0:1 / /{point} rw - zfs p rw\n");
            let table: String = points.iter().enumerate().map(line).collect();
            let mounts = Mounts::parse(&table).unwrap();
            let path = Path::new(&path);
            let above: Vec<_> = mounts.0.iter().filter(|mount| path.starts_with(&mount.point)).collect();
            match mounts.holding(path) {
                None => prop_assert!(above.is_empty()),
                Some(found) => {
                    prop_assert!(path.starts_with(&found.point));
                    prop_assert!(above.iter().all(|other| found.point.starts_with(&other.point)));
                }
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}", field in "[\\\\0-9a-c]{0,20}") {
            let parsed = Mounts::parse(&text);
            prop_assert!(parsed.is_ok() || parsed.is_err());
            prop_assert!(unescape(&field).len() <= field.len());
        }
    }
}
