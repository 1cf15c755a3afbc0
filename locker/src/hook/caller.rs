//! Each caller's words, and how long it waits.

use super::HookError;
use crate::config::{Bound, HookName};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Hold still, before the snapshot.
    Freeze,
    /// Go on, after it; and say whether the lock was held throughout.
    Thaw,
    /// Go on: there is no snapshot.
    Abort,
}

impl Phase {
    /// What a caller means by a word.
    pub(super) fn of(name: HookName, word: &str) -> Result<Self, HookError> {
        let words = words(name);
        let known = words.iter().find(|(known, _)| *known == word);
        known.map(|(_, phase)| *phase).ok_or_else(|| HookError::Phase {
            name,
            word: word.to_owned(),
            known: words.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", "),
        })
    }
}

/// open-vm-tools, services/plugins/vmbackup/scriptOps.c: `freeze`, `freezeFail`, `thaw`. qemu, qga/commands-posix.c:
/// `freeze`, `thaw`. Veeam passes nothing; its words are those of the scripts' names. Not its pre-job script: a job goes on
/// whatever that says.
fn words(name: HookName) -> &'static [(&'static str, Phase)] {
    match name {
        HookName::Vmware => &[
            ("freeze", Phase::Freeze),
            ("freezeFail", Phase::Abort),
            ("thaw", Phase::Thaw),
        ],
        HookName::Veeam => &[("pre-freeze", Phase::Freeze), ("post-thaw", Phase::Thaw)],
        HookName::QemuGa => &[("freeze", Phase::Freeze), ("thaw", Phase::Thaw)],
        HookName::Generic => &[("pre", Phase::Freeze), ("post", Phase::Thaw)],
    }
}

/// How long a freeze may take before it is given up, below what the caller waits: open-vm-tools 15 minutes from freeze to
/// thaw; Veeam 10 minutes a script; qemu-ga not at all, but Proxmox 10 minutes.
pub(super) fn budget(name: HookName) -> Bound {
    Bound::seconds(match name {
        HookName::Vmware => 10 * 60,
        HookName::Veeam | HookName::QemuGa => 9 * 60,
        HookName::Generic => 15 * 60,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_words() {
        assert_eq!(Phase::of(HookName::Vmware, "freezeFail").unwrap(), Phase::Abort);
        assert_eq!(Phase::of(HookName::QemuGa, "freeze").unwrap(), Phase::Freeze);
        assert_eq!(Phase::of(HookName::Veeam, "post-thaw").unwrap(), Phase::Thaw);
        assert_eq!(Phase::of(HookName::Generic, "post").unwrap(), Phase::Thaw);
        for (name, word) in [
            (HookName::QemuGa, "freezeFail"),
            (HookName::Generic, "freeze"),
            (HookName::Vmware, "Freeze"),
            (HookName::Vmware, ""),
            (HookName::Veeam, "pre-job"),
        ] {
            let error = Phase::of(name, word).unwrap_err().to_string();
            assert!(
                error.contains(name.as_str()) && error.contains(&format!("{word:?}")),
                "{error}"
            );
        }
    }

    #[test]
    fn every_caller_can_freeze_and_thaw() {
        for name in HookName::ALL {
            for phase in [Phase::Freeze, Phase::Thaw] {
                assert!(words(name).iter().any(|(_, known)| *known == phase), "{name} {phase:?}");
            }
        }
    }
}
