//! What this process can see of the server's files: as root everything, as the unit's user no further than the data
//! directory itself.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::LookError;
use super::ground::Located;
use super::links;
use super::mounts::{Mounts, mount_id};
use super::places::{Place, normal};
use super::purpose::Purpose;

/// What was seen of a place.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// What for.
    pub(crate) purpose: Purpose,
    /// The file or directory as the server names it.
    pub(crate) shown: PathBuf,
    /// Where it is.
    pub(crate) seen: Seen,
}

/// How much could be seen.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// All: links are followed, and the kernel says which mount it is.
    On(Located),
    /// This user can't look into a directory above it: where it is if there is no link from there on.
    ByName(PathBuf),
    /// There is nothing of that name among this process's mounts.
    Missing,
}

/// Everything that was seen of a server's files.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The places, the data directory first, then the ends of links.
    pub(crate) sights: Vec<Sight>,
    /// Directories that this user can't list, so that links in them go unseen.
    pub(crate) unlisted: Vec<PathBuf>,
}

/// Looks at all places, the data directory first, and at what links in them lead to. `own` are names of the server's
/// files.
pub(crate) fn view(places: &[Place], own: &[String]) -> View {
    let mut view = View {
        sights: places.iter().map(look).collect(),
        ..View::default()
    };
    let mut ends = Vec::new();
    for located in directories(&view.sights) {
        match links_in(&located, own) {
            Ok(found) => ends.extend(found),
            Err(_) => view.unlisted.push(located.path),
        }
    }
    let known = directories(&view.sights);
    let is_known = |sight: &Sight| {
        known
            .iter()
            .any(|known| known.purpose == Purpose::Tablespace && is_in(sight, known))
    };
    view.sights
        .extend(ends.iter().map(look).filter(|sight| !is_known(sight)));
    view
}

fn is_in(sight: &Sight, directory: &Located) -> bool {
    matches!(&sight.seen, Seen::On(located) if located.path.parent() == Some(&directory.path))
}

fn links_in(located: &Located, own: &[String]) -> Result<Vec<Place>, LookError> {
    let mut found = links::linked_files(&located.path, own)?;
    if located.purpose == Purpose::Data {
        found.extend(links::linked(&located.path)?);
    }
    Ok(found)
}

/// The directories that were seen, each once; a key's file is none of the server's own.
fn directories(sights: &[Sight]) -> Vec<Located> {
    let mut directories: Vec<Located> = Vec::new();
    for sight in sights.iter().filter(|sight| sight.purpose != Purpose::Key) {
        let is_new = |located: &Located| directories.iter().all(|known| known.path != located.path);
        if let Seen::On(located) = &sight.seen
            && is_new(located)
        {
            directories.push(located.clone());
        }
    }
    directories
}

fn look(place: &Place) -> Sight {
    let seen = match locate(place) {
        Ok(located) => Seen::On(located),
        Err(error) if error.is_missing() => Seen::Missing,
        Err(_) => Seen::ByName(by_name(&place.path)),
    };
    Sight {
        purpose: place.purpose,
        shown: normal(&place.shown),
        seen,
    }
}

/// The path with the links followed that can be seen.
fn by_name(path: &Path) -> PathBuf {
    let path = normal(path);
    let seen = |above: &Path| Some((fs::canonicalize(above).ok()?, path.strip_prefix(above).ok()?));
    match path.ancestors().find_map(seen) {
        Some((above, rest)) => normal(&above.join(rest)),
        None => path.clone(),
    }
}

/// The mount table.
pub(crate) fn mounts() -> Result<Mounts, LookError> {
    const TABLE: &str = "/proc/self/mountinfo";
    let text = fs::read_to_string(TABLE).map_err(LookError::new("read", Path::new(TABLE)))?;
    Mounts::parse(&text).map_err(|error| LookError::new("parse", Path::new(TABLE))(io::Error::other(error)))
}

/// Follows a place's links and asks the kernel on which mount it ends.
pub(crate) fn locate(place: &Place) -> Result<Located, LookError> {
    let path = fs::canonicalize(&place.path).map_err(LookError::new("find", &place.path))?;
    // Opened as a path only, so that nothing that lies there, a FIFO say, is waited for.
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&path)
        .map_err(LookError::new("open", &path))?;
    let info = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
    let text = fs::read_to_string(&info).map_err(LookError::new("read", Path::new(&info)))?;
    let missing = || io::Error::other("it has no mnt_id");
    let mount = mount_id(&text).ok_or_else(|| LookError::new("parse", Path::new(&info))(missing()))?;
    Ok(Located {
        purpose: place.purpose,
        path,
        mount,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_cannot_be_followed_is_kept_from_there_on() {
        let root = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(root.path()).unwrap();
        fs::create_dir(real.join("real")).unwrap();
        std::os::unix::fs::symlink(real.join("real"), real.join("link")).unwrap();
        let found = by_name(&real.join("link/none/../gone/./log"));
        assert_eq!(found, real.join("real/gone/log"));
    }

    #[test]
    fn what_is_there_is_seen_and_what_is_not_is_missing() {
        let root = tempfile::tempdir().unwrap();
        let (data, ssd) = (root.path().join("data"), root.path().join("ssd"));
        fs::create_dir_all(&data).unwrap();
        fs::create_dir(&ssd).unwrap();
        std::os::unix::fs::symlink(&ssd, data.join("db")).unwrap();
        let places = [
            Place::new(Purpose::Data, data),
            Place::new(Purpose::Redo, root.path().join("gone")),
        ];
        let view = view(&places, &[]);
        assert!(view.unlisted.is_empty());
        let seen: Vec<_> = view.sights.iter().map(|sight| (sight.purpose, &sight.seen)).collect();
        assert!(matches!(seen[0], (Purpose::Data, Seen::On(_))), "{seen:?}");
        assert!(matches!(seen[1], (Purpose::Redo, Seen::Missing)), "{seen:?}");
        let end = fs::canonicalize(ssd).unwrap();
        assert!(
            matches!(seen[2], (Purpose::Linked, Seen::On(located)) if located.path == end),
            "{seen:?}"
        );
        assert_eq!(seen.len(), 3);
    }
}
