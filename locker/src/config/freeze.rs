//! `[freeze]`: how a target is held still for others who snapshot it, and by whose hooks.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::raw::RawFreeze;
use super::settings::{bound, wrong};
use super::{Bound, ConfigError, LockStrategy, Settings};

/// Longest `freeze.max_hold`; RuntimeMaxSec= of the unit is above it.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

const HOLD_KEY: &str = "freeze.max_hold";

/// How a target is held still for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeSettings {
    /// Which lock; always one under which commits stand still.
    pub strategy: LockStrategy,
    /// From the moment commits stand still until they go on, whoever may still be copying.
    pub max_hold: Bound,
    /// The hooks that freeze this target when they are called without a target's name.
    pub hooks: Vec<HookName>,
}

/// Whose calls a hook answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookName {
    /// open-vm-tools: /etc/vmware-tools/backupScripts.d, and the older pre-freeze-script and post-thaw-script.
    Vmware,
    /// Veeam's pre-freeze and post-thaw scripts.
    Veeam,
    /// qemu-guest-agent's fsfreeze-hook.d: KVM, Proxmox, libvirt.
    QemuGa,
    /// Everything else.
    Generic,
}

impl HookName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Vmware, Self::Veeam, Self::QemuGa, Self::Generic];

    /// The word for it on the command line and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vmware => "vmware",
            Self::Veeam => "veeam",
            Self::QemuGa => "qemu-ga",
            Self::Generic => "generic",
        }
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FreezeSettings {
    pub(super) fn check(path: &Path, raw: &RawFreeze) -> Result<Self, ConfigError> {
        Ok(Self {
            strategy: check_strategy(path, raw.strategy.as_deref())?,
            max_hold: check_max_hold(path, raw.max_hold.as_deref())?,
            hooks: raw
                .hooks
                .iter()
                .map(|name| check_hook(path, name))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Others cut at a moment of their own, so commits have to stand still until they say that they are done.
fn check_strategy(path: &Path, word: Option<&str>) -> Result<LockStrategy, ConfigError> {
    const KEY: &str = "freeze.strategy";
    let strategy = LockStrategy::check(path, KEY, word)?;
    match strategy {
        LockStrategy::Fixed(kind) if !kind.stops_commits() => {
            let why = format!(
                "under {:?} commits go on, so nothing would be held still; leave it out for \"auto\"",
                kind.as_str()
            );
            Err(wrong(path, KEY, why))
        }
        strategy => Ok(strategy),
    }
}

fn check_max_hold(path: &Path, text: Option<&str>) -> Result<Bound, ConfigError> {
    let max_hold = bound(path, HOLD_KEY, text, 60)?;
    match max_hold.get() {
        hold if hold <= LONGEST_HOLD => Ok(max_hold),
        hold => Err(wrong(
            path,
            HOLD_KEY,
            format!("{hold:?} is above the limit of one hour"),
        )),
    }
}

fn check_hook(path: &Path, name: &str) -> Result<HookName, ConfigError> {
    let known = HookName::ALL.into_iter().find(|hook| hook.as_str() == name);
    known.ok_or_else(|| {
        let all = HookName::ALL.map(|hook| format!("{:?}", hook.as_str())).join(", ");
        wrong(path, "freeze.hooks", format!("{name:?} isn't known; known are {all}"))
    })
}

impl Settings {
    /// These settings with the lock that a freeze takes.
    #[must_use]
    pub fn for_freeze(mut self) -> Self {
        self.lock.strategy = self.freeze.strategy;
        self.lock.max_hold = self.freeze.max_hold;
        self.lock.hold_key = HOLD_KEY;
        self
    }
}
