//! What a snapshot says of the position that its copy recovers to. Pure.

use mariasnap_dbus::properties::{CEILING, FLOOR, GTID};
use serde_json::Value;

use super::gtid::Gtid;

/// As recorded with the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Commits stood still: this one.
    At(Gtid),
    /// Commits went on: at or past the first, at or before the second.
    Between(Gtid, Gtid),
}

impl Recorded {
    /// Reads a snapshot's properties, as `mariasnap list --json` shows them. `None` if they have no such position.
    pub fn read(properties: &Value) -> Option<Self> {
        let position = |prefix: &str| Gtid::parse(properties[format!("{prefix}{GTID}")].as_str()?);
        match position("") {
            Some(at) => Some(Self::At(at)),
            None => Some(Self::Between(position(FLOOR)?, position(CEILING)?)),
        }
    }

    /// Whether a copy that recovered to `gtid` is what was recorded.
    pub fn allows(&self, gtid: &Gtid) -> bool {
        match self {
            Self::At(at) => gtid == at,
            Self::Between(floor, ceiling) => gtid.is_between(floor, ceiling),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_position_is_that_position_and_no_other() {
        let recorded = Recorded::read(&json!({ "gtid": "0-1-7" })).unwrap();
        assert!(recorded.allows(&Gtid::parse("0-1-7").unwrap()));
        assert!(!recorded.allows(&Gtid::parse("0-1-8").unwrap()));
        assert!(!recorded.allows(&Gtid::parse("0-1-7,1-1-1").unwrap()));
    }

    #[test]
    fn bounds_are_both_needed_and_both_hold() {
        let recorded = Recorded::read(&json!({ "floor-gtid": "0-1-7", "ceiling-gtid": "0-1-9" })).unwrap();
        assert!(recorded.allows(&Gtid::parse("0-1-8").unwrap()));
        assert!(!recorded.allows(&Gtid::parse("0-1-6").unwrap()));
        assert!(!recorded.allows(&Gtid::parse("0-1-10").unwrap()));
        assert_eq!(Recorded::read(&json!({ "floor-gtid": "0-1-7" })), None);
        assert_eq!(Recorded::read(&json!({})), None);
    }
}
