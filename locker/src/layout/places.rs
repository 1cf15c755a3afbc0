//! Where the server's variables say that its files lie: pure.

use std::path::{Path, PathBuf};

use super::purpose::Purpose;
use super::variables::Variables;

/// Something that the server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// What for.
    pub(crate) purpose: Purpose,
    /// What to look at: absolute, links not yet followed. For files that the server makes and removes by itself their
    /// directory; links of such names in there are looked for apart.
    pub(crate) path: PathBuf,
    /// What to show: the file, where the server names one.
    pub(crate) shown: PathBuf,
}

impl Place {
    /// A place that is shown as what it is.
    pub(crate) fn new(purpose: Purpose, path: PathBuf) -> Self {
        let shown = path.clone();
        Self { purpose, path, shown }
    }

    fn file(purpose: Purpose, file: PathBuf) -> Self {
        Self {
            purpose,
            path: parent(&file),
            shown: file,
        }
    }
}

/// What the server's variables name, the data directory first; none without `datadir`.
pub(crate) fn places(variables: &Variables) -> Option<Vec<Place>> {
    let data = PathBuf::from(variables.get("datadir")?);
    let named = |name| variables.get(name).map(|path| data.join(path));
    let home = named("innodb_data_home_dir").unwrap_or_else(|| data.clone());
    let mut places = vec![Place::new(Purpose::Data, data.clone())];
    let files = variables.get("innodb_data_file_path").unwrap_or_default();
    places.extend(system_files(files).map(|file| Place::file(Purpose::System, home.join(file))));
    let directories = [
        (Purpose::Redo, "innodb_log_group_home_dir"),
        (Purpose::Undo, "innodb_undo_directory"),
        (Purpose::Doublewrite, "innodb_doublewrite_dir"),
        (Purpose::Aria, "aria_log_dir_path"),
    ];
    places.extend(
        directories
            .iter()
            .filter_map(|(purpose, name)| Some(Place::new(*purpose, named(name)?))),
    );
    let files = [
        (Purpose::Doublewrite, "innodb_parallel_doublewrite_path"),
        (Purpose::Binlog, "log_bin_basename"),
        (Purpose::BinlogIndex, "log_bin_index"),
        (Purpose::Relay, "relay_log_basename"),
        (Purpose::RelayIndex, "relay_log_index"),
    ];
    places.extend(
        files
            .iter()
            .filter_map(|(purpose, name)| Some(Place::file(*purpose, named(name)?))),
    );
    places.push(Place::file(Purpose::Coordinator, data.join("tc.log")));
    places.extend(keys(variables).map(|file| Place::new(Purpose::Key, data.join(file))));
    Some(places)
}

/// The files that hold keys, or the key to those.
fn keys(variables: &Variables) -> impl Iterator<Item = &str> {
    let named = [
        "file_key_management_filename",
        "keyring_file_data",
        "keyring_encrypted_file_data",
    ];
    let files = named.into_iter().filter_map(|name| variables.get(name));
    // Without the prefix it is the key itself.
    let key = variables.get("file_key_management_filekey");
    files.chain(key.and_then(|key| key.strip_prefix("FILE:")))
}

/// Where tables and tablespaces lie that the data directory doesn't hold, one place for each directory of them.
pub(crate) fn outside(datadir: &Path, files: &[String]) -> Vec<Place> {
    let elsewhere = files.iter().map(|file| normal(&datadir.join(file)));
    let mut directories: Vec<_> = elsewhere
        .filter(|file| !file.starts_with(normal(datadir)))
        .map(|file| parent(&file))
        .collect();
    directories.sort();
    directories.dedup();
    let place = |directory| Place::new(Purpose::Tablespace, directory);
    directories.into_iter().map(place).collect()
}

/// A path without `.` and `..`, as far as that can be said without looking.
pub(crate) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// The files of `ibdata1:12M;ibdata2:12M:autoextend`.
fn system_files(setting: &str) -> impl Iterator<Item = &str> {
    setting
        .split(';')
        .filter_map(|file| file.split(':').next())
        .filter(|file| !file.is_empty())
}

