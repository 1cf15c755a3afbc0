//! From what was seen, the mount table and the target's datasets to findings: pure.

use std::path::{Path, PathBuf};

use mariasnap_dbus::{Dataset, TargetName};

use super::error::LayoutError;
use super::finding::{Finding, Verdict};
use super::ground::{Located, dataset_of, same_pool, within};
use super::look::{Seen, Sight, View};
use super::member::{Member, covers};
use super::mounts::Mounts;
use super::purpose::Purpose;

const NEEDS_BINLOG: &str = "commits go on during the cut with this lock.strategy, and crash recovery takes from the binary \
    log which of them count; use \"auto\", or have it in the target";

/// What sights are judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge<'a> {
    /// The target.
    pub(crate) target: &'a TargetName,
    /// Its datasets, as the helper has them.
    pub(crate) members: &'a [Member],
    /// The mount table of the process that looked.
    pub(crate) mounts: &'a Mounts,
    /// Where temporary files lie, which no snapshot needs: a list as the server has it.
    pub(crate) tmpdir: Option<&'a str>,
    /// Whether commits go on during the cut, so that the binary log in the snapshot decides which of them count.
    pub(crate) needs_binlog: bool,
    /// Whether root looked, from whom nothing is hidden: then a data directory that is missing is missing.
    pub(crate) is_root: bool,
}

/// The dataset, the verdict, and why.
type Judged = (Option<Dataset>, Verdict, Option<String>);

impl Judge<'_> {
    /// One finding for each place, for each mount in the data directory, and for each directory that can't be listed.
    pub(crate) fn findings(&self, view: &View) -> Vec<Finding> {
        let data = data_of(view);
        let dataset = data.and_then(|data| Some(dataset_of(data, self.mounts).ok()?.1));
        let mounted = data.map(|data| within(&data.path, self.mounts, self.tmpdir));
        let mounted = mounted.into_iter().flatten().map(|located| Sight {
            purpose: Purpose::Within,
            shown: located.path.clone(),
            seen: Seen::On(located),
        });
        let sights = view.sights.iter().cloned().chain(mounted);
        let judged = sights.map(|sight| self.finding(&sight, dataset.as_ref(), &view.unlisted));
        judged.chain(view.unlisted.iter().map(|path| unlisted(path))).collect()
    }

    fn finding(&self, sight: &Sight, data: Option<&Dataset>, unlisted: &[PathBuf]) -> Finding {
        let (dataset, verdict, detail) = match &sight.seen {
            Seen::On(located) => self.seen(located, data, unlisted),
            Seen::ByName(path) => self.by_name(sight, path),
            Seen::Missing => self.missing(sight),
        };
        Finding {
            kind: sight.purpose.kind(),
            path: Some(sight.shown.display().to_string()),
            in_target: dataset.as_ref().map(|dataset| covers(self.members, dataset)),
            dataset: dataset.map(|dataset| dataset.to_string()),
            verdict,
            detail,
            names: Vec::new(),
        }
    }

    fn seen(&self, located: &Located, data: Option<&Dataset>, unlisted: &[PathBuf]) -> Judged {
        let dataset = match dataset_of(located, self.mounts) {
            Ok((_, dataset)) => dataset,
            Err(error) => return self.outside(located.purpose, None, &error),
        };
        if !covers(self.members, &dataset) {
            let error = self.left_out(located, &dataset, data);
            return self.outside(located.purpose, Some(dataset), &error);
        }
        // The directory itself is seen; files in it can still be links.
        let is_seen_whole = matches!(located.purpose, Purpose::Data | Purpose::Within | Purpose::Linked);
        match !is_seen_whole && unlisted.contains(&located.path) {
            true => (Some(dataset), Verdict::Unchecked, None),
            false => (Some(dataset), Verdict::Ok, None),
        }
    }

    fn left_out(&self, located: &Located, dataset: &Dataset, data: Option<&Dataset>) -> LayoutError {
        let other_pool = data.and_then(|data| same_pool(located, dataset.clone(), data).err());
        other_pool.unwrap_or_else(|| LayoutError::Outside {
            what: located.purpose.describe(),
            path: located.path.clone(),
            dataset: dataset.clone(),
            target: self.target.clone(),
        })
    }

    /// What can be done without is a warning that tells the loss; so is what changed while it was looked at.
    fn outside(&self, purpose: Purpose, dataset: Option<Dataset>, error: &LayoutError) -> Judged {
        let is_binlog = matches!(purpose, Purpose::Binlog | Purpose::BinlogIndex);
        let (verdict, detail) = match purpose.loss() {
            _ if matches!(error, LayoutError::Unmounted { .. }) => (Verdict::Warning, error.to_string()),
            Some(_) if is_binlog && self.needs_binlog => (Verdict::Error, format!("{NEEDS_BINLOG}: {error}")),
            Some(loss) => (Verdict::Warning, format!("left out, so that {loss}: {error}")),
            None => (Verdict::Error, error.to_string()),
        };
        (dataset, verdict, Some(detail))
    }

    /// Never an error, for a link could lead back into the target, and never ok, for one could lead out of it.
    fn by_name(&self, sight: &Sight, path: &Path) -> Judged {
        let mount = self.mounts.holding(path);
        let zfs = mount.filter(|mount| mount.fs_type == "zfs");
        let dataset = zfs.and_then(|mount| Dataset::parse(&mount.source).ok());
        let (shown, what) = (sight.shown.display(), sight.purpose.describe());
        if dataset.as_ref().is_some_and(|dataset| covers(self.members, dataset)) {
            let detail = format!("{shown} ({what}) can't be checked as this user, only its path; root can check it");
            return (dataset, Verdict::Unchecked, Some(detail));
        }
        let place = mount.map(|mount| format!("on {} ({})", mount.fs_type, mount.source));
        let detail = format!(
            "{shown} ({what}) can't be checked as this user, and by its path is {}, which target {} leaves out; root can \
             check it",
            place.as_deref().unwrap_or("on no mount"),
            self.target
        );
        (dataset, Verdict::Warning, Some(detail))
    }

    fn missing(&self, sight: &Sight) -> Judged {
        let verdict = match sight.purpose {
            Purpose::Data if self.is_root => Verdict::Error,
            _ => Verdict::Warning,
        };
        let detail = format!(
            "{} ({}) isn't there as far as this process sees; is the server in a container, or the directory hidden by \
             the unit's sandbox?",
            sight.shown.display(),
            sight.purpose.describe()
        );
        (None, verdict, Some(detail))
    }
}

fn data_of(view: &View) -> Option<&Located> {
    let data = view.sights.iter().find(|sight| sight.purpose == Purpose::Data)?;
    match &data.seen {
        Seen::On(located) => Some(located),
        _ => None,
    }
}

fn unlisted(directory: &Path) -> Finding {
    let path = directory.display().to_string();
    let detail = format!("links in {path} can't be checked as this user; root can check them");
    Finding {
        path: Some(path),
        ..Finding::of_setting(Purpose::Linked.kind(), Verdict::Unchecked, detail)
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
