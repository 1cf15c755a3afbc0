//! The longest time that no commit came through, from the times of the commits. Pure.

use serde::Serialize;

/// Longest stretch without a commit that touches `[from, to]`, in the unit of its arguments. `commits` is sorted.
/// A stretch that begins before the window or ends after it counts whole: a stall belongs to what caused it.
pub fn longest(commits: &[u64], from: u64, to: u64) -> u64 {
    let last_before = commits.partition_point(|commit| *commit < from).saturating_sub(1);
    commits[last_before..]
        .windows(2)
        .take_while(|pair| pair[0] <= to)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap_or(0)
}

/// Summary of one figure over many snapshots.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub n: usize,
    /// The middle one.
    pub median: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    /// `None` of nothing.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let max = *values.last()?;
        let n = values.len();
        let median = (values[(n - 1) / 2] + values[n / 2]) / 2.0;
        let rank = (n * 95).div_ceil(100).max(1);
        Some(Self {
            n,
            median,
            p95: values[rank - 1],
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_across_the_window_counts_whole() {
        let commits = [0, 10, 20, 95, 100, 300];
        assert_eq!(longest(&commits, 30, 90), 75);
        assert_eq!(longest(&commits, 0, 10), 10);
        assert_eq!(longest(&commits, 101, 102), 200);
        assert_eq!(longest(&[], 0, 10), 0);
    }

    #[test]
    fn summaries() {
        let summary = Summary::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.n, summary.median, summary.max), (4, 2.5, 4.0));
        assert_eq!(Summary::of((1..=100).map(f64::from).collect()).unwrap().p95, 95.0);
        assert_eq!(Summary::of(Vec::new()), None);
    }
}
