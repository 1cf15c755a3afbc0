use proptest::prelude::*;

use super::blockers::{Thread, Transaction};
use super::statement::Statement;
use super::*;
use crate::config::Bound;

const STAGE: Goal = Goal::Stage;
const READ_LOCK: Goal = Goal::ReadLock {
    waits_for_readers: false,
};
const OLD_READ_LOCK: Goal = Goal::ReadLock {
    waits_for_readers: true,
};

fn rules() -> QuietSettings {
    QuietSettings {
        wait: Bound::seconds(600),
        age: Bound::seconds(10),
        ignore_users: vec!["monitor".to_owned()],
        ignore_commands: vec!["Fetch".to_owned()],
        ignore_states: vec!["User lock".to_owned()],
        on_blocked: OnBlocked::Fail,
        show_queries: false,
    }
}

fn running(text: &str) -> Thread {
    Thread {
        id: 7,
        user: "app".to_owned(),
        command: "Query".to_owned(),
        time: Duration::from_secs(20),
        statement: Some(Statement::of(text)),
        ..Thread::default()
    }
}

fn idle() -> Thread {
    Thread {
        command: "Sleep".to_owned(),
        statement: None,
        ..running("")
    }
}

fn blocks(thread: &Thread, lock: Goal) -> bool {
    !blockers(std::slice::from_ref(thread), lock, &rules()).is_empty()
}

/// A blocker of `user`'s, for other tests.
pub(super) fn blocker(user: &str, age_ms: u64) -> Blocker {
    let thread = Thread {
        user: "somebody".to_owned(),
        ..running("DELETE FROM a")
    };
    let mut found = blockers(&[thread], READ_LOCK, &rules());
    Blocker {
        user: user.to_owned(),
        age_ms,
        ..found.remove(0)
    }
}

#[test]
fn what_blocks_which_lock() {
    let waiting = |text| Thread {
        state: "Waiting for table metadata lock".to_owned(),
        ..running(text)
    };
    let innodb = |thread, tables_locked| Thread {
        transaction: Some(Transaction {
            age: Duration::from_secs(30),
            tables_locked,
        }),
        ..thread
    };
    let holding = |lock: &str| Thread {
        locks: vec![lock.to_owned()],
        ..idle()
    };
    for (thread, stage, read_lock, old_read_lock) in [
        (running("SELECT 1 FROM a"), false, false, true),
        (running("SHOW TABLES"), false, false, false),
        (running("INSERT INTO a SELECT 1"), true, true, true),
        (innodb(running("UPDATE a SET i = 1"), 1), false, true, true),
        (innodb(running("INSERT INTO a SELECT 1 FROM b"), 0), true, true, true),
        (running("COMMIT"), true, true, true),
        (running("CREATE TABLE a SELECT 1"), true, true, true),
        (running("CREATE TEMPORARY TABLE a SELECT 1"), false, false, false),
        (waiting("TRUNCATE TABLE a"), false, false, true),
        (running("ALTER TABLE a FORCE"), false, true, true),
        (waiting("ALTER TABLE a FORCE"), true, true, true),
        (running("EXECUTE a"), true, true, true),
        (idle(), false, false, false),
        (innodb(idle(), 1), false, false, false),
        (holding("BACKUP_DDL"), true, true, true),
        (holding("BACKUP_BLOCK_DDL"), true, false, false),
        (holding("BACKUP_TRANS_DML"), false, true, true),
        (holding("SHARED_READ"), false, false, false),
    ] {
        let found = [STAGE, READ_LOCK, OLD_READ_LOCK].map(|lock| blocks(&thread, lock));
        assert_eq!(found, [stage, read_lock, old_read_lock], "{thread:?}");
        assert!(!blocks(&thread, Goal::Nothing));
    }
}

#[test]
fn who_never_counts() {
    let write = running("INSERT INTO a SELECT 1");
    for (ignored, thread) in [
        (
            true,
            Thread {
                user: "monitor".to_owned(),
                ..write.clone()
            },
        ),
        (
            true,
            Thread {
                user: "system user".to_owned(),
                ..write.clone()
            },
        ),
        (
            true,
            Thread {
                command: "fetch".to_owned(),
                ..write.clone()
            },
        ),
        (
            true,
            Thread {
                command: "Delayed insert".to_owned(),
                ..write.clone()
            },
        ),
        (
            true,
            Thread {
                command: "Slave_SQL".to_owned(),
                ..write.clone()
            },
        ),
        (
            true,
            Thread {
                state: "User lock".to_owned(),
                ..write.clone()
            },
        ),
        (
            true,
            Thread {
                time: Duration::from_millis(9999),
                ..write.clone()
            },
        ),
        (
            false,
            Thread {
                time: Duration::from_secs(10),
                ..write.clone()
            },
        ),
    ] {
        assert_eq!(blocks(&thread, STAGE), !ignored, "{thread:?}");
    }
}

