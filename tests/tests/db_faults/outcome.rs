//! What came of a fault, measured from outside.

use std::time::{Duration, Instant};

use mariasnap_tests::mariadb::Server;
use tokio::task::JoinError;

use super::document::{bound, code};
use super::stage::{MAX_HOLD, MAX_STALL, Stage};
use super::watch::Watch;
use super::{Fault, Stall};

/// What two busy cores may add to any stall.
const ALLOWANCE: Duration = Duration::from_secs(2);

/// How long a run may take after the last of its bounds: five seconds' grace for the helper, and the allowance.
const LONGEST_RUN: Duration = Duration::from_secs(12);

/// Above the rows.
pub(crate) const HEAD: &str = "| fault | stall: bound | measured | exit code | list shows |\n|---|---|---|---|---|";

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    stall: Duration,
    /// How often the writer was seen to wait for a lock.
    waits: usize,
    took: Duration,
    code: Option<i32>,
    listed: String,
    stderr: String,
    /// What was left behind, or that driving it failed.
    left: Result<(), String>,
}

/// Drives it on the server, which comes back.
pub(crate) async fn drive(server: Server, fault: Fault) -> (Server, Outcome) {
    let mut stage = Stage::set(server, &fault).await;
    let watch = Watch::start(&stage.world.server).await;
    let start = Instant::now();
    let ended = (fault.drive)(&mut stage).await;
    let took = start.elapsed();
    let waits = watch.end();
    let commits = stage.wait_for_commit().await;
    let outcome = Outcome {
        stall: stage.stall(),
        waits,
        took,
        code: Some(ended.code).filter(|code| *code >= 0),
        listed: stage.listed().await,
        stderr: ended.stderr,
        left: commits.and(stage.is_clean().await),
    };
    (stage.strike(), outcome)
}

impl Outcome {
    /// It couldn't even be driven.
    pub(crate) fn failed(error: JoinError) -> Self {
        Self {
            stall: Duration::ZERO,
            waits: 0,
            took: Duration::ZERO,
            code: None,
            listed: String::new(),
            stderr: String::new(),
            left: Err(error.to_string()),
        }
    }

    /// A row of the table.
    pub(crate) fn row(&self, fault: &Fault) -> String {
        let (bound, stall) = (bound(fault.stall), self.stall.as_millis());
        let (name, code, listed) = (fault.name, code(self.code), &self.listed);
        format!("| {name} | {bound} | {stall} ms | {code} | {listed} |")
    }

    /// What isn't as it must be.
    pub(crate) fn complaints(&self, fault: &Fault) -> Vec<String> {
        let longest = ALLOWANCE
            + match fault.stall {
                Stall::None => Duration::ZERO,
                Stall::Attempt => MAX_STALL,
                Stall::Hold => MAX_HOLD + Duration::from_secs(1),
            };
        let is_driven = self.stall >= fault.least;
        // Where commits must have stood still, that was seen too, so that what isn't seen elsewhere isn't there.
        let (is_blind, is_stopped) = (!fault.least.is_zero() && self.waits == 0, self.waits > 0);
        let checks = [
            (self.code == fault.code, format!("exit code {:?}", self.code)),
            (self.listed == fault.listed, format!("list shows {}", self.listed)),
            (self.stall <= longest, format!("a stall of {:?}", self.stall)),
            (is_driven, format!("a stall of only {:?}", self.stall)),
            (!is_blind, "commits were never seen stopped".to_owned()),
            (
                fault.stall != Stall::None || !is_stopped,
                format!("commits were seen stopped {} times", self.waits),
            ),
            (self.took < LONGEST_RUN, format!("the run took {:?}", self.took)),
            (self.left.is_ok(), format!("{:?}", self.left)),
        ];
        let wrong = checks.into_iter().filter(|(is_right, _)| !is_right);
        wrong.map(|(_, what)| format!("{what}; {}", self.stderr)).collect()
    }
}
