//! Held still for others: `freeze`, `run` and `frozen` against a real server. No freeze without the lock, none that
//! outlasts it unnoticed.

use std::time::{Duration, Instant};

use mariasnap_tests::locker::{Running, World};
use mysql_async::prelude::Queryable;
use serde_json::Value;

const SECOND: Duration = Duration::from_secs(1);

/// Longer than any of these tests needs.
const LONG: &str = "[freeze]\nmax_hold = \"30s\"\n";

const SHORT: &str = "[freeze]\nmax_hold = \"2s\"\n";

/// Starts to freeze and waits for the word that it is.
async fn freeze(world: &World, arguments: &[&str]) -> (Running, Value) {
    let mut run = world.start(&[&["freeze", "main", "--json"], arguments].concat(), &[]);
    let line = run.line().await;
    match serde_json::from_str(&line) {
        Ok(told) => (run, told),
        Err(_) => panic!("{line:?}, then {:?}", run.end().await),
    }
}

async fn is_frozen(world: &World) -> bool {
    match world.run(&["frozen", "main"]).await.code {
        0 => true,
        15 => false,
        other => panic!("frozen ends with {other}"),
    }
}

#[tokio::test]
async fn writes_stand_still_from_the_word_to_the_signal() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    writer.next_commit(SECOND).await;
    assert!(!is_frozen(&world).await);
    let (run, told) = freeze(&world, &[]).await;
    writer.assert_still().await;
    assert_eq!((&told["event"], &told["lock"]), (&"frozen".into(), &"exact".into()));
    let (file, offset, gtid) = world.server.position().await;
    let position = &told["position"];
    assert_eq!(
        (
            &position["binlog_file"],
            &position["binlog_position"],
            &position["gtid"]
        ),
        (&file.into(), &offset.into(), &gtid.into())
    );
    assert!(is_frozen(&world).await);
    let mut file: Value =
        serde_json::from_slice(&std::fs::read(world.run_dir().join("main.freeze.json")).unwrap()).unwrap();
    file["event"] = "frozen".into();
    assert_eq!(file, told);
    // Longer than the connection may be silent.
    tokio::time::sleep(Duration::from_secs(3)).await;
    writer.assert_still().await;

    run.signal("TERM");
    let ended = run.end().await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let thawed = ended.json();
    assert_eq!(thawed["event"], "thawed");
    assert!(thawed["held_ms"].as_u64().unwrap() >= 3000, "{thawed}");
    writer.next_commit(SECOND).await;
    assert!(!is_frozen(&world).await);
    assert!(!world.run_dir().join("main.freeze.json").exists());
}

#[tokio::test]
async fn the_end_of_standard_input_thaws_where_that_is_asked_for() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    let (mut run, _) = freeze(&world, &["--until-stdin-closes"]).await;
    writer.assert_still().await;
    run.close_input();
    assert_eq!(run.end().await.code, 0);
    writer.next_commit(SECOND).await;

    let (mut run, _) = freeze(&world, &[]).await;
    run.close_input();
    writer.assert_still().await;
    run.signal("INT");
    assert_eq!(run.end().await.code, 0);
}