#[test]
fn a_list_is_bounded_and_says_how_many_more() {
    let threads: Vec<_> = (1..=13)
        .map(|id| Thread {
            id,
            ..running("DELETE FROM a")
        })
        .collect();
    let found = blockers(&threads, READ_LOCK, &rules());
    let wait = Duration::from_secs(600);
    let message = QuietError::Blocked { wait, blockers: found }.to_string();
    assert!(
        message.contains("connection 10 of app@ (DELETE for 20 s: writes), and 3 more"),
        "{message}"
    );
    assert!(!message.contains("connection 11"), "{message}");
}

#[test]
fn others_text_stays_on_one_line() {
    let thread = Thread {
        user: "a\nb\u{1b}[2J".to_owned(),
        query: Some("DELETE\r\nFROM a".to_owned()),
        ..running("DELETE")
    };
    let message = blockers(&[thread], READ_LOCK, &rules())[0].to_string();
    assert!(message.chars().all(|c| !c.is_control()), "{message:?}");
}

prop_compose! {
    fn any_thread()(
        id in 1..100u64,
        user in "app|monitor|root|system user",
        command in "Sleep|Query|Execute|Binlog Dump|Connect|Daemon|Killed|Fetch",
        state in "|User lock|Waiting for table metadata lock|copy to tmp table",
        seconds in 0..40u64,
        text in "(INSERT|SELECT|ALTER|DROP|COMMIT|SET|XA|CALL|CREATE|nonsense) x",
        tables_locked in proptest::option::of(0..2u64),
        lock in proptest::option::of("BACKUP_DDL|BACKUP_DML|SHARED"),
    ) -> Thread {
        Thread {
            id,
            user,
            state,
            time: Duration::from_secs(seconds),
            statement: (command != "Sleep").then(|| Statement::of(&text)),
            query: None,
            command,
            transaction: tables_locked.map(|tables_locked| Transaction { age: Duration::from_secs(seconds), tables_locked }),
            locks: lock.into_iter().collect(),
            ..Thread::default()
        }
    }
}

fn any_lock() -> impl Strategy<Value = Goal> {
    prop_oneof![Just(STAGE), Just(READ_LOCK), Just(OLD_READ_LOCK)]
}

proptest! {
    #[test]
    fn blockers_are_old_enough_and_nobody_ignored(threads in proptest::collection::vec(any_thread(), 0..20), lock in any_lock()) {
        let found = blockers(&threads, lock, &rules());
        prop_assert!(found.is_sorted_by_key(|blocker| std::cmp::Reverse(blocker.age_ms)));
        for blocker in found {
            prop_assert!(blocker.age_ms >= 10_000);
            prop_assert!(!["monitor", "system user"].contains(&blocker.user.as_str()));
            prop_assert!(!["Fetch", "Connect", "Daemon", "Binlog Dump"].contains(&blocker.command.as_str()));
            prop_assert!(blocker.state != "User lock");
        }
    }

    /// Each connection is judged by itself: a longer list never makes one of them harmless.
    #[test]
    fn one_judges_like_many(threads in proptest::collection::vec(any_thread(), 0..20), lock in any_lock()) {
        let many = blockers(&threads, lock, &rules()).len();
        prop_assert_eq!(many, threads.iter().filter(|thread| blocks(thread, lock)).count());
    }

    /// More patience never finds more, and the lock that waits for readers waits for all that the other waits for.
    #[test]
    fn the_rules_are_ordered(thread in any_thread(), age in 10..60u64) {
        let older = QuietSettings { age: Bound::seconds(age), ..rules() };
        for lock in [STAGE, READ_LOCK, OLD_READ_LOCK] {
            let found = blockers(std::slice::from_ref(&thread), lock, &older).len();
            prop_assert!(found <= usize::from(blocks(&thread, lock)));
        }
        prop_assert!(!blocks(&thread, READ_LOCK) || blocks(&thread, OLD_READ_LOCK));
    }
}
