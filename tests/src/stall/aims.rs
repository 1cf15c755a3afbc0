//! What the figures are held against: ratios within one run, since the machine's speed is nobody's merit.

use super::{Profile, Stall};

/// A ratio and its aim.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    /// What is compared, and on which disk.
    pub what: String,
    /// What came out.
    pub value: f64,
    /// At most this is wanted.
    pub at_most: f64,
}

impl Aim {
    /// Whether it was reached.
    pub fn is_met(&self) -> bool {
        self.value <= self.at_most
    }
}

/// Disk, side, the side that it is compared with, and the ratio of the median gaps wanted.
const RATIOS: [(&str, &str, &str, f64); 6] = [
    ("fast", "exact", "snapshot_only", 1.25),
    ("fast", "exact", "ftwrl_client", 0.13),
    ("fast", "exact", "stage_cli", 0.17),
    ("hdd", "exact", "snapshot_only", 1.15),
    ("fast", "online", "snapshot_only", 1.0),
    ("hdd", "online", "snapshot_only", 1.0),
];

/// The aims of a run; those whose sides weren't in it are left out.
pub fn aims(stall: &Stall) -> Vec<Aim> {
    let ratios = RATIOS.iter().filter_map(|(disk, side, other, at_most)| {
        let profile = stall.profiles.get(*disk)?;
        let median = |side: &str| Some(profile.sides.get(side)?.gap_ms_median);
        Some(Aim {
            what: format!("{disk}: gap of {side} / gap of {other}"),
            value: median(side)? / median(other)?,
            at_most: *at_most,
        })
    });
    let spreads = stall
        .profiles
        .iter()
        .filter_map(|(disk, profile)| spread(disk, profile));
    let holds = stall.profiles.get("fast").and_then(hold);
    ratios.chain(spreads).chain(holds).collect()
}

fn spread(disk: &str, profile: &Profile) -> Option<Aim> {
    let exact = profile.sides.get("exact")?;
    Some(Aim {
        what: format!("{disk}: gap of exact, largest / median"),
        value: exact.gap_ms_max / exact.gap_ms_median,
        at_most: 2.0,
    })
}

fn hold(profile: &Profile) -> Option<Aim> {
    Some(Aim {
        what: "fast: hold of exact, median ms, and the group's advance + 3 ms".to_owned(),
        value: profile.sides.get("exact")?.hold_ms_median?,
        at_most: profile.txg_advance_ms_median + 3.0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn each_aim_is_what_it_says() {
        let aims = aims(&sample());
        assert_eq!(aims.len(), RATIOS.len() + 2 + 1);
        assert!((aims[0].value - 61.5 / 21.5).abs() < 1e-9 && !aims[0].is_met());
        let hold = aims.last().unwrap();
        assert_eq!((hold.value, hold.at_most, hold.is_met()), (14.0, 15.5, true));
        assert!((aims[6].value - 63.0 / 61.5).abs() < 1e-9);
    }

    #[test]
    fn sides_that_were_left_out_have_none() {
        let mut stall = sample();
        stall.profiles.remove("hdd");
        let fast = stall.profiles.get_mut("fast").unwrap();
        fast.sides.remove("exact");
        let aims = aims(&stall);
        assert_eq!(aims.len(), 1, "{aims:?}");
        assert_eq!(aims[0].what, "fast: gap of online / gap of snapshot_only");
    }
}