#[tokio::test]
async fn a_hold_that_is_over_is_a_failure_and_no_hold() {
    let world = World::new(SHORT, &[]).await;
    let writer = world.server.write().await;
    let start = Instant::now();
    let (run, _) = freeze(&world, &[]).await;
    writer.assert_still().await;
    let ended = run.end().await;
    assert!(start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.stderr.contains("freeze.max_hold (2s) is over"), "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "lock-lost");
    writer.next_commit(SECOND).await;
    assert!(!is_frozen(&world).await);
}

#[tokio::test]
async fn a_lost_connection_is_noticed_within_three_seconds() {
    let world = World::new(LONG, &[]).await;
    let (run, _) = freeze(&world, &[]).await;
    let lock = world.server.connections_of("snap").await;
    world.server.run(&format!("KILL {}", lock[0])).await;
    let start = Instant::now();
    let ended = run.end().await;
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    assert_eq!(ended.code, 6, "{ended:?}");
}

#[tokio::test]
async fn a_connection_lost_just_before_the_thaw_is_told_by_the_thaw() {
    let world = World::new(LONG, &[]).await;
    let (run, _) = freeze(&world, &[]).await;
    // It can't notice by itself any more.
    run.signal("STOP");
    let lock = world.server.connections_of("snap").await;
    world.server.run(&format!("KILL {}", lock[0])).await;
    run.signal("TERM");
    run.signal("CONT");
    let ended = run.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
}

#[tokio::test]
async fn a_process_that_stands_still_holds_no_longer_than_max_hold_and_a_second() {
    let world = World::new(SHORT, &[]).await;
    let writer = world.server.write().await;
    let (run, _) = freeze(&world, &[]).await;
    let start = Instant::now();
    run.signal("STOP");
    writer.next_commit(6 * SECOND).await;
    assert!(start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
    run.signal("CONT");
    let ended = run.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_no_lock_and_a_file_that_counts_for_nothing() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    let (run, _) = freeze(&world, &[]).await;
    run.signal("KILL");
    run.end().await;
    writer.next_commit(SECOND).await;
    assert!(world.run_dir().join("main.freeze.json").exists());
    assert!(!is_frozen(&world).await);

    // Once is once, and for others it doesn't stand in the way.
    let once = world.start(&["freeze", "main", "--json", "--once"], &[]);
    tokio::time::sleep(SECOND).await;
    writer.next_commit(SECOND).await;
    once.signal("TERM");
    let ended = once.end().await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.stderr.contains("left"), "{ended:?}");
    let (run, _) = freeze(&world, &[]).await;
    run.signal("TERM");
    assert_eq!(run.end().await.code, 0);
}

#[tokio::test]
async fn once_stays_without_the_lock_and_doesnt_take_it_again() {
    let world = World::new(SHORT, &[]).await;
    let writer = world.server.write().await;
    let (mut run, _) = freeze(&world, &["--once"]).await;
    let failure: Value = serde_json::from_str(&run.line().await).unwrap();
    assert_eq!(failure["error"]["kind"], "lock-lost");
    writer.next_commit(SECOND).await;
    assert!(!is_frozen(&world).await);
    run.signal("TERM");
    assert_eq!(run.end().await.code, 6);
}

#[tokio::test]
async fn two_freezes_of_a_target_are_one_too_many() {
    let world = World::new(LONG, &[]).await;
    let (run, _) = freeze(&world, &[]).await;
    let other = world.run(&["freeze", "main", "--json"]).await;
    assert_eq!(other.code, 10, "{other:?}");
    assert!(is_frozen(&world).await);
    run.signal("TERM");
    assert_eq!(run.end().await.code, 0);
}

#[tokio::test]
async fn where_the_unit_freezes_nobody_else_does() {
    let world = World::new(LONG, &[]).await;
    let (run, _) = freeze(&world, &[]).await;
    // As the unit has it: a link, to a file of its own.
    let (file, units) = (
        world.run_dir().join("main.freeze.json"),
        world.run_dir().join("freeze/main"),
    );
    std::fs::create_dir_all(&units).unwrap();
    std::fs::rename(&file, units.join("main.freeze.json")).unwrap();
    std::os::unix::fs::symlink("freeze/main/main.freeze.json", &file).unwrap();
    for arguments in [&["freeze", "main"][..], &["run", "main", "--", "true"]] {
        let other = world.run(arguments).await;
        assert_eq!(other.code, 10, "{other:?}");
    }
    run.signal("TERM");
    assert_eq!(run.end().await.code, 0);
}

#[tokio::test]
async fn no_lock_no_freeze() {
    let world = World::new("[lock]\nmax_wait = \"2s\"\n[quiet]\nwait = \"1s\"\n", &[]).await;
    let mut other = world.server.connect().await;
    other.query_drop("BACKUP STAGE START").await.unwrap();
    let ended = world.run(&["freeze", "main", "--json"]).await;
    assert_eq!(ended.code, 5, "{ended:?}");
    other.query_drop("BACKUP STAGE END").await.unwrap();

    let mut world = world;
    world.server.kill();
    let ended = world.run(&["freeze", "main", "--json"]).await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(!is_frozen(&world).await);
}

#[tokio::test]
async fn a_lock_under_which_commits_go_on_is_refused() {
    let world = World::new("", &[]).await;
    for strategy in ["online", "none"] {
        world.configure(&format!("[freeze]\nstrategy = \"{strategy}\""));
        let ended = world.run(&["freeze", "main", "--json"]).await;
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.stderr.contains("freeze.strategy"), "{ended:?}");
    }
}

