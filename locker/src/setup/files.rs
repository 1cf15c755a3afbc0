//! The text of what setup writes, and how it goes together with what is there already: pure.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use mariasnap_dbus::TargetName;
use toml::Table;

use crate::config;

use super::rule::quote;

/// Consistent snapshots kept where nobody said otherwise.
const DEFAULT_KEEP: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// What stands before the first target in the helper's configuration.
pub(crate) const HELPER_HEADER: &str = "\
# Which datasets mariasnap-zfs-helper may snapshot, and nothing else may it touch. Written by \"mariasnap setup\".
#   datasets   snapshotted together in one transaction group, all in one pool; children = true includes descendants
#   prefix     what the snapshots' names start with
#   min_keep   destroying never leaves fewer consistent snapshots than this
";

/// Where the files are.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// The helper's configuration.
    pub(crate) helper: PathBuf,
    /// The target's configuration.
    pub(crate) target: PathBuf,
    /// The polkit rule.
    pub(crate) rule: PathBuf,
    /// The timer's drop-in.
    pub(crate) timer: PathBuf,
}

impl Paths {
    /// The paths of a target's files below `/`, or below another root in tests.
    pub(crate) fn new(root: &Path, name: &TargetName) -> Self {
        let config = root.join(config::DEFAULT_DIR.trim_start_matches('/'));
        Self {
            helper: config.join("zfs-helper.toml"),
            target: config::target_file(&config, name),
            rule: root.join(format!("etc/polkit-1/rules.d/50-mariasnap-{name}.rules")),
            timer: root.join(format!("etc/systemd/system/mariasnap@{name}.timer.d/50-setup.conf")),
        }
    }
}

/// What the target's own configuration is to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetFile<'a> {
    /// Whose.
    pub(crate) name: &'a TargetName,
    /// The database's socket.
    pub(crate) socket: &'a str,
    /// Consistent snapshots kept, if the admin said so.
    pub(crate) keep: Option<NonZeroU32>,
}

impl TargetFile<'_> {
    /// The text. What the admin didn't say this time is taken from the file that is there, so that a second run
    /// without options changes nothing.
    pub(crate) fn render(&self, present: Option<&Table>) -> String {
        let keep = self
            .keep
            .or_else(|| present.and_then(present_keep))
            .unwrap_or(DEFAULT_KEEP);
        let (name, socket) = (self.name, quote(self.socket));
        format!(
            "\
# How mariasnap snapshots target {name}. Every key is optional. Written by \"mariasnap setup {name}\".

[database]
# The server's unix socket. The account is known by its uid, so there is no password here.
socket = {socket}
user = \"{user}\"
# connect_timeout = \"5s\"

[lock]
# auto takes the strictest lock that the server offers: exact (BACKUP STAGE, MariaDB 10.4 and later) or ftwrl.
# strategy = \"auto\"
# From the first lock statement until the lock is held; after that the run fails and nothing is taken.
# max_wait = \"10s\"
# How long commits may stand still; after that the lock is let go and nothing is taken.
# max_hold = \"15s\"

[keep]
# Consistent snapshots kept; older ones are destroyed after each run. Without this key all are kept.
last = {keep}
",
            user = super::rule::USER,
        )
    }
}

fn present_keep(present: &Table) -> Option<NonZeroU32> {
    let last = present.get("keep")?.get("last")?.as_integer()?;
    u32::try_from(last).ok().and_then(NonZeroU32::new)
}

/// The timer's drop-in.
pub(crate) fn timer(calendar: &str) -> String {
    format!("# Written by \"mariasnap setup --on-calendar\".\n[Timer]\nOnCalendar=\nOnCalendar={calendar}\n")
}

/// A file that setup wants, beside what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Where.
    pub(crate) path: PathBuf,
    /// What is to be there.
    pub(crate) wanted: String,
    /// What is there now.
    pub(crate) present: Option<String>,
    /// What follows from that.
    pub(crate) change: Change,
}

