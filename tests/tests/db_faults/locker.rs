//! mariasnap itself is killed, frozen or told to end.

use std::time::Duration;

use mariasnap_tests::fake_helper::Take;
use mariasnap_tests::locker::Ended;

use super::stage::{MAX_STALL, MOST_OF_IT, Stage};
use super::{FAULT, Fault, Stall};

const CUT: Take = Take::AnswerAfter(Duration::from_secs(1));

/// In the order of the document.
pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "mariasnap killed while it holds the lock",
        code: None,
        listed: "unproven",
        drive: |stage| Box::pin(signalled(stage, "KILL")),
        ..FAULT
    },
    Fault {
        name: "mariasnap frozen while it holds the lock",
        least: MOST_OF_IT,
        code: Some(6),
        drive: |stage| Box::pin(frozen(stage)),
        ..FAULT
    },
    Fault {
        name: "mariasnap frozen in line for the lock, with `strategy = \"ftwrl\"`",
        lock: "strategy = \"ftwrl\"",
        stall: Stall::Attempt,
        least: Duration::from_millis(250),
        code: Some(5),
        drive: |stage| Box::pin(frozen_in_line(stage)),
        ..FAULT
    },
    Fault {
        name: "mariasnap told to end while it holds the lock",
        code: Some(8),
        drive: |stage| Box::pin(signalled(stage, "TERM")),
        ..FAULT
    },
];

async fn signalled(stage: &mut Stage, signal: &str) -> Ended {
    let run = stage.take_begun(CUT).await;
    run.signal(signal);
    run.end().await
}

async fn frozen(stage: &mut Stage) -> Ended {
    let run = stage.take_begun(CUT).await;
    run.signal("STOP");
    // One that was on its way may still return.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let goes_on = stage.wait_for_commit().await;
    run.signal("CONT");
    goes_on.expect("the server ends the hold by itself");
    run.end().await
}

async fn frozen_in_line(stage: &mut Stage) -> Ended {
    let run = stage.ftwrl_behind_an_update().await;
    run.signal("STOP");
    // Past the bound and what a busy machine is granted.
    tokio::time::sleep(MAX_STALL * 5).await;
    run.signal("CONT");
    run.end().await
}
