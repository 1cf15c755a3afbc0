//! The datasets of a target, and what a snapshot of them includes.

use std::fmt;
use std::str::FromStr;

use mariasnap_dbus::{Dataset, IdError};

/// What follows a dataset's name when its children belong to the target; the same mark as in the polkit detail.
const CHILDREN: &str = "/*";

/// One dataset of a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    /// Its full name.
    pub(crate) name: Dataset,
    /// Whether its children are part of the target.
    pub(crate) children: bool,
}

impl Member {
    /// Whether a snapshot of this member includes the dataset.
    pub(crate) fn covers(&self, dataset: &Dataset) -> bool {
        self.name == *dataset || (self.children && is_below(dataset.as_str(), self.name.as_str()))
    }
}

/// Whether a dataset is a descendant of another, itself not included.
pub(crate) fn is_below(dataset: &str, ancestor: &str) -> bool {
    dataset.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('/'))
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.children { CHILDREN } else { "" })
    }
}

impl FromStr for Member {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (name, children) = match text.strip_suffix(CHILDREN) {
            Some(name) => (name, true),
            None => (text, false),
        };
        let name = Dataset::parse(name)?;
        Ok(Self { name, children })
    }
}

/// Whether a snapshot of all these members includes the dataset.
pub(crate) fn covers(members: &[Member], dataset: &Dataset) -> bool {
    members.iter().any(|member| member.covers(dataset))
}

/// Sorts members by name and drops what another one covers.
pub(crate) fn tidy(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_by(|a, b| a.name.cmp(&b.name).then(b.children.cmp(&a.children)));
    let mut kept: Vec<Member> = Vec::with_capacity(members.len());
    for member in members {
        if !covers(&kept, &member.name) {
            kept.push(member);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(texts: &[&str]) -> Vec<Member> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_mark_of_children_survives() {
        for text in ["tank/mysql", "tank/mysql/*", "tank"] {
            assert_eq!(text.parse::<Member>().unwrap().to_string(), text);
        }
        assert!("tank/*/a".parse::<Member>().is_err());
        assert!("/*".parse::<Member>().is_err());
    }

    #[test]
    fn only_descendants_are_covered() {
        let member: Member = "tank/mysql/*".parse().unwrap();
        assert!(member.covers(&Dataset::parse("tank/mysql").unwrap()));
        assert!(member.covers(&Dataset::parse("tank/mysql/a/b").unwrap()));
        assert!(!member.covers(&Dataset::parse("tank/mysql-log").unwrap()));
        assert!(!member.covers(&Dataset::parse("tank").unwrap()));
    }

    #[test]
    fn tidy_sorts_and_drops_what_is_covered() {
        let tidied = tidy(members(&["tank/log", "tank/db/log", "tank/db", "tank/db/*", "tank/db"]));
        assert_eq!(tidied, members(&["tank/db/*", "tank/log"]));
    }
}
