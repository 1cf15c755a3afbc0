//! GTID positions of MariaDB, domain by domain. Pure.

use std::collections::BTreeMap;

/// Where the binary log stands: of each domain, the server that wrote last and its sequence number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gtid(BTreeMap<u32, (u32, u64)>);

impl Gtid {
    /// Reads `DOMAIN-SERVER-SEQUENCE,...`; nothing at all is the position of an empty log. `None` of anything else,
    /// a domain named twice included.
    pub fn parse(text: &str) -> Option<Self> {
        let mut domains = BTreeMap::new();
        for one in text.split(',').filter(|_| !text.is_empty()) {
            let mut numbers = one.trim().split('-');
            let domain = numbers.next()?.parse().ok()?;
            let last = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
            if numbers.next().is_some() || domains.insert(domain, last).is_some() {
                return None;
            }
        }
        Some(Self(domains))
    }

    /// The last sequence number of a domain; 0 where nothing was written in it.
    pub fn sequence(&self, domain: u32) -> u64 {
        self.0.get(&domain).map_or(0, |(_, sequence)| *sequence)
    }

    /// How many transactions of a domain lie between `start` and this; `None` if `start` is the later one.
    pub fn since(&self, start: &Self, domain: u32) -> Option<u64> {
        self.sequence(domain).checked_sub(start.sequence(domain))
    }

    /// Whether no domain is short of `floor` or past `ceiling`.
    pub fn is_between(&self, floor: &Self, ceiling: &Self) -> bool {
        self.has(floor) && ceiling.has(self)
    }

    fn has(&self, other: &Self) -> bool {
        other.0.keys().all(|domain| self.since(other, *domain).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gtid(text: &str) -> Gtid {
        Gtid::parse(text).unwrap()
    }

    #[test]
    fn domains_are_told_apart() {
        let position = gtid("0-1-110,2-7-5");
        assert_eq!((position.sequence(0), position.sequence(2)), (110, 5));
        assert_eq!(position.sequence(1), 0, "nothing was written there");
        assert_eq!(position, gtid("2-7-5,0-1-110"), "the server lists them in any order");
        assert_ne!(position, gtid("0-2-110,2-7-5"), "another server's");
        assert_eq!(gtid(""), Gtid::default());
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in ["0-1", "0-1-2-3", "0-1-x", "0-1-2,", "0-1-2,0-1-3", "mariadb-bin.000001"] {
            assert_eq!(Gtid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn distances() {
        let start = gtid("0-1-10");
        assert_eq!(gtid("0-1-110,3-1-4").since(&start, 0), Some(100));
        assert_eq!(gtid("0-1-110,3-1-4").since(&start, 3), Some(4));
        assert_eq!(gtid("0-1-9").since(&start, 0), None);
    }

    #[test]
    fn each_domain_has_its_bounds() {
        let (floor, ceiling) = (gtid("0-1-10,1-1-5"), gtid("0-1-20,1-1-5,2-1-1"));
        for inside in ["0-1-10,1-1-5", "0-1-20,1-1-5", "0-1-20,1-1-5,2-1-1"] {
            assert!(gtid(inside).is_between(&floor, &ceiling), "{inside}");
        }
        for outside in [
            "0-1-9,1-1-5",
            "0-1-21,1-1-5",
            "0-1-15",
            "0-1-15,1-1-6",
            "0-1-15,1-1-5,3-1-1",
        ] {
            assert!(!gtid(outside).is_between(&floor, &ceiling), "{outside}");
        }
    }
}
