//! The text of what setup writes, and how it goes together with what is there already: pure.

use std::path::{Path, PathBuf};

use super::error::SetupError;
use crate::config;
use mariasnap_dbus::TargetName;

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

/// The timer's drop-in.
pub(crate) fn timer(calendar: &str) -> String {
    format!("# Written by \"mariasnap setup --on-calendar\".\n[Timer]\nOnCalendar=\nOnCalendar={calendar}\n")
}

/// What becomes of the timer's drop-in. An option that the admin gave isn't passed over in silence.
pub(crate) fn planned_timer(
    path: PathBuf,
    calendar: &str,
    present: Option<String>,
    force: bool,
) -> Result<Planned, SetupError> {
    let mut planned = Planned::new(path, timer(calendar), present, force, same_text);
    let (Change::Keep, Some(present)) = (planned.change, &planned.present) else {
        return Ok(planned);
    };
    let last = present.lines().last().and_then(|line| line.strip_prefix("OnCalendar="));
    if last.is_none_or(|before| timer(before) != *present) {
        return Err(SetupError::Kept {
            path: planned.path,
            why: format!(
                "nothing was done, --on-calendar neither, as the file isn't what setup wrote; let it read \
                 \"OnCalendar={calendar}\", or let --force replace it"
            ),
        });
    }
    planned.change = Change::Replace;
    Ok(planned)
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
    /// It has settings beyond what setup would write, and nothing that setup would replace.
    Own,
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

/// Two texts that are the same to the byte.
pub(crate) fn same_text(a: &str, b: &str) -> bool {
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_calendar_replaces_only_what_setup_wrote() {
        let over = |present: &str, force| planned_timer("/t".into(), "hourly", Some(present.to_owned()), force);
        assert_eq!(over(&timer("hourly"), false).unwrap().change, Change::Unchanged);
        assert_eq!(over(&timer("daily"), false).unwrap().change, Change::Replace);
        let edited = timer("daily") + "RandomizedDelaySec=1h\n";
        let error = over(&edited, false).unwrap_err().to_string();
        assert!(error.contains("OnCalendar=hourly"), "{error}");
        assert_eq!(over(&edited, true).unwrap().change, Change::Replace);
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
