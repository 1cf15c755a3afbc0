//! What the server says about itself, as far as its layout goes.

use std::collections::BTreeMap;

/// The global variables that tell the layout; one that a server doesn't have is simply missing from its answer.
pub(crate) const VARIABLES: [&str; 32] = [
    "aria_log_dir_path",
    "datadir",
    "file_key_management_filekey",
    "file_key_management_filename",
    "innodb_data_file_path",
    "innodb_data_home_dir",
    "innodb_doublewrite",
    "innodb_doublewrite_dir",
    "innodb_flush_log_at_trx_commit",
    "innodb_log_group_home_dir",
    "innodb_page_size",
    "innodb_parallel_doublewrite_path",
    "innodb_undo_directory",
    "keyring_encrypted_file_data",
    "keyring_file_data",
    "log_bin_basename",
    "log_bin_index",
    "myisam_use_mmap",
    "relay_log_basename",
    "relay_log_index",
    "replicate_do_db",
    "replicate_do_table",
    "replicate_ignore_db",
    "replicate_ignore_table",
    "replicate_rewrite_db",
    "replicate_wild_do_table",
    "replicate_wild_ignore_table",
    "rocksdb_allow_mmap_writes",
    "socket",
    "tmpdir",
    "version",
    "version_comment",
];

/// The statement that reads them.
pub(crate) fn statement() -> String {
    let names: Vec<_> = VARIABLES.iter().map(|name| format!("'{name}'")).collect();
    format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", names.join(", "))
}

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

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "ON" || value == "1")
    }
}
