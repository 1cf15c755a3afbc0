//! The helper answers never, late, twice, or dies.

use std::time::Duration;

use mariasnap_tests::fake_helper::{CREATETXG, MOMENT, SyncPool, Take};
use mariasnap_tests::locker::Ended;

use super::stage::{MAX_HOLD, MOST_OF_IT, Stage};
use super::{FAULT, Fault, Stall};

/// In the order of the document.
pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "the pool is still being synced when the wait is over",
        stall: Stall::None,
        code: Some(5),
        drive: |stage| Box::pin(stage.sync(SyncPool::AnswerAfter(Duration::from_secs(60)))),
        ..FAULT
    },
    Fault {
        name: "helper never answers",
        least: MOST_OF_IT,
        code: Some(9),
        listed: "unproven",
        drive: |stage| Box::pin(stage.take(Take::AnswerAfter(Duration::from_secs(60)))),
        ..FAULT
    },
    Fault {
        name: "helper answers after `max_hold`",
        least: MOST_OF_IT,
        code: Some(6),
        drive: |stage| Box::pin(stage.take(Take::AnswerAfter(MAX_HOLD * 2))),
        ..FAULT
    },
    Fault {
        name: "helper answers twice",
        code: Some(0),
        listed: "consistent",
        drive: |stage| Box::pin(stage.take(Take::AnswerTwice)),
        ..FAULT
    },
    Fault {
        name: "helper dies before the cut",
        code: Some(8),
        drive: |stage| Box::pin(stage.take(Take::Die { taken: false })),
        ..FAULT
    },
    Fault {
        name: "helper dies after the cut",
        code: Some(8),
        drive: |stage| Box::pin(stage.take(Take::Die { taken: true })),
        ..FAULT
    },
    Fault {
        name: "helper dies after the pool has moved on",
        code: Some(8),
        drive: |stage| Box::pin(stage.take(DIES_LATE)),
        ..FAULT
    },
    Fault {
        name: "helper dies and can't be started again",
        code: Some(9),
        listed: "exit code 13",
        drive: |stage| Box::pin(stage.take(Take::DieForGood)),
        ..FAULT
    },
    Fault {
        name: "helper dies at the confirmation, and is started again",
        code: Some(0),
        listed: "consistent",
        drive: |stage| Box::pin(dies_confirming(stage)),
        ..FAULT
    },
];

const DIES_LATE: Take = Take::MoveOn {
    after: MOMENT,
    open_txg: CREATETXG + 1,
    answer_after: None,
};

async fn dies_confirming(stage: &mut Stage) -> Ended {
    stage.world.helper.state().confirm_dies = 1;
    stage.take(Take::Succeed).await
}
