//! A server's family and version.

use std::fmt;

/// Which of the two families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// MariaDB.
    MariaDb,
    /// MySQL and what calls itself so.
    MySql,
}

/// A server's family and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Family.
    pub flavour: Flavour,
    /// Major, minor, patch.
    pub number: (u16, u16, u16),
}

impl Version {
    /// Takes `@@version`; what follows the three numbers is the distribution's. Some servers put `5.5.5-` before, for
    /// old replicas' sake. None: it isn't a version.
    pub fn parse(text: &str) -> Option<Self> {
        let flavour = match text.to_ascii_lowercase().contains("mariadb") {
            true => Flavour::MariaDb,
            false => Flavour::MySql,
        };
        let text = text.strip_prefix("5.5.5-").unwrap_or(text);
        let numeric = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut numbers = numeric.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            flavour,
            number: (next()?, next()?, next()?),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flavour = match self.flavour {
            Flavour::MariaDb => "MariaDB",
            Flavour::MySql => "MySQL",
        };
        let (major, minor, patch) = self.number;
        write!(f, "{flavour} {major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (text, shown) in [
            ("11.8.6-MariaDB-0+deb13u1 from Debian-log", "MariaDB 11.8.6"),
            ("10.4.34-MariaDB-log", "MariaDB 10.4.34"),
            ("5.5.5-10.3.39-MariaDB", "MariaDB 10.3.39"),
            ("8.0.36-0ubuntu0.22.04.1", "MySQL 8.0.36"),
            ("5.7.44-log", "MySQL 5.7.44"),
            ("9.7.0", "MySQL 9.7.0"),
        ] {
            assert_eq!(
                Version::parse(text).map(|v| v.to_string()).as_deref(),
                Some(shown),
                "{text}"
            );
        }
    }

    #[test]
    fn a_version_that_is_none_is_refused() {
        for text in ["", "MariaDB", "eight", "10", "10.x.1", "99999.1.1"] {
            assert_eq!(Version::parse(text), None, "{text:?}");
        }
    }
}
