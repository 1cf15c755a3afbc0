//! The connection is killed, the server stands still or crashes, others are in the way.

use std::time::{Duration, Instant};

use mariasnap_tests::fake_helper::{CREATETXG, MOMENT, SyncPool, Take};
use mariasnap_tests::locker::Ended;

use super::stage::Stage;
use super::{FAULT, Fault, Stall};

const SECOND: Duration = Duration::from_secs(1);

/// In the order of the document.
pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "our connection killed while it waits for a quiet moment",
        quiet: "wait = \"10s\"\nage = \"100ms\"",
        stall: Stall::None,
        code: Some(4),
        drive: |stage| Box::pin(killed_before_quiet(stage)),
        ..FAULT
    },
    Fault {
        name: "our connection killed while it waits for the lock",
        stall: Stall::None,
        code: Some(5),
        drive: |stage| Box::pin(killed_waiting(stage)),
        ..FAULT
    },
    Fault {
        name: "our connection killed during the pool's sync",
        stall: Stall::None,
        code: Some(5),
        drive: |stage| Box::pin(killed_in_sync(stage)),
        ..FAULT
    },
    Fault {
        name: "our connection killed under the lock, before the cut",
        code: Some(6),
        drive: |stage| Box::pin(killed_at(stage, Take::TakeAfter(SECOND))),
        ..FAULT
    },
    Fault {
        name: "our connection killed between the cut and the proof",
        code: Some(6),
        drive: |stage| Box::pin(killed_at(stage, Take::AnswerAfter(SECOND))),
        ..FAULT
    },
    Fault {
        name: "our connection killed before the pool moves on",
        code: Some(6),
        drive: |stage| Box::pin(killed_at(stage, moves_on_after(SECOND))),
        ..FAULT
    },
    Fault {
        name: "server frozen before we connect",
        stall: Stall::None,
        code: Some(4),
        drive: |stage| Box::pin(frozen_before(stage)),
        ..FAULT
    },
    Fault {
        name: "server frozen while we wait for the lock",
        stall: Stall::None,
        code: Some(5),
        drive: |stage| Box::pin(frozen_waiting(stage)),
        ..FAULT
    },
    Fault {
        name: "server frozen while we hold the lock",
        code: Some(6),
        drive: |stage| Box::pin(frozen_holding(stage)),
        ..FAULT
    },
    Fault {
        name: "server crashed and restarted between lock and proof",
        code: Some(6),
        drive: |stage| Box::pin(restarted(stage)),
        ..FAULT
    },
    Fault {
        name: "a long SELECT",
        code: Some(0),
        listed: "consistent",
        drive: |stage| Box::pin(beside(stage, &["SELECT SLEEP(30) FROM t.a LIMIT 1"])),
        ..FAULT
    },
    Fault {
        name: "a long UPDATE, with `strategy = \"ftwrl\"`",
        lock: "strategy = \"ftwrl\"",
        stall: Stall::Attempt,
        code: Some(5),
        least: Duration::from_millis(250),
        drive: |stage| Box::pin(async { stage.ftwrl_behind_an_update().await.end().await }),
        ..FAULT
    },
    Fault {
        name: "a long ALTER that copies its table",
        code: Some(0),
        listed: "consistent",
        drive: |stage| Box::pin(beside_an_alter(stage)),
        ..FAULT
    },
    Fault {
        name: "an ALTER that itself waits for a reader",
        stall: Stall::None,
        code: Some(5),
        drive: |stage| Box::pin(behind_a_waiting_alter(stage)),
        ..FAULT
    },
    Fault {
        name: "a long write to a MyISAM table",
        quiet: "wait = \"1s\"\nage = \"100ms\"",
        stall: Stall::None,
        code: Some(5),
        drive: |stage| Box::pin(behind_myisam(stage)),
        ..FAULT
    },
    Fault {
        name: "a prepared XA transaction",
        code: Some(0),
        listed: "consistent",
        drive: |stage| Box::pin(beside_xa(stage)),
        ..FAULT
    },
    Fault {
        name: "another backup in BACKUP STAGE",
        stall: Stall::None,
        code: Some(5),
        drive: |stage| Box::pin(beside(stage, &["BACKUP STAGE START"])),
        ..FAULT
    },
    Fault {
        name: "the server is `read_only`",
        code: Some(0),
        listed: "consistent",
        drive: |stage| Box::pin(read_only(stage, "read_only")),
        ..FAULT
    },
    Fault {
        name: "MySQL is `super_read_only`",
        is_mysql: true,
        code: Some(0),
        listed: "consistent",
        drive: |stage| Box::pin(read_only(stage, "super_read_only")),
        ..FAULT
    },
];

