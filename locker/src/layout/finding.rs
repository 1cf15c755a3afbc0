//! What a check finds, and the report of it.

use std::fmt;

use mariasnap_dbus::TargetName;
use serde::Serialize;

use crate::table;

/// How good a finding is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// This user can't see it; nothing that can be seen speaks against it.
    Unchecked,
    /// A snapshot can be restored, with a loss or a doubt that the detail tells.
    Warning,
    /// No snapshot of this target can be restored to a consistent database.
    Error,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unchecked => "unchecked",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One file, directory or setting, as `--json` shows it. Fields are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is: `datadir`, `innodb-redo`, `binlog`...
    pub kind: &'static str,
    /// Where; none for a setting.
    pub path: Option<String>,
    /// The dataset that it is on; none where that isn't known, or where it isn't on ZFS.
    pub dataset: Option<String>,
    /// Whether a snapshot of the target includes that dataset.
    pub in_target: Option<bool>,
    /// How good that is.
    pub verdict: Verdict,
    /// Why, and what to do; none where all is well.
    pub detail: Option<String>,
    /// The tables that it is about. They aren't in the detail, which ends up where every local user can read it.
    pub names: Vec<String>,
}

impl Finding {
    /// A finding that isn't about a place.
    pub(super) fn of_setting(kind: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            kind,
            path: None,
            dataset: None,
            in_target: None,
            verdict,
            detail: Some(detail.into()),
            names: Vec::new(),
        }
    }
}

/// Everything that a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The target.
    pub target: TargetName,
    /// The worst of the findings.
    pub verdict: Verdict,
    /// The findings, the data directory first.
    pub findings: Vec<Finding>,
}

impl Check {
    pub(super) fn new(target: &TargetName, findings: Vec<Finding>) -> Self {
        let worst = findings.iter().map(|finding| finding.verdict).max();
        Self {
            target: target.clone(),
            verdict: worst.unwrap_or(Verdict::Ok),
            findings,
        }
    }

    /// The details of all findings of one verdict, each once.
    pub fn details(&self, verdict: Verdict) -> Vec<String> {
        let mut details: Vec<String> = Vec::new();
        for finding in self.findings.iter().filter(|finding| finding.verdict == verdict) {
            details.extend(finding.detail.clone().filter(|detail| !details.contains(detail)));
        }
        details
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["KIND", "PATH", "DATASET", "IN TARGET", "VERDICT"].map(str::to_owned);
        let text = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
        let rows = self.findings.iter().map(|finding| {
            let in_target = finding.in_target.map_or("-", |yes| if yes { "yes" } else { "no" });
            [
                finding.kind.to_owned(),
                text(&finding.path),
                text(&finding.dataset),
                in_target.to_owned(),
                finding.verdict.as_str().to_owned(),
            ]
        });
        f.write_str(&table::columns(std::iter::once(head).chain(rows).collect()))?;
        for verdict in [Verdict::Error, Verdict::Warning, Verdict::Unchecked] {
            for detail in self.details(verdict) {
                write!(f, "\n{}: {detail}", verdict.as_str())?;
            }
        }
        for finding in self.findings.iter().filter(|finding| !finding.names.is_empty()) {
            write!(f, "\n{}: {}", finding.kind, finding.names.join(", "))?;
        }
        write!(f, "\ntarget {}: {}", self.target, self.verdict.as_str())
    }
}
