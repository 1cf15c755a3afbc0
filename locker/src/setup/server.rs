//! What the server says about itself: pure parsing of its version.

use std::fmt;

use crate::database::Flavour;

/// A server's family and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// Family.
    pub(crate) flavour: Flavour,
    /// Major, minor, patch.
    pub(crate) number: (u16, u16, u16),
}

impl Version {
    /// Takes `@@version`; what follows the three numbers is the distribution's.
    pub(crate) fn parse(text: &str) -> Option<Self> {
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
        let version = |text: &str| Version::parse(text).unwrap();
        assert_eq!(
            version("11.8.6-MariaDB-0+deb13u1 from Debian-log").to_string(),
            "MariaDB 11.8.6"
        );
        assert_eq!(version("10.4.34-MariaDB-log").number, (10, 4, 34));
        assert_eq!(version("8.0.36-0ubuntu0.22.04.1").to_string(), "MySQL 8.0.36");
        assert_eq!(version("5.7.44-log").flavour, Flavour::MySql);
        assert_eq!(Version::parse("eight"), None);
    }
}