#[tokio::test]
async fn what_cant_be_read_is_named() {
    let world = World::new("", &[]).await;
    for (config, named) in [
        (
            "[database]\ndefaults_file = \"/nonexistent/my.cnf\"",
            "database.defaults_file",
        ),
        (
            "[database]\npassword_credential = \"nosuch\"",
            "database.password_credential",
        ),
        ("[freeze]\nmax_hold = \"2h\"", "freeze.max_hold"),
        ("[freeze]\nhook = [\"vmware\"]", "unknown field"),
    ] {
        world.configure(config);
        for arguments in [&["freeze", "main"][..], &["run", "main", "--", "true"]] {
            let ended = world.run(arguments).await;
            assert_eq!(ended.code, 3, "{config}: {ended:?}");
            assert!(
                ended.stderr.contains("main.toml") && ended.stderr.contains(named),
                "{config}: {ended:?}"
            );
        }
    }
    let ended = world.run(&["freeze", "nosuch"]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("no target \"nosuch\""), "{ended:?}");
}

#[tokio::test]
async fn the_readers_lock_freezes_too() {
    let world = World::new(&format!("{LONG}strategy = \"ftwrl\""), &[]).await;
    let writer = world.server.write().await;
    let (run, told) = freeze(&world, &[]).await;
    assert_eq!(told["lock"], "ftwrl");
    writer.assert_still().await;
    run.signal("TERM");
    assert_eq!(run.end().await.code, 0);
    writer.next_commit(SECOND).await;
}

#[tokio::test]
async fn a_command_runs_under_the_lock_with_the_position_in_its_environment() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    writer.next_commit(SECOND).await;
    let script = "printf '%s:%s %s %s' \"$MARIASNAP_BINLOG_FILE\" \"$MARIASNAP_BINLOG_POSITION\" \"$MARIASNAP_GTID\" \
        \"$MARIASNAP_TARGET\" >position; date +%s.%N >from; sleep 1; date +%s.%N >to; echo done";
    let script = format!("cd {} && {script}", world.run_dir().display());
    let run = world.start(&["run", "main", "--", "sh", "-c", &script], &[]);
    tokio::time::timeout(20 * SECOND, async {
        while !world.run_dir().join("from").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    writer.assert_still().await;
    let (file, offset, gtid) = world.server.position().await;
    let ended = run.end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "done\n"), "{ended:?}");
    let position = std::fs::read_to_string(world.run_dir().join("position")).unwrap();
    assert_eq!(position, format!("{file}:{offset} {gtid} main"));
    writer.next_commit(SECOND).await;
}