/// What is to become of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It isn't there yet.
    Create,
    /// What is there gains something and loses nothing.
    Extend,
    /// It is as wanted.
    Unchanged,
    /// It differs, and stays as the admin has it.
    Keep,
    /// It differs, and is replaced once a copy is made.
    Replace,
}

impl Planned {
    /// Compares what is wanted with what is there; `same` decides whether a difference matters.
    pub(crate) fn new(
        path: PathBuf,
        wanted: String,
        present: Option<String>,
        force: bool,
        same: fn(&str, &str) -> bool,
    ) -> Self {
        let change = match &present {
            None => Change::Create,
            Some(present) if same(present, &wanted) => Change::Unchanged,
            Some(_) if force => Change::Replace,
            Some(_) => Change::Keep,
        };
        Self {
            path,
            wanted,
            present,
            change,
        }
    }

    /// Whether applying the plan writes the file.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.change, Change::Create | Change::Extend | Change::Replace)
    }
}

/// Two texts that are TOML and mean the same; comments and order don't matter.
pub(crate) fn same_toml(a: &str, b: &str) -> bool {
    match (a.parse::<Table>(), b.parse::<Table>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Two texts that are the same to the byte.
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(keep: Option<u32>, present: Option<&str>) -> String {
        let name = TargetName::parse("main").unwrap();
        let file = TargetFile {
            name: &name,
            socket: "/run/other/mysqld.sock",
            keep: keep.and_then(NonZeroU32::new),
        };
        file.render(present.map(|text| text.parse().unwrap()).as_ref())
    }

    fn load(text: &str) -> config::Settings {
        let root = tempfile::tempdir().unwrap();
        let name = TargetName::parse("main").unwrap();
        let path = config::target_file(root.path(), &name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        config::load(root.path(), &name).unwrap()
    }

    #[test]
    fn the_targets_file_is_what_the_locker_reads() {
        let settings = load(&rendered(Some(7), None));
        assert_eq!(settings.keep_last, NonZeroU32::new(7));
        assert_eq!(settings.database.user, "mariasnap");
        let socket = config::Endpoint::Socket("/run/other/mysqld.sock".into());
        assert_eq!(settings.database.endpoint, socket);
    }

    #[test]
    fn the_commented_keys_are_the_lockers_defaults() {
        let text = rendered(None, None);
        let uncommented: Vec<_> = text
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| rest.contains(" = \""))
                    .unwrap_or(line)
            })
            .collect();
        assert_eq!(uncommented.iter().filter(|line| line.contains(" = ")).count(), 7);
        let (as_is, spelled_out) = (load(&text), load(&uncommented.join("\n")));
        assert_eq!(spelled_out.lock, as_is.lock);
        assert_eq!(spelled_out.database.connect_timeout, as_is.database.connect_timeout);
    }

    #[test]
    fn what_was_said_before_still_holds() {
        assert_eq!(load(&rendered(None, None)).keep_last, NonZeroU32::new(10));
        let first = rendered(Some(3), None);
        assert_eq!(rendered(None, Some(&first)), first);
        assert_eq!(load(&rendered(Some(5), Some(&first))).keep_last, NonZeroU32::new(5));
    }

    #[test]
    fn comments_are_no_difference_in_toml() {
        assert!(same_toml("# a\nx = 1\n", "x = 1"));
        assert!(!same_toml("x = 1", "x = 2"));
        assert!(!same_toml("x = ", "x = 1"));
    }

    #[test]
    fn paths_are_where_others_look() {
        let paths = Paths::new(Path::new("/"), &TargetName::parse("db.1").unwrap());
        let shown = [&paths.helper, &paths.target, &paths.rule, &paths.timer].map(|path| path.display().to_string());
        assert_eq!(
            shown,
            [
                "/etc/mariasnap/zfs-helper.toml",
                "/etc/mariasnap/targets/db.1.toml",
                "/etc/polkit-1/rules.d/50-mariasnap-db.1.rules",
                "/etc/systemd/system/mariasnap@db.1.timer.d/50-setup.conf"
            ]
        );
    }
}
