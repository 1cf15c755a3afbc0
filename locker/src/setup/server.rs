//! What the server says about itself: pure reading of its variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) use crate::database::Version;

/// The global variables that setup reads. One that a server doesn't have is simply missing from the answer.
pub(crate) const VARIABLES: [&str; 14] = [
    "aria_log_dir_path",
    "datadir",
    "innodb_data_file_path",
    "innodb_data_home_dir",
    "innodb_doublewrite",
    "innodb_flush_log_at_trx_commit",
    "innodb_log_group_home_dir",
    "innodb_page_size",
    "innodb_undo_directory",
    "log_bin_basename",
    "socket",
    "tmpdir",
    "version",
    "version_comment",
];

/// Global variables by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(crate) fn new(rows: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(rows.into_iter().collect())
    }

    /// A variable's value, unless the server has none or it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What a directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `datadir`.
    Data,
    /// InnoDB's system tablespace.
    System,
    /// InnoDB's redo log.
    Redo,
    /// InnoDB's undo tablespaces.
    Undo,
    /// Aria's log.
    Aria,
    /// Binary logs.
    Binlog,
    /// A mount inside `datadir`.
    Within,
    /// A table or database that a link in `datadir` keeps elsewhere.
    Linked,
}

impl Purpose {
    /// Words for people.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Data => "the data directory",
            Self::System => "InnoDB's system tablespace",
            Self::Redo => "InnoDB's redo log",
            Self::Undo => "InnoDB's undo tablespaces",
            Self::Aria => "Aria's log",
            Self::Binlog => "the binary logs",
            Self::Within => "a part of the data directory",
            Self::Linked => "behind a link in the data directory",
        }
    }
}

/// A directory that the server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// What for.
    pub(crate) purpose: Purpose,
    /// Where, absolute, links not yet followed.
    pub(crate) path: PathBuf,
}

/// The directories that the server's variables name, the data directory first; none without `datadir`.
pub(crate) fn places(variables: &Variables) -> Option<Vec<Place>> {
    let data = PathBuf::from(variables.get("datadir")?);
    let named = |name| variables.get(name).map(|path| data.join(path));
    let home = named("innodb_data_home_dir").unwrap_or_else(|| data.clone());
    let mut places = vec![(Purpose::Data, data.clone())];
    let files = variables.get("innodb_data_file_path").unwrap_or_default();
    places.extend(system_files(files).map(|file| (Purpose::System, parent(&home.join(file)))));
    let others = [
        (Purpose::Redo, named("innodb_log_group_home_dir")),
        (Purpose::Undo, named("innodb_undo_directory")),
        (Purpose::Aria, named("aria_log_dir_path")),
        (Purpose::Binlog, named("log_bin_basename").map(|base| parent(&base))),
    ];
    places.extend(
        others
            .into_iter()
            .filter_map(|(purpose, path)| path.map(|path| (purpose, path))),
    );
    Some(
        places
            .into_iter()
            .map(|(purpose, path)| Place { purpose, path })
            .collect(),
    )
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
        assert_eq!(places.len(), 1);
        assert!(super::places(&variables(&[])).is_none());
    }
}
