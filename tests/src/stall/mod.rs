//! The figures of `make bench`: what the load felt of each way to snapshot, on each disk.

pub mod aims;
pub mod form;
mod kinds;
pub mod machine;
pub mod plot;
pub mod show;
pub mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use kinds::{DISKS, Disk, SIDES, Side};

use crate::ledger::around::{Felt, Latency};
use crate::ledger::gaps::Summary;

/// One run of the bench.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stall {
    /// When it began, in UTC.
    pub date: String,
    /// What was measured: the commit, with `-dirty` where the tree wasn't it.
    pub commit: String,
    /// How often each side was run.
    pub rounds: usize,
    /// Tables in the server beside the load's own.
    pub tables: u32,
    /// Host, guest and versions.
    pub machine: BTreeMap<String, String>,
    /// By [`Disk::name`].
    pub profiles: BTreeMap<String, Profile>,
}

/// The figures on one disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Profile {
    /// What the disk is.
    pub disk: String,
    /// From a bare snapshot's call to the birth of the pool's next transaction group.
    pub txg_advance_ms_median: f64,
    /// The same right after a sync of the pool, which is where ours cuts.
    pub txg_advance_synced_ms_median: f64,
    /// By [`Side::name`].
    pub sides: BTreeMap<String, Figures>,
}

/// The figures of one side, in milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// How many snapshots.
    pub n: usize,
    /// Longest time without a commit around a snapshot: the middle one.
    pub gap_ms_median: f64,
    /// 95 of 100 are at most this.
    pub gap_ms_p95: f64,
    /// The largest.
    pub gap_ms_max: f64,
    /// For how long the lock was held; none where there is none.
    pub hold_ms_median: Option<f64>,
    /// The longest hold.
    pub hold_ms_max: Option<f64>,
    /// How many of ours were unlocked at the early cut; none for the others.
    pub early_unlocks: Option<usize>,
    /// How long the side's command took.
    pub took_ms_median: f64,
    /// How long the writers waited for their commits.
    pub commit: Latency,
    /// Every gap, in the order of the rounds.
    pub gaps_ms: Vec<f64>,
}

/// Notes from the machine, lines of `NAME KEY VALUE`: the values by name and key.
pub type Notes = BTreeMap<(String, String), Vec<f64>>;

/// Reads notes.
pub fn notes(text: &str) -> Result<Notes, String> {
    let mut notes = Notes::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, key, value] = words[..] else {
            return Err(format!("{line:?} is not NAME KEY VALUE"));
        };
        let value = value.parse().map_err(|_| format!("{line:?}: no number"))?;
        notes.entry((name.to_owned(), key.to_owned())).or_default().push(value);
    }
    Ok(notes)
}

impl Profile {
    /// Puts together what the load felt and what the machine noted.
    pub fn new(disk: &Disk, felt: BTreeMap<String, Felt>, notes: &Notes) -> Result<Self, String> {
        let probe = |key: &str| summary(notes, "probe", key).ok_or(format!("no {key} was noted"));
        let sides = felt
            .into_iter()
            .map(|(name, felt)| Ok((name.clone(), Figures::new(&name, felt, notes)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            disk: disk.label.to_owned(),
            txg_advance_ms_median: probe("txg_advance_ms")?.median,
            txg_advance_synced_ms_median: probe("txg_advance_synced_ms")?.median,
            sides,
        })
    }
}

fn summary(notes: &Notes, name: &str, key: &str) -> Option<Summary> {
    let values = notes.get(&(name.to_owned(), key.to_owned()));
    values.and_then(|values| Summary::of(values.clone()))
}

impl Figures {
    fn new(name: &str, felt: Felt, notes: &Notes) -> Result<Self, String> {
        let hold = summary(notes, name, "hold_ms");
        let early = notes.get(&(name.to_owned(), "early".to_owned()));
        let gap = Summary::of(felt.gaps_ms.clone()).ok_or("a side was never run")?;
        let took = Summary::of(felt.took_ms).ok_or("a side was never run")?;
        if let Some(hold) = hold.as_ref().filter(|hold| hold.n != gap.n) {
            return Err(format!("{} holds for {} snapshots", hold.n, gap.n));
        }
        Ok(Self {
            n: gap.n,
            gap_ms_median: gap.median,
            gap_ms_p95: gap.p95,
            gap_ms_max: gap.max,
            hold_ms_median: hold.as_ref().map(|hold| hold.median),
            hold_ms_max: hold.map(|hold| hold.max),
            early_unlocks: early.map(|early| early.iter().filter(|early| **early > 0.0).count()),
            took_ms_median: took.median,
            commit: felt.commit,
            gaps_ms: felt.gaps_ms,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A run in which each side's gaps are around ten times its place.
    pub(crate) fn sample() -> Stall {
        let felt = || {
            let of = |place: usize| Felt {
                gaps_ms: (0..40).map(|n| (place * 10 + n % 4) as f64).collect(),
                took_ms: vec![1.0; 40],
                commit: Latency::default(),
            };
            let sides = SIDES.iter().enumerate();
            sides
                .map(|(place, side)| (side.name.to_owned(), of(place + 1)))
                .collect()
        };
        let mut text = "probe txg_advance_ms 12.5\nprobe txg_advance_synced_ms 9\n".to_owned();
        text.push_str(&"exact hold_ms 14\n".repeat(40));
        text.push_str("exact early 1\nexact early 0\nexact early 1\n");
        let profile = |disk: &Disk| Profile::new(disk, felt(), &notes(&text).unwrap()).unwrap();
        Stall {
            date: "2026-11-21".into(),
            commit: "abc".into(),
            rounds: 40,
            tables: 0,
            machine: BTreeMap::from([("accelerator".into(), "emulated".into())]),
            profiles: DISKS.iter().map(|disk| (disk.name.to_owned(), profile(disk))).collect(),
        }
    }

    #[test]
    fn notes_and_gaps_come_together() {
        let exact = &sample().profiles["fast"].sides["exact"];
        assert_eq!((exact.n, exact.gap_ms_median, exact.gap_ms_max), (40, 61.5, 63.0));
        assert_eq!((exact.hold_ms_median, exact.early_unlocks), (Some(14.0), Some(2)));
        assert_eq!(sample().profiles["hdd"].sides["idle"].hold_ms_median, None);
        assert_eq!(sample().profiles["fast"].txg_advance_ms_median, 12.5);
    }

    #[test]
    fn a_hold_that_is_missing_is_an_error() {
        let felt = BTreeMap::from([(
            "exact".to_owned(),
            Felt {
                gaps_ms: vec![1.0, 2.0],
                took_ms: vec![1.0, 2.0],
                commit: Latency::default(),
            },
        )]);
        let text = "probe txg_advance_ms 1\nprobe txg_advance_synced_ms 1\nexact hold_ms 3";
        let notes = notes(text).unwrap();
        let error = Profile::new(&DISKS[0], felt, &notes).unwrap_err();
        assert_eq!(error, "1 holds for 2 snapshots");
    }

    #[test]
    fn notes_that_are_none_are_refused() {
        assert!(notes("exact hold_ms").is_err());
        assert!(notes("exact hold_ms -").is_err());
    }
}