#[tokio::test]
async fn a_commands_failure_is_told_from_the_locks() {
    let world = World::new(SHORT, &[]).await;
    let writer = world.server.write().await;
    let ended = world.run(&["run", "main", "--", "sh", "-c", "exit 3"]).await;
    assert_eq!(ended.code, 14, "{ended:?}");
    assert!(ended.stderr.contains("exit status: 3"), "{ended:?}");
    let ended = world.run(&["run", "main", "--", "/no/such/program"]).await;
    assert_eq!(ended.code, 14, "{ended:?}");
    writer.next_commit(SECOND).await;

    // The lock's end is the command's.
    let start = Instant::now();
    // Like no other sleep of this host.
    let sleep = format!("sleep 60.{}", std::process::id());
    let ended = world
        .run(&["run", "main", "--", "sh", "-c", &format!("{sleep}; true")])
        .await;
    assert!(start.elapsed() < 8 * SECOND, "{:?}", start.elapsed());
    assert_eq!(ended.code, 6, "{ended:?}");
    writer.next_commit(SECOND).await;
    let left = std::process::Command::new("pgrep")
        .args(["-f", &format!("^{sleep}$")])
        .output()
        .unwrap();
    assert!(left.stdout.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_signal_to_run_unlocks_and_ends_the_command() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    let run = world.start(&["run", "main", "--", "sleep", "61"], &[]);
    tokio::time::timeout(20 * SECOND, async {
        while !is_frozen(&world).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    writer.assert_still().await;
    run.signal("TERM");
    // It has the standard output that is read to its end, so it is gone by then.
    let ended = tokio::time::timeout(10 * SECOND, run.end()).await;
    let ended = ended.expect("the command outlives its lock");
    assert_eq!(ended.code, 6, "{ended:?}");
    writer.next_commit(SECOND).await;
}

#[tokio::test]
async fn a_detached_freeze_lasts_from_one_command_to_the_next() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    let begun = world.run(&["freeze", "main", "--detach"]).await;
    assert_eq!(begun.code, 0, "{begun:?}");
    writer.assert_still().await;
    assert!(is_frozen(&world).await);
    let log = world.run_dir().join("main.freeze.log");
    std::fs::write(&log, "said so far").unwrap();
    let again = world.run(&["freeze", "main", "--detach"]).await;
    assert_eq!(again.code, 10, "{again:?}");
    assert!(again.stderr.contains("under way"), "{again:?}");
    writer.assert_still().await;
    // What the one that freezes said stays, and what the other said is told and gone.
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "said so far");
    let logs = std::fs::read_dir(world.run_dir()).unwrap();
    let logs = logs.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|end| end == "log")
    });
    assert_eq!(logs.count(), 1);
    let ended = world.run(&["thaw", "main"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    writer.next_commit(SECOND).await;
    assert_eq!(world.run(&["thaw", "main"]).await.code, 15);
}

#[tokio::test]
async fn a_detached_freeze_that_was_lost_is_told_by_the_thaw() {
    let world = World::new(SHORT, &[]).await;
    let writer = world.server.write().await;
    assert_eq!(world.run(&["freeze", "main", "--detach"]).await.code, 0);
    tokio::time::sleep(3 * SECOND).await;
    writer.next_commit(SECOND).await;
    let ended = world.run(&["thaw", "main"]).await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.stderr.contains("freeze.max_hold (2s) is over"), "{ended:?}");

    // Killed, it left no word; nothing is frozen, and something was.
    assert_eq!(world.run(&["freeze", "main", "--detach", "--json"]).await.code, 0);
    let told = world.run(&["frozen", "main", "--json"]).await.json();
    let killed = std::process::Command::new("kill")
        .args(["-9", &told["pid"].to_string()])
        .status();
    assert!(killed.unwrap().success());
    writer.next_commit(2 * SECOND).await;
    let ended = world.run(&["thaw", "main"]).await;
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.stderr.contains("its process was killed"), "{ended:?}");
    assert!(!is_frozen(&world).await);
    assert_eq!(world.run(&["thaw", "main"]).await.code, 15);
}

#[tokio::test]
async fn between_a_lapse_and_its_word_no_other_freeze_begins() {
    let world = World::new(SHORT, &[]).await;
    assert_eq!(world.run(&["freeze", "main", "--detach"]).await.code, 0);
    // As close behind it as can be.
    let next = tokio::time::timeout(20 * SECOND, async {
        loop {
            let next = world.run(&["freeze", "main", "--detach"]).await;
            if !next.stderr.contains("under way") {
                return next;
            }
        }
    });
    let next = next.await.unwrap();
    assert_eq!(next.code, 10, "{next:?}");
    assert!(next.stderr.contains("freeze.max_hold (2s) is over"), "{next:?}");
}

