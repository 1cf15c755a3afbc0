//! The configuration once every value has been checked, alone and against the others.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;

use mariasnap_dbus::{Dataset, Prefix, TargetName};

use super::raw::{Raw, RawDataset, RawTarget};

/// Most targets, and most datasets in one.
const MAX_ENTRIES: usize = 64;

type Refusal = (String, String);

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetDataset {
    /// Full name.
    pub name: Dataset,
    /// Whether all its descendants belong to the target too.
    pub children: bool,
}

impl Settings {
    /// Every target, by name.
    pub fn targets(&self) -> &BTreeMap<TargetName, Target> {
        &self.targets
    }

    pub(super) fn check(raw: Raw) -> Result<Self, Refusal> {
        bounded("targets", raw.targets.len())?;
        let mut targets: BTreeMap<TargetName, Target> = BTreeMap::new();
        for (name, raw) in raw.targets {
            let key = format!("targets.{name}");
            let name = TargetName::parse(&name).map_err(|error| (key.clone(), error.to_string()))?;
            let target = Target::check(&key, name, raw)?;
            if let Some(other) = targets.values().find(|other| other.clashes_with(&target)) {
                let why = format!(
                    "shares a dataset and the prefix with target {}; give it another prefix",
                    other.name
                );
                return Err((key, why));
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

    fn check(key: &str, name: TargetName, raw: RawTarget) -> Result<Self, Refusal> {
        let at = |what: &str| format!("{key}.{what}");
        bounded(&at("datasets"), raw.datasets.len())?;
        let prefix = Prefix::parse(&raw.prefix).map_err(|error| (at("prefix"), error.to_string()))?;
        let parsed: Result<Vec<_>, _> = raw.datasets.into_iter().map(TargetDataset::check).collect();
        let mut datasets = parsed.map_err(|why| (at("datasets"), why))?;
        datasets.sort();
        for (index, one) in datasets.iter().enumerate() {
            for other in &datasets[index + 1..] {
                if one.name.pool() != other.name.pool() {
                    let why = format!(
                        "{} and {} are in different pools: no snapshot can span them",
                        one.name, other.name
                    );
                    return Err((at("datasets"), why));
                }
                if one.covers(&other.name) || other.covers(&one.name) {
                    return Err((
                        at("datasets"),
                        format!("{} is named twice, or within {}", other.name, one.name),
                    ));
                }
            }
        }
        let min_keep = raw.min_keep;
        Ok(Self {
            name,
            datasets,
            prefix,
            min_keep,
        })
    }

    fn clashes_with(&self, other: &Self) -> bool {
        let pairs = || {
            self.datasets
                .iter()
                .flat_map(|one| other.datasets.iter().map(move |two| (one, two)))
        };
        let nested = |one: &TargetDataset, two: &TargetDataset| one.covers(&two.name) || two.covers(&one.name);
        self.prefix == other.prefix && pairs().any(|(one, two)| nested(one, two))
    }
}

impl TargetDataset {
    fn check(raw: RawDataset) -> Result<Self, String> {
        let name = Dataset::parse(&raw.name).map_err(|error| error.to_string())?;
        let children = raw.children;
        Ok(Self { name, children })
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

fn bounded(key: &str, count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err((key.to_owned(), "has no entry; at least one is needed".to_owned())),
        count if count > MAX_ENTRIES => Err((key.to_owned(), format!("has {count} entries, at most {MAX_ENTRIES}"))),
        _ => Ok(()),
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
            ("[targets.'a/b']\ndatasets=[{name='t'}]", "targets.a/b", "character"),
            (
                "[targets.a]\ndatasets=[{name='t@s'}]",
                "targets.a.datasets",
                "character",
            ),
            (
                "[targets.a]\ndatasets=[{name='t'}]\nprefix='a-b'",
                "targets.a.prefix",
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
