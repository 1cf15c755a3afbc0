//! The target's file: new, as written, edited.

use std::path::Path;

use super::*;
use crate::config;

fn planned(keep: Option<u32>, present: Option<&str>, force: bool) -> Result<Planned, SetupError> {
    let file = TargetFile {
        name: &TargetName::parse("main").unwrap(),
        socket: "/run/other/mysqld.sock",
        socket_named: false,
        keep: keep.and_then(NonZeroU32::new),
    };
    file.planned("/t.toml".into(), present.map(str::to_owned), force)
}

fn named(socket: &str, present: &str, force: bool) -> Result<Planned, SetupError> {
    let file = TargetFile {
        name: &TargetName::parse("main").unwrap(),
        socket,
        socket_named: true,
        keep: None,
    };
    file.planned("/t.toml".into(), Some(present.to_owned()), force)
}

fn rendered(keep: Option<u32>, present: Option<&str>) -> String {
    planned(keep, present, true).unwrap().wanted
}

fn load(text: &str) -> config::Settings {
    let root = tempfile::tempdir().unwrap();
    let name = TargetName::parse("main").unwrap();
    let path = config::target_file(root.path(), &name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    config::load(root.path(), &name).unwrap()
}

#[test]
fn the_targets_file_is_what_the_locker_reads() {
    let settings = load(&rendered(Some(7), None));
    assert_eq!(settings.keep_last, NonZeroU32::new(7));
    assert_eq!(settings.database.user, "mariasnap");
    let socket = config::Endpoint::Socket("/run/other/mysqld.sock".into());
    assert_eq!(settings.database.endpoint, socket);
}

#[test]
fn the_commented_keys_are_the_lockers_defaults() {
    let text = rendered(None, None);
    let uncommented: Vec<_> = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.contains(" = \""))
                .unwrap_or(line)
        })
        .collect();
    assert_eq!(uncommented.iter().filter(|line| line.contains(" = ")).count(), 8);
    let (as_is, spelled_out) = (load(&text), load(&uncommented.join("\n")));
    assert_eq!(spelled_out.lock, as_is.lock);
    assert_eq!(spelled_out.database.connect_timeout, as_is.database.connect_timeout);
}

#[test]
fn what_was_said_before_still_holds() {
    assert_eq!(load(&rendered(None, None)).keep_last, NonZeroU32::new(10));
    let first = rendered(Some(3), None);
    assert_eq!(rendered(None, Some(&first)), first);
    assert_eq!(load(&rendered(Some(5), Some(&first))).keep_last, NonZeroU32::new(5));
}

#[test]
fn force_carries_over_what_the_admin_set() {
    let mine = "[database]\nsocket = \"/old\"\nuser = \"backup\"\npassword_credential = \"db\"\n\
                [lock]\nmax_hold = \"2s\"\n[helper]\ntimeout = \"9s\"\n\
                [quiet]\nignore_users = [\"a\", \"b\"]\nshow_queries = true\n";
    let error = planned(None, Some(mine), true).unwrap_err().to_string();
    assert!(error.contains("/old") && error.contains("--socket"), "{error}");
    let forced = named("/run/other/mysqld.sock", mine, true).unwrap();
    assert_eq!(forced.change, Change::Replace);
    let after: Table = forced.wanted.parse().unwrap();
    let before: Table = mine.replace("/old", "/run/other/mysqld.sock").parse().unwrap();
    assert_eq!(after, before, "and no [keep]");
    let comment =
        "# How long commits may stand still; after that the lock is let go and nothing is taken.\nmax_hold = \"2s\"\n";
    assert!(forced.wanted.contains(comment), "{}", forced.wanted);
    assert_eq!(planned(None, Some(mine), false).unwrap().change, Change::Keep);
    assert!(named("/run/other/mysqld.sock", mine, false).is_err());
}

#[test]
fn a_new_number_replaces_what_setup_wrote_and_keeps_its_layout() {
    let first = rendered(None, None);
    let second = planned(Some(48), Some(&first), false).unwrap();
    assert_eq!(second.change, Change::Replace);
    assert_eq!(second.wanted, first.replace("last = 10", "last = 48"));
    assert_eq!(
        planned(Some(48), Some(&second.wanted), false).unwrap().change,
        Change::Unchanged
    );
}

#[test]
fn a_new_number_is_not_passed_over() {
    let edited = rendered(None, None).replace("# max_hold = \"15s\"", "max_hold = \"33s\"");
    assert_eq!(planned(None, Some(&edited), false).unwrap().change, Change::Own);
    let error = planned(Some(48), Some(&edited), false).unwrap_err().to_string();
    assert!(
        error.contains("--keep-last 48") && error.contains("last = 48"),
        "{error}"
    );
    let forced = load(&planned(Some(48), Some(&edited), true).unwrap().wanted);
    assert_eq!(forced.keep_last, NonZeroU32::new(48));
    assert_eq!(forced.lock, load(&edited).lock);
}

#[test]
fn another_way_to_the_server_is_left_whole() {
    let file = "[database]\nhost = \"db\"\nuser = \"u\"\n";
    assert_eq!(planned(None, Some(file), true).unwrap().change, Change::Own);
    let error = named("/s", file, true).unwrap_err();
    assert!(error.to_string().contains("--socket /s"), "{error}");
}

#[test]
fn a_file_that_cannot_be_carried_over_is_not_replaced() {
    for file in ["[lock]\nmax_hold = 1.5\n", "database = 1\n", "[keep\n"] {
        let error = planned(None, Some(file), true).unwrap_err();
        assert!(matches!(error, SetupError::Kept { .. }), "{error}");
    }
}

#[test]
fn comments_are_no_difference_in_toml() {
    let text = rendered(None, None);
    let bare: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(planned(None, Some(&bare), false).unwrap().change, Change::Unchanged);
    assert_eq!(planned(None, Some(&text), false).unwrap().path, Path::new("/t.toml"));
}
