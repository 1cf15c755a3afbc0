//! Names as types that can't hold a bad value.

use std::fmt;

use crate::limits;

/// Why a name was refused. The text never echoes control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {why}")]
pub struct IdError {
    /// Which kind of name.
    pub what: &'static str,
    /// What is wrong with it, the name shown escaped.
    pub why: String,
}

/// What every kind of name here has in common.
struct Rule {
    what: &'static str,
    max: usize,
    allowed: &'static str,
    permits: fn(char) -> bool,
    starts: fn(char) -> bool,
}

impl Rule {
    fn check(&self, name: &str) -> Result<(), IdError> {
        match self.objection(name) {
            None => Ok(()),
            Some(why) => Err(IdError { what: self.what, why }),
        }
    }

    fn objection(&self, name: &str) -> Option<String> {
        if name.is_empty() {
            return Some("is empty".to_owned());
        }
        if name.len() > self.max {
            return Some(format!("has {} bytes, at most {} are allowed", name.len(), self.max));
        }
        if let Some((at, found)) = name.char_indices().find(|(_, c)| !(self.permits)(*c)) {
            let allowed = self.allowed;
            return Some(format!(
                "{name:?} has the character {found:?} at byte {at}; allowed are {allowed}"
            ));
        }
        if !name.starts_with(self.starts) {
            return Some(format!("{name:?} starts with a character that may not stand first"));
        }
        // Most names have but one component, since they can't hold a '/'.
        let nameless = |component: &str| matches!(component, "" | "." | "..");
        name.split('/')
            .any(nameless)
            .then(|| format!("{name:?} has an empty component, or '.' or '..' as one"))
    }
}

fn is_zfs_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            const RULE: Rule = $rule;

            /// Takes a name that keeps to the type's rule, and says what is wrong with another.
            pub fn parse(name: &str) -> Result<Self, IdError> {
                Self::RULE.check(name)?;
                Ok(Self(name.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                Self::parse(&name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(name: &str) -> Result<Self, IdError> {
                Self::parse(name)
            }
        }
    };
}

name_type! {
    /// A configured target's name; usable as it is in a unit's instance, a file name and a polkit detail.
    ///
    /// Letters, digits, `-`, `_` and `.`, at most 63 bytes, a letter or digit first.
    TargetName, Rule {
        what: "target name",
        max: limits::MAX_TARGET_BYTES,
        allowed: "letters, digits, '-', '_' and '.'",
        permits: |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
        starts: is_alphanumeric,
    }
}

name_type! {
    /// The part of a snapshot's name after `@`.
    ///
    /// ZFS's own characters less the space, a letter or digit first: never `.` and `..`, which the ioctl accepts but
    /// the `zfs` command can't address.
    SnapshotName, Rule {
        what: "snapshot name",
        max: limits::MAX_ZFS_NAME_BYTES,
        allowed: "letters, digits, '-', '_', '.' and ':'",
        permits: is_zfs_char,
        starts: is_alphanumeric,
    }
}

name_type! {
    /// What the names of a target's snapshots start with, before a `-`.
    ///
    /// Letters, digits, `_` and `.`, at most 32 bytes, a letter or digit first.
    Prefix, Rule {
        what: "snapshot prefix",
        max: limits::MAX_PREFIX_BYTES,
        allowed: "letters, digits, '_' and '.'",
        permits: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'),
        starts: is_alphanumeric,
    }
}

name_type! {
    /// A ZFS file system's or volume's full name, pool first.
    ///
    /// `/`-separated components of ZFS's characters less the space; a pool's name starts with a letter.
    Dataset, Rule {
        what: "dataset",
        max: limits::MAX_ZFS_NAME_BYTES,
        allowed: "letters, digits, '-', '_', '.', ':' and '/' between components",
        permits: |c| is_zfs_char(c) || c == '/',
        starts: |c| c.is_ascii_alphabetic(),
    }
}

impl Dataset {
    /// The pool that the dataset is in.
    pub fn pool(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

name_type! {
    /// A property's key as a client sends it, without the namespace.
    ///
    /// Lower-case letters, digits, `-`, `_` and `.`, at most 63 bytes, a letter or digit first.
    PropertyKey, Rule {
        what: "property key",
        max: limits::MAX_PROPERTY_KEY_BYTES,
        allowed: "lower-case letters, digits, '-', '_' and '.'",
        permits: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'),
        starts: is_alphanumeric,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BAD_EVERYWHERE: &[&str] = &[
        "", ".", "..", "a@b", "a#b", "a%b", "a,b", "a b", "-a", "a\0b", "a\nb", "a\u{7f}", "é", "a\\b", "a'b",
    ];

    #[test]
    fn bad_names_are_refused_by_every_type() {
        for bad in BAD_EVERYWHERE {
            assert!(TargetName::parse(bad).is_err(), "target {bad:?}");
            assert!(SnapshotName::parse(bad).is_err(), "snapshot {bad:?}");
            assert!(Prefix::parse(bad).is_err(), "prefix {bad:?}");
            assert!(Dataset::parse(bad).is_err(), "dataset {bad:?}");
            assert!(PropertyKey::parse(bad).is_err(), "key {bad:?}");
        }
    }

    #[test]
    fn good_names_pass() {
        assert!(TargetName::parse("main").is_ok());
        assert!(TargetName::parse("db-1.prod_eu").is_ok());
        assert!(SnapshotName::parse("mariasnap-20261120T213800Z-0af3c1").is_ok());
        assert!(Dataset::parse("tank/mysql/data:1").is_ok());
        assert!(PropertyKey::parse("gtid-slave.0").is_ok());
    }

    #[test]
    fn lengths_are_bounded() {
        let (most, long) = ("a".repeat(255), "a".repeat(256));
        assert!(SnapshotName::parse(&most).is_ok() && Dataset::parse(&most).is_ok());
        for refused in [SnapshotName::parse(&long).map(drop), Dataset::parse(&long).map(drop)] {
            assert_eq!(refused.unwrap_err().why, "has 256 bytes, at most 255 are allowed");
        }
        assert!(TargetName::parse(&"a".repeat(64)).is_err() && Prefix::parse(&"a".repeat(33)).is_err());
    }

    #[test]
    fn dataset_components() {
        for bad in ["/tank", "tank/", "tank//a", "tank/../a", "tank/.", "1tank", "tank/a@s"] {
            assert!(Dataset::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            Dataset::parse("tank/a/b").map(|d| d.pool().to_owned()),
            Ok("tank".to_owned())
        );
    }

    proptest! {
        #[test]
        fn what_parses_holds_only_safe_characters(name in "\\PC*") {
            if let Ok(name) = SnapshotName::parse(&name) {
                prop_assert!(name.as_str().chars().all(is_zfs_char));
                prop_assert!(!name.as_str().starts_with(['-', '.']));
            }
        }

        #[test]
        fn errors_never_echo_control_characters(name in ".{0,80}") {
            if let Err(error) = Dataset::parse(&name) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
        }
    }
}
