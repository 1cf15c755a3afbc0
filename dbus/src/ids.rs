//! Names as types that can't hold a bad value.

use std::fmt;

use crate::limits;

/// Why a name was refused. The text says what is wrong, never echoes control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("{what} is empty")]
    Empty {
        /// Which kind of name.
        what: &'static str,
    },
    /// Over its limit.
    #[error("{what} has {len} bytes, at most {max} are allowed")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// Length found, in bytes.
        len: usize,
        /// Length allowed, in bytes.
        max: usize,
    },
    /// A character outside the permitted set.
    #[error("{what} {name:?} has the character {found:?} at byte {at}; allowed are {allowed}")]
    Character {
        /// Which kind of name.
        what: &'static str,
        /// The name, shown escaped.
        name: String,
        /// The character.
        found: char,
        /// Its byte offset.
        at: usize,
        /// The permitted set, in words.
        allowed: &'static str,
    },
    /// Well-formed characters in a form that is refused.
    #[error("{what} {name:?} {why}")]
    Form {
        /// Which kind of name.
        what: &'static str,
        /// The name, shown escaped.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
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
        let what = self.what;
        if name.is_empty() {
            return Err(IdError::Empty { what });
        }
        if name.len() > self.max {
            return Err(IdError::TooLong {
                what,
                len: name.len(),
                max: self.max,
            });
        }
        let allowed = self.allowed;
        if let Some((at, found)) = name.char_indices().find(|(_, c)| !(self.permits)(*c)) {
            let name = name.to_owned();
            return Err(IdError::Character {
                what,
                name,
                found,
                at,
                allowed,
            });
        }
        if name == "." || name == ".." {
            return Err(self.form(name, "is a directory's own name"));
        }
        if !name.starts_with(self.starts) {
            return Err(self.form(name, "starts with a character that may not stand first"));
        }
        Ok(())
    }

    fn form(&self, name: &str, why: &'static str) -> IdError {
        IdError::Form {
            what: self.what,
            name: name.to_owned(),
            why,
        }
    }
}

fn is_zfs_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
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

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                Self::parse(&name).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name_type! {
    /// A configured target's name; usable as it is in a unit's instance, a file name and a polkit detail.
    TargetName
}

impl TargetName {
    /// Takes letters, digits, `-`, `_` and `.`, at most 63 bytes, a letter or digit first.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        Rule {
            what: "target name",
            max: limits::MAX_TARGET_BYTES,
            allowed: "letters, digits, '-', '_' and '.'",
            permits: |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
            starts: is_alphanumeric,
        }
        .check(name)?;
        Ok(Self(name.to_owned()))
    }
}

name_type! {
    /// The part of a snapshot's name after `@`.
    SnapshotName
}

impl SnapshotName {
    /// Takes ZFS's own characters less the space, and refuses `.` and `..`, which the ioctl accepts but the
    /// `zfs` command can't address.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        Rule {
            what: "snapshot name",
            max: limits::MAX_ZFS_NAME_BYTES,
            allowed: "letters, digits, '-', '_', '.' and ':'",
            permits: is_zfs_char,
            starts: is_alphanumeric,
        }
        .check(name)?;
        Ok(Self(name.to_owned()))
    }
}

name_type! {
    /// What the names of a target's snapshots start with, before a `-`.
    Prefix
}

impl Prefix {
    /// Takes letters, digits, `_` and `.`, at most 32 bytes, a letter or digit first.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        Rule {
            what: "snapshot prefix",
            max: limits::MAX_PREFIX_BYTES,
            allowed: "letters, digits, '_' and '.'",
            permits: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'),
            starts: is_alphanumeric,
        }
        .check(name)?;
        Ok(Self(name.to_owned()))
    }
}

name_type! {
    /// A ZFS file system's or volume's full name, pool first.
    Dataset
}

impl Dataset {
    /// Takes `/`-separated components of ZFS's characters less the space; a pool's name starts with a letter.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        let rule = Rule {
            what: "dataset",
            max: limits::MAX_ZFS_NAME_BYTES,
            allowed: "letters, digits, '-', '_', '.', ':' and '/' between components",
            permits: |c| is_zfs_char(c) || c == '/',
            starts: |c| c.is_ascii_alphabetic(),
        };
        rule.check(name)?;
        for component in name.split('/') {
            if component.is_empty() {
                return Err(rule.form(name, "has an empty component"));
            }
            if component == "." || component == ".." {
                return Err(rule.form(name, "has '.' or '..' as a component"));
            }
        }
        Ok(Self(name.to_owned()))
    }

    /// The pool that the dataset is in.
    pub fn pool(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

name_type! {
    /// A property's key as a client sends it, without the namespace.
    PropertyKey
}

impl PropertyKey {
    /// Takes lower-case letters, digits, `-`, `_` and `.`, at most 63 bytes, a letter or digit first.
    pub fn parse(name: &str) -> Result<Self, IdError> {
        Rule {
            what: "property key",
            max: limits::MAX_PROPERTY_KEY_BYTES,
            allowed: "lower-case letters, digits, '-', '_' and '.'",
            permits: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'),
            starts: is_alphanumeric,
        }
        .check(name)?;
        Ok(Self(name.to_owned()))
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
        assert!(SnapshotName::parse(&"a".repeat(255)).is_ok());
        assert!(matches!(
            SnapshotName::parse(&"a".repeat(256)),
            Err(IdError::TooLong { len: 256, max: 255, .. })
        ));
        assert!(TargetName::parse(&"a".repeat(64)).is_err());
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