fn moves_on_after(pause: Duration) -> Take {
    Take::MoveOn {
        after: pause,
        open_txg: CREATETXG + 1,
        answer_after: Some(MOMENT),
    }
}

async fn killed_before_quiet(stage: &mut Stage) -> Ended {
    write_to_myisam(stage).await;
    let run = stage.world.snapshot();
    stage.wait_for("user = 'snap'").await;
    tokio::time::sleep(SECOND).await;
    stage.kill_connection().await;
    run.end().await
}

async fn behind_myisam(stage: &mut Stage) -> Ended {
    write_to_myisam(stage).await;
    stage.take(Take::Succeed).await
}

async fn write_to_myisam(stage: &mut Stage) {
    let server = &stage.world.server;
    server.run("CREATE OR REPLACE TABLE t.m (i INT) ENGINE=MyISAM").await;
    stage.other(&["INSERT INTO t.m SELECT SLEEP(30)"]).await;
}

async fn killed_waiting(stage: &mut Stage) -> Ended {
    stage.other(&["BACKUP STAGE START"]).await;
    let run = stage.world.snapshot();
    stage.world.helper.wait_for("PrepareSnapshot").await;
    tokio::time::sleep(SECOND / 4).await;
    stage.kill_connection().await;
    run.end().await
}

async fn killed_in_sync(stage: &mut Stage) -> Ended {
    stage.world.helper.state().sync = SyncPool::AnswerAfter(SECOND / 3);
    let run = stage.world.snapshot();
    stage.world.helper.wait_for("SyncPool").await;
    stage.kill_connection().await;
    run.end().await
}

async fn killed_at(stage: &mut Stage, take: Take) -> Ended {
    let run = stage.take_begun(take).await;
    stage.kill_connection().await;
    run.end().await
}

async fn frozen_before(stage: &mut Stage) -> Ended {
    let run = stage.world.snapshot();
    stage.stop_server_until_end(run).await
}

async fn frozen_waiting(stage: &mut Stage) -> Ended {
    stage.other(&["BACKUP STAGE START"]).await;
    let run = stage.world.snapshot();
    stage.world.helper.wait_for("PrepareSnapshot").await;
    tokio::time::sleep(SECOND / 4).await;
    stage.stop_server_until_end(run).await
}

async fn frozen_holding(stage: &mut Stage) -> Ended {
    let run = stage.take_begun(Take::AnswerAfter(SECOND / 3)).await;
    stage.stop_server_until_end(run).await
}

async fn restarted(stage: &mut Stage) -> Ended {
    let run = stage.take_begun(Take::AnswerAfter(SECOND * 3 / 2)).await;
    stage.restart_server().await;
    run.end().await
}

async fn beside(stage: &mut Stage, statements: &'static [&'static str]) -> Ended {
    stage.other(statements).await;
    stage.take(Take::Succeed).await
}

async fn beside_an_alter(stage: &mut Stage) -> Ended {
    stage.fill_big("seq_1_to_400000").await;
    stage
        .other(&["ALTER TABLE t.big ADD COLUMN j INT, ALGORITHM=COPY"])
        .await;
    let run = stage.take_begun(Take::Succeed).await;
    let altering = stage.world.server.processes("info LIKE 'ALTER%'").await;
    assert_eq!(altering.len(), 1, "the ALTER must last longer for this test");
    run.end().await
}

async fn behind_a_waiting_alter(stage: &mut Stage) -> Ended {
    stage.fill_big("seq_1_to_1").await;
    stage.other(&["BEGIN", "SELECT * FROM t.big"]).await;
    stage.other(&["ALTER TABLE t.big FORCE, ALGORITHM=COPY"]).await;
    stage.take(Take::Succeed).await
}

async fn beside_xa(stage: &mut Stage) -> Ended {
    stage.fill_big("seq_1_to_1").await;
    let xa = &[
        "XA START 'x'",
        "INSERT INTO t.big VALUES (2)",
        "XA END 'x'",
        "XA PREPARE 'x'",
    ];
    stage.other(xa).await;
    let ended = stage.take(Take::Succeed).await;
    assert_eq!(stage.world.server.rows("XA RECOVER").await.len(), 1);
    ended
}

async fn read_only(stage: &mut Stage, variable: &str) -> Ended {
    let from = Instant::now();
    stage.world.server.run(&format!("SET GLOBAL {variable} = ON")).await;
    let ended = stage.take(Take::Succeed).await;
    stage.world.server.run(&format!("SET GLOBAL {variable} = OFF")).await;
    if variable.starts_with("super") {
        stage.outage = Some((from, Instant::now()));
    }
    ended
}
