//! Commands run in turn under load, and what the load felt of each.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::gaps::longest;
use super::writers::{Report, Writers, now_us};

/// A side: its name, and the shell command that must succeed.
pub type Side = (String, String);

/// How the turns go.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often each side is run.
    pub rounds: usize,
    /// Shortest time that is looked at from a command's start on. The same for all sides, or else the one whose
    /// command takes longer would be charged with more of what happens without it.
    pub window: Duration,
    /// Pause before each command.
    pub settle: Duration,
    /// The sides.
    pub sides: Vec<Side>,
    /// Shell command run before each turn and its pause, which must succeed.
    pub before: Option<String>,
    /// Shell command run after each round, which must succeed.
    pub between: Option<String>,
}

/// What the load felt of one side.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Felt {
    /// Longest time without a commit around each run, in milliseconds.
    pub gaps_ms: Vec<f64>,
    /// How long each run of the command took, in milliseconds.
    pub took_ms: Vec<f64>,
    /// How long the writers waited for their commits around all runs.
    pub commit: Latency,
}

/// Points of a latency histogram, in milliseconds.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Commits counted.
    pub n: u64,
    /// Half of them took at most this.
    pub p50_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1000.
    pub p999_ms: f64,
    /// All of them.
    pub max_ms: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let ms = |us: u64| us as f64 / 1000.0;
        Self {
            n: histogram.len(),
            p50_ms: ms(histogram.value_at_quantile(0.5)),
            p99_ms: ms(histogram.value_at_quantile(0.99)),
            p999_ms: ms(histogram.value_at_quantile(0.999)),
            max_ms: ms(histogram.max()),
        }
    }
}

/// One side as it is being measured.
struct Measured {
    felt: Felt,
    histogram: Histogram<u64>,
}

/// Runs the plan under a load of `writers` writers; what was felt of each side, by its name.
pub async fn around(socket: &str, writers: usize, plan: &Plan) -> Result<BTreeMap<String, Felt>, Box<dyn Error>> {
    let mut measured = Vec::new();
    for _ in &plan.sides {
        let histogram = Histogram::new(3)?;
        let felt = Felt::default();
        measured.push(Measured { felt, histogram });
    }
    let load = Writers::start(socket, writers).await?;
    let began = now_us();
    for round in 0..plan.rounds {
        for side in turns(round, plan.sides.len()) {
            run(&load, plan, &plan.sides[side], &mut measured[side]).await?;
        }
        if let Some(command) = &plan.between {
            shell("between rounds", command).await?;
        }
        let seconds = (now_us() - began) / 1_000_000;
        eprintln!("round {} of {}, {seconds} s", round + 1, plan.rounds);
    }
    let report = load.finish().await;
    if !report.errors.is_empty() {
        return Err(format!("the load failed: {:?}", report.errors).into());
    }
    let names = plan.sides.iter().map(|(name, _)| name.clone());
    Ok(names.zip(measured.into_iter().map(Measured::done)).collect())
}

/// The order of a round: another side begins each time, and every other round goes backwards, so that none always
/// comes after the same one.
fn turns(round: usize, sides: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sides).map(|side| (side + round / 2) % sides).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

async fn run(load: &Writers, plan: &Plan, side: &Side, measured: &mut Measured) -> Result<(), Box<dyn Error>> {
    let (name, command) = side;
    if let Some(command) = &plan.before {
        shell("before a turn", command).await?;
    }
    sleep(plan.settle).await;
    let from = now_us();
    let window_ends = tokio::time::Instant::now() + plan.window;
    shell(name, command).await?;
    let took = now_us() - from;
    tokio::time::sleep_until(window_ends).await;
    let to = now_us();
    // A stall that isn't over yet counts whole as well.
    while load.look(|report| report.errors.is_empty() && report.commits_us.last() <= Some(&to)) {
        sleep(Duration::from_millis(10)).await;
    }
    load.look(|report| measured.add(report, from, to))?;
    measured.felt.took_ms.push(took as f64 / 1000.0);
    Ok(())
}

impl Measured {
    fn add(&mut self, report: &Report, from: u64, to: u64) -> Result<(), hdrhistogram::RecordError> {
        self.felt
            .gaps_ms
            .push(longest(&report.commits_us, from, to) as f64 / 1000.0);
        let first = report.commits_us.partition_point(|commit| *commit < from);
        let commits = report.commits_us[first..].iter().zip(&report.latencies_us[first..]);
        for (_, latency) in commits.filter(|(commit, latency)| *commit - *latency <= to) {
            self.histogram.record(*latency)?;
        }
        Ok(())
    }

    fn done(mut self) -> Felt {
        self.felt.commit = Latency::of(&self.histogram);
        self.felt
    }
}

async fn shell(what: &str, command: &str) -> Result<(), Box<dyn Error>> {
    let mut child = tokio::process::Command::new("/bin/sh");
    let status = child.arg("-c").arg(command).status().await?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{what}: {command:?} ended with {status}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_has_its_turn_in_every_round() {
        for round in 0..9 {
            let mut order = turns(round, 7);
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3, 4, 5, 6]);
        }
        assert_eq!(turns(3, 3), [0, 2, 1]);
    }

    #[test]
    fn a_commit_counts_for_the_window_that_it_was_waited_for_in() {
        let report = Report {
            commits_us: vec![90, 210, 290, 400],
            latencies_us: vec![10, 110, 80, 50],
            ..Report::default()
        };
        let mut measured = Measured {
            felt: Felt::default(),
            histogram: Histogram::new(3).unwrap(),
        };
        measured.add(&report, 100, 250).unwrap();
        let felt = measured.done();
        assert_eq!(felt.commit.n, 2, "the first was over, the last had not begun");
        assert!((felt.commit.max_ms - 0.110).abs() < 1e-9);
        assert_eq!(felt.gaps_ms, [0.120]);
    }
}