/// What the names of the server's own files start with where its settings say so.
pub(crate) fn own_files(variables: &Variables) -> Vec<String> {
    let name = |path: &str| Some(Path::new(path).file_name()?.to_string_lossy().into_owned());
    let system = system_files(variables.get("innodb_data_file_path").unwrap_or_default()).filter_map(name);
    let binlog = variables.get("log_bin_basename").and_then(name);
    // The dot keeps a base name of one letter, say, from standing for every file.
    system.chain(binlog.map(|name| format!("{name}."))).collect()
}

fn parent(file: &Path) -> PathBuf {
    file.parent().unwrap_or(file).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        Variables::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn relative_directories_are_below_the_data_directory() {
        let places = places(&variables(&[
            ("datadir", "/var/lib/mysql/"),
            ("innodb_data_home_dir", ""),
            ("innodb_data_file_path", "ibdata1:12M:autoextend"),
            ("innodb_log_group_home_dir", "./"),
            ("innodb_undo_directory", "undo"),
            ("aria_log_dir_path", "/srv/aria"),
            ("log_bin_basename", "/srv/binlog/mariadb-bin"),
        ]))
        .unwrap();
        let found: Vec<_> = places
            .iter()
            .map(|p| (p.purpose, p.path.to_str().unwrap().trim_end_matches('/')))
            .collect();
        assert_eq!(
            found,
            [
                (Purpose::Data, "/var/lib/mysql"),
                (Purpose::System, "/var/lib/mysql"),
                (Purpose::Redo, "/var/lib/mysql/."),
                (Purpose::Undo, "/var/lib/mysql/undo"),
                (Purpose::Aria, "/srv/aria"),
                (Purpose::Binlog, "/srv/binlog"),
                (Purpose::Coordinator, "/var/lib/mysql"),
            ]
        );
    }

    #[test]
    fn the_servers_own_files_have_the_names_that_it_says() {
        let names = own_files(&variables(&[
            ("innodb_data_file_path", "main:12M;more/second:1G:autoextend"),
            ("log_bin_basename", "/srv/binlog/log"),
        ]));
        assert_eq!(names, ["main", "second", "log."]);
        assert!(own_files(&variables(&[])).is_empty());
    }

    #[test]
    fn no_binlog_is_no_place() {
        let places = places(&variables(&[("datadir", "/d"), ("log_bin_basename", "")])).unwrap();
        assert!(places.iter().all(|place| place.purpose != Purpose::Binlog));
        assert!(super::places(&variables(&[])).is_none());
    }

    #[test]
    fn files_are_shown_and_their_directories_looked_at() {
        let places = places(&variables(&[
            ("datadir", "/d"),
            ("innodb_data_file_path", "ibdata1:12M;/srv/ibdata2:12M:autoextend"),
            ("relay_log_index", "/srv/relay/relay.index"),
            ("file_key_management_filename", "/etc/mysql/keys.enc"),
            ("file_key_management_filekey", "FILE:/etc/mysql/key"),
        ]))
        .unwrap();
        let found = |purpose| -> Vec<_> {
            let of = places.iter().filter(|place| place.purpose == purpose);
            of.map(|place| (place.path.to_str().unwrap(), place.shown.to_str().unwrap()))
                .collect()
        };
        assert_eq!(found(Purpose::System), [("/d", "/d/ibdata1"), ("/srv", "/srv/ibdata2")]);
        assert_eq!(found(Purpose::RelayIndex), [("/srv/relay", "/srv/relay/relay.index")]);
        let keys = ["/etc/mysql/keys.enc", "/etc/mysql/key"];
        assert_eq!(found(Purpose::Key), keys.map(|key| (key, key)));
    }

    #[test]
    fn a_key_in_the_settings_is_never_taken_for_a_path() {
        let places = places(&variables(&[
            ("datadir", "/d"),
            ("file_key_management_filekey", "hunter2"),
        ]))
        .unwrap();
        assert!(!format!("{places:?}").contains("hunter2"));
    }

    #[test]
    fn tables_outside_the_data_directory_are_told_by_their_directories() {
        let files = [
            "./t/a.ibd",
            "ts.ibd",
            "/d/t/b.ibd",
            "/srv/ssd/t/c.ibd",
            "/srv/ssd/t/d.ibd",
            "../e/f.ibd",
        ]
        .map(str::to_owned);
        let outside = outside(Path::new("/d/"), &files);
        let found: Vec<_> = outside.iter().map(|place| place.path.to_str().unwrap()).collect();
        assert_eq!(found, ["/e", "/srv/ssd/t"]);
    }
}