#[tokio::test]
async fn a_detached_freeze_isnt_begun_over_one_that_was_killed() {
    let world = World::new(LONG, &[]).await;
    let (run, _) = freeze(&world, &[]).await;
    run.signal("KILL");
    run.end().await;
    let next = world.run(&["freeze", "main", "--detach"]).await;
    assert_eq!(next.code, 10, "{next:?}");
    assert!(
        next.stderr.contains("nobody has thawed it: its process was killed"),
        "{next:?}"
    );
    assert_eq!(world.run(&["thaw", "main"]).await.code, 15);
}

#[tokio::test]
async fn a_detached_freeze_without_the_lock_is_a_failure_at_once() {
    let mut world = World::new(LONG, &[]).await;
    world.server.kill();
    let ended = world.run(&["freeze", "main", "--detach", "--json"]).await;
    assert_eq!(ended.code, 4, "{ended:?}");
    assert_eq!(ended.json()["error"]["kind"], "database");
    assert!(ended.stderr.contains("db.sock"), "{ended:?}");
    assert_eq!(world.run(&["thaw", "main"]).await.code, 15);
}

#[tokio::test]
async fn a_detached_freeze_that_was_over_before_its_thaw_doesnt_count() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    assert_eq!(world.run(&["freeze", "main", "--detach"]).await.code, 0);
    let told = world.run(&["frozen", "main", "--json"]).await.json();
    // It ends well, but nobody who copies knows.
    let ended = std::process::Command::new("kill")
        .args(["-TERM", &told["pid"].to_string()])
        .status();
    assert!(ended.unwrap().success());
    writer.next_commit(2 * SECOND).await;
    tokio::time::sleep(SECOND).await;
    // A second one isn't begun over the first, whose thaw would pass for its own.
    let second = world.run(&["freeze", "main", "--detach"]).await;
    assert_eq!(second.code, 10, "{second:?}");
    assert!(second.stderr.contains("nobody has thawed it"), "{second:?}");
    assert_eq!(world.run(&["thaw", "main"]).await.code, 15);

    assert_eq!(world.run(&["freeze", "main", "--detach"]).await.code, 0);
    let told = world.run(&["frozen", "main", "--json"]).await.json();
    let ended = std::process::Command::new("kill")
        .args(["-TERM", &told["pid"].to_string()])
        .status();
    assert!(ended.unwrap().success());
    tokio::time::sleep(SECOND).await;
    let thawed = world.run(&["thaw", "main"]).await;
    assert_eq!(thawed.code, 6, "{thawed:?}");
}

#[tokio::test]
async fn a_freeze_that_nobody_can_be_told_of_is_given_up() {
    let world = World::new(LONG, &[]).await;
    let writer = world.server.write().await;
    for arguments in ["freeze main --detach", "freeze main"] {
        let script = format!(
            "{} {arguments} --config-dir {dir} --run-dir {dir} >/dev/full",
            mariasnap_tests::locker::binary().display(),
            dir = world.run_dir().display()
        );
        let ended = tokio::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .await
            .unwrap();
        assert!(!ended.status.success(), "{ended:?}");
        writer.next_commit(SECOND).await;
        assert!(!is_frozen(&world).await);
    }
    assert_eq!(world.run(&["thaw", "main"]).await.code, 15);
}

#[tokio::test]
async fn once_ends_at_the_first_signal() {
    let world = World::new(&format!("[lock]\nmax_wait = \"30s\"\n{LONG}"), &[]).await;
    let mut other = world.server.connect().await;
    other.query_drop("BACKUP STAGE START").await.unwrap();
    let run = world.start(&["freeze", "main", "--once"], &[]);
    tokio::time::sleep(2 * SECOND).await;
    let start = Instant::now();
    run.signal("TERM");
    let ended = run.end().await;
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    assert_eq!(ended.code, 8, "{ended:?}");
}
