//! The configuration once every value has been checked, alone and against the others.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;

use mariasnap_dbus::{Dataset, Prefix, TargetName};

use super::raw::Raw;

/// Most targets, and most datasets in one.
const MAX_ENTRIES: usize = 64;
const DEFAULT_PREFIX: &str = "mariasnap";
const DEFAULT_MIN_KEEP: u32 = 1;

/// A configuration in which every value is known to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    targets: BTreeMap<TargetName, Target>,
}

/// What is snapshotted together. All datasets are in one pool; none is there twice; sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name that clients use.
    pub name: TargetName,
    /// At least one.
    pub datasets: Vec<TargetDataset>,
    /// What the snapshots' names start with, before a `-`.
    pub prefix: Prefix,
    /// Destroy leaves at least this many consistent snapshots.
    pub min_keep: u32,
}

/// One dataset of a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetDataset {
    /// Full name.
    pub name: Dataset,
    /// Whether all its descendants belong to the target too.
    #[serde(default)]
    pub children: bool,
}

impl Settings {
    /// Every target, by name.
    pub fn targets(&self) -> &BTreeMap<TargetName, Target> {
        &self.targets
    }

    pub(super) fn check(raw: Raw) -> Result<Self, String> {
        bounded("targets", raw.targets.len())?;
        let mut targets: BTreeMap<TargetName, Target> = BTreeMap::new();
        for (name, raw) in raw.targets {
            let default = || Prefix::parse(DEFAULT_PREFIX).map_err(|error| error.to_string());
            let mut target = Target {
                name,
                datasets: raw.datasets,
                prefix: raw.prefix.map_or_else(default, Ok)?,
                min_keep: raw.min_keep.unwrap_or(DEFAULT_MIN_KEEP),
            };
            target.datasets.sort();
            target.check()?;
            if let Some(other) = targets.values().find(|other| other.clashes_with(&target)) {
                return Err(format!(
                    "targets.{}: shares a dataset and the prefix with target {}; give it another prefix",
                    target.name, other.name
                ));
            }
            targets.insert(target.name.clone(), target);
        }
        Ok(Self { targets })
    }
}

impl Target {
    /// The pool that all datasets are in.
    pub fn pool(&self) -> &str {
        self.datasets.first().map_or("", |dataset| dataset.name.pool())
    }

    /// The datasets as polkit's rules see them: joined by `,`, with `/*` after one that includes its children.
    pub fn dataset_detail(&self) -> String {
        let shown = |dataset: &TargetDataset| format!("{}{}", dataset.name, if dataset.children { "/*" } else { "" });
        self.datasets.iter().map(shown).collect::<Vec<_>>().join(",")
    }

    fn check(&self) -> Result<(), String> {
        let key = format!("targets.{}.datasets", self.name);
        bounded(&key, self.datasets.len())?;
        for (index, one) in self.datasets.iter().enumerate() {
            for other in &self.datasets[index + 1..] {
                let (first, second) = (&one.name, &other.name);
                if first.pool() != second.pool() {
                    let why = "are in different pools: no snapshot can span them";
                    return Err(format!("{key}: {first} and {second} {why}"));
                }
                if one.overlaps(other) {
                    return Err(format!("{key}: {second} is named twice, or within {first}"));
                }
            }
        }
        Ok(())
    }

    fn clashes_with(&self, other: &Self) -> bool {
        let overlaps = |one: &TargetDataset| other.datasets.iter().any(|two| one.overlaps(two));
        self.prefix == other.prefix && self.datasets.iter().any(overlaps)
    }
}

impl TargetDataset {
    fn overlaps(&self, other: &Self) -> bool {
        self.covers(&other.name) || other.covers(&self.name)
    }

    /// Whether the entry stands for `dataset`, as itself or as one of its descendants.
    fn covers(&self, dataset: &Dataset) -> bool {
        match dataset.as_str().strip_prefix(self.name.as_str()) {
            Some("") => true,
            Some(rest) => self.children && rest.starts_with('/'),
            None => false,
        }
    }
}

impl fmt::Display for Settings {
    /// One line for each target, for `--check-config`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for target in self.targets.values() {
            let (name, prefix, min_keep) = (&target.name, &target.prefix, target.min_keep);
            writeln!(
                f,
                "{name}: {} (prefix {prefix}, min_keep {min_keep})",
                target.dataset_detail()
            )?;
        }
        Ok(())
    }
}

fn bounded(key: &str, count: usize) -> Result<(), String> {
    match count {
        0 => Err(format!("{key}: has no entry; at least one is needed")),
        1..=MAX_ENTRIES => Ok(()),
        _ => Err(format!("{key}: has {count} entries, at most {MAX_ENTRIES}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        parse("f.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn defaults_and_order() {
        let text = "[targets.main]\ndatasets = [{name='t/b', children=true}, {name='t/a'}]";
        let settings = parse("f.toml", text).unwrap();
        let target = settings.targets().values().next().unwrap();
        assert_eq!(target.dataset_detail(), "t/a,t/b/*");
        assert_eq!(
            (target.prefix.as_str(), target.min_keep, target.pool()),
            ("mariasnap", 1, "t")
        );
    }

    #[test]
    fn refusals_name_file_and_key() {
        for (text, key, why) in [
            ("", "f.toml", "targets"),
            ("[targets]", "f.toml: targets", "at least one"),
            ("[targets.a]\ndatasets=[]", "targets.a.datasets", "at least one"),
            ("[targets.a]\ndatasets=[{name='t'}]\nkeep=1", "f.toml", "keep"),
            (
                "[targets.a]\ndatasets=[{name='t', recursive=true}]",
                "f.toml",
                "recursive",
            ),
            ("[targets.'a/b']\ndatasets=[{name='t'}]", "targets.'a/b'", "character"),
            ("[targets.a]\ndatasets=[{name='t@s'}]", "| datasets=", "character"),
            (
                "[targets.a]\ndatasets=[{name='t'}]\nprefix='a-b'",
                "| prefix=",
                "character",
            ),
            (
                "[targets.a]\ndatasets=[{name='t/a'},{name='u/a'}]",
                "targets.a.datasets",
                "different pools",
            ),
            (
                "[targets.a]\ndatasets=[{name='t/a'},{name='t/a'}]",
                "targets.a.datasets",
                "twice",
            ),
            (
                "[targets.a]\ndatasets=[{name='t/a/b'},{name='t/a',children=true}]",
                "targets.a.datasets",
                "twice",
            ),
            (
                "[targets.a]\ndatasets=[{name='t/a'}]\nmin_keep=-1",
                "f.toml",
                "min_keep",
            ),
        ] {
            let text = refusal(text);
            assert!(
                text.contains("f.toml") && text.contains(key) && text.contains(why),
                "{text}"
            );
        }
    }

    #[test]
    fn targets_may_share_a_dataset_only_with_different_prefixes() {
        let two = |prefix: &str| {
            format!(
                "[targets.a]\ndatasets=[{{name='t',children=true}}]\n\
                 [targets.b]\ndatasets=[{{name='t/x'}}]\nprefix='{prefix}'"
            )
        };
        assert!(refusal(&two("mariasnap")).contains("shares a dataset"));
        assert!(parse("f.toml", &two("other")).is_ok());
    }

    #[test]
    fn siblings_with_a_common_beginning_are_not_nested() {
        assert!(parse("f", "[targets.a]\ndatasets=[{name='t/a',children=true},{name='t/ab'}]").is_ok());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            if let Err(error) = parse("f.toml", &text) {
                prop_assert!(error.to_string().starts_with("f.toml"));
            }
        }
    }
}
