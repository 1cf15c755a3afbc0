//! What links keep outside the data directory. Who can write there, the server's user that is, makes them: nothing here
//! may hang on them, nor read much.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::LookError;
use super::places::Place;
use super::purpose::Purpose;

/// The longest path that Linux knows; an `.isl` file holds one.
const LONGEST_PATH: u64 = 4096;

/// What the files are called that a server can't start without, or that replicas are fed from.
const SERVER_FILES: [&str; 8] = [
    "ibdata",
    "ib_logfile",
    "undo",
    "aria_log",
    "binlog.",
    "mysql-bin.",
    "mariadb-bin.",
    "mysqld-bin.",
];

/// Databases and tables that live elsewhere: linked directories, linked files in a database's directory, and the
/// targets of InnoDB's `.isl` files. A link that leads nowhere holds no data.
pub(crate) fn linked(datadir: &Path) -> Result<Vec<Place>, LookError> {
    let mut found = Vec::new();
    for entry in list(datadir)? {
        if entry.is_symlink() {
            found.extend(fs::canonicalize(&entry).ok().filter(|path| path.is_dir()));
        } else if entry.is_dir() {
            found.extend(list(&entry)?.iter().filter_map(|file| end_of_link(file)));
        }
    }
    Ok(places(found))
}

/// Where links lead that bear the name of one of the server's own files. `own` are further names, from its variables.
/// The others, to a certificate say, are none of the data.
pub(crate) fn linked_files(directory: &Path, own: &[String]) -> Result<Vec<Place>, LookError> {
    let entries = list(directory)?.into_iter();
    let links = entries.filter(|entry| entry.is_symlink() && is_of_server(entry, own));
    let ends = links.filter_map(|link| fs::canonicalize(link).ok());
    Ok(places(ends.filter(|end| end.is_file())))
}

fn is_of_server(file: &Path, own: &[String]) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut names = SERVER_FILES.into_iter().chain(own.iter().map(String::as_str));
    names.any(|start| name.starts_with(start))
}

fn places(found: impl IntoIterator<Item = PathBuf>) -> Vec<Place> {
    let place = |path| Place::new(Purpose::Linked, path);
    found.into_iter().map(place).collect()
}

fn end_of_link(file: &Path) -> Option<PathBuf> {
    if file.is_symlink() {
        return fs::canonicalize(file).ok();
    }
    let is_isl = file.extension().is_some_and(|extension| extension == "isl");
    let text = is_isl.then(|| read_isl(file)).flatten()?;
    fs::canonicalize(text.trim()).ok()
}

/// A regular file's first line or so: a FIFO isn't waited for, a link isn't followed, a giant isn't read.
fn read_isl(file: &Path) -> Option<String> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(file)
        .ok()?;
    if !opened.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    opened.take(LONGEST_PATH).read_to_string(&mut text).ok()?;
    Some(text)
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, LookError> {
    fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(LookError::new("list", directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn paths(places: Vec<Place>) -> Vec<PathBuf> {
        let mut paths: Vec<_> = places.into_iter().map(|place| place.path).collect();
        paths.sort();
        paths
    }

    #[test]
    fn the_server_cannot_hold_up_or_fill_up_setup() {
        let root = tempfile::tempdir().unwrap();
        let (database, end) = (root.path().join("data/db"), root.path().join("ssd"));
        fs::create_dir_all(&database).unwrap();
        fs::create_dir(&end).unwrap();
        let fifo = database.join("fifo.isl");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let giant = fs::File::create(database.join("giant.isl")).unwrap();
        giant.set_len(1 << 45).or_else(|_| giant.set_len(1 << 33)).unwrap();
        fs::write(database.join("t.isl"), format!("{}\n", end.display())).unwrap();
        let end = fs::canonicalize(end).unwrap();
        let datadir = root.path().join("data");
        // In a thread, as without the fix this waits for ever.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(paths(linked(&datadir).unwrap())));
        let found = receiver.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        assert_eq!(found, [end]);
    }

    #[test]
    fn the_servers_own_files_are_followed_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let (data, ssd) = (root.path().join("data"), root.path().join("ssd"));
        fs::create_dir_all(&data).unwrap();
        fs::create_dir(&ssd).unwrap();
        for name in [
            "ibdata1",
            "ib_logfile0",
            "undo001",
            "aria_log_control",
            "log.000001",
            "ca.pem",
        ] {
            fs::write(ssd.join(name), "").unwrap();
            symlink(ssd.join(name), data.join(name)).unwrap();
        }
        symlink("/nowhere", data.join("ibdata2")).unwrap();
        fs::write(data.join("ibdata3"), "").unwrap();
        let found = paths(linked_files(&data, &["log.".to_owned()]).unwrap());
        let names: Vec<_> = found
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["aria_log_control", "ib_logfile0", "ibdata1", "log.000001", "undo001"]
        );
    }
}
