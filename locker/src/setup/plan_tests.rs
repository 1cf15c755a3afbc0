//! Whole plans: first runs, second runs, and runs after an admin's edits.

use std::path::Path;

use clap::Parser;

use super::super::layout::layout;
use super::*;
use crate::database::Version;
use crate::layout::ground::Located;
use crate::layout::mounts::Mounts;
use crate::layout::purpose::Purpose;

const TABLE: &str = "\
1 0 0:1 / /var/lib/mysql rw - zfs tank/mysql rw
2 0 0:2 / /srv/redo rw - zfs tank/redo rw
";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn args(line: &str) -> Args {
    Cli::try_parse_from(["setup"].into_iter().chain(line.split_whitespace()))
        .unwrap()
        .args
}

fn survey(redo: bool, present: Present) -> Survey {
    let located = |purpose, path: &str, mount| Located {
        purpose,
        path: path.into(),
        mount,
    };
    let mut places = vec![located(Purpose::Data, "/var/lib/mysql", 1)];
    places.extend(redo.then(|| located(Purpose::Redo, "/srv/redo", 2)));
    Survey {
        socket: "/run/mysqld/mysqld.sock".into(),
        version: Version::parse("11.8.6-MariaDB").unwrap(),
        variables: Variables::default(),
        account: None,
        plugin_ready: true,
        layout: layout(&places, &Mounts::parse(TABLE).unwrap(), &[], None).unwrap(),
        properties: Properties::default(),
        present,
        units: State {
            socket: false,
            timer: false,
            unread: false,
        },
    }
}

fn plan(line: &str, redo: bool, present: Present) -> Result<Plan, SetupError> {
    let args = args(line);
    make(&args, &Paths::new(Path::new("/"), &args.target), survey(redo, present))
}

fn written(plan: &Plan) -> Present {
    Present {
        helper: Some(plan.helper.wanted.clone()),
        target: Some(plan.target_file.wanted.clone()),
        rule: Some(plan.rule.wanted.clone()),
        timer: plan.timer.as_ref().map(|timer| timer.wanted.clone()),
    }
}

#[test]
fn a_second_run_writes_nothing() {
    let first = plan("--keep-last 3", true, Present::default()).unwrap();
    assert!(first.files().all(Planned::writes));
    let second = plan("", true, written(&first)).unwrap();
    assert!(second.files().all(|file| file.change == Change::Unchanged));
    let third = plan("--force", true, written(&first)).unwrap();
    assert!(third.files().all(|file| file.change == Change::Unchanged));
}

#[test]
fn the_rule_follows_the_entry_that_the_helper_will_read() {
    let helper = "[targets.main]\ndatasets = [{ name = \"tank\", children = true }]\n";
    let present = Present {
        helper: Some(helper.to_owned()),
        ..Present::default()
    };
    let plan = plan("", true, present).unwrap();
    assert_eq!(plan.helper.change, Change::Keep);
    assert!(plan.rule.wanted.contains("\"tank/*\""), "{}", plan.rule.wanted);
}

#[test]
fn the_rule_follows_what_the_admin_adds_to_the_entry() {
    let mut present = written(&plan("", false, Present::default()).unwrap());
    let grown = |text: String| text.replace("datasets = [", "datasets = [{ name = \"tank/redo\" },");
    present.helper = present.helper.map(grown);
    let plan = plan("", true, present).unwrap();
    assert!(plan.rule.wanted.contains("\"tank/mysql,tank/redo\""));
    assert_eq!(plan.rule.change, Change::Replace);
    assert!(plan.changes(), "the first snapshot has to prove it");
    let commands = super::super::units::commands(&args(""), &plan).concat();
    assert!(
        commands.contains(&"try-restart".to_owned()),
        "the helper has to read it"
    );
}

#[test]
fn a_setup_that_was_cut_short_before_the_reload_is_carried_on() {
    let commands = |present, unread| {
        let mut plan = plan("--on-calendar hourly", false, present).unwrap();
        plan.units.unread = unread;
        super::super::units::commands(&args("--on-calendar hourly"), &plan).concat()
    };
    let reload = "daemon-reload".to_owned();
    assert!(commands(Present::default(), false).contains(&reload));
    let there = || written(&plan("--on-calendar hourly", false, Present::default()).unwrap());
    assert!(!commands(there(), false).contains(&reload));
    assert_eq!(commands(there(), true)[0], reload);
}

#[test]
fn a_kept_entry_must_hold_all_that_the_server_needs() {
    let before = written(&plan("", false, Present::default()).unwrap());
    let error = plan("", true, before).unwrap_err();
    assert!(
        matches!(&error, SetupError::HelperFile { why, .. } if why.contains("/srv/redo")),
        "{error}"
    );
    let before = written(&plan("", false, Present::default()).unwrap());
    let forced = plan("--force", true, before).unwrap();
    assert_eq!(forced.helper.change, Change::Replace);
    assert!(
        forced.rule.wanted.contains("\"tank/mysql,tank/redo\""),
        "{}",
        forced.rule.wanted
    );
}

#[test]
fn a_calendar_is_only_written_when_given() {
    assert!(plan("", false, Present::default()).unwrap().timer.is_none());
    let timer = plan("--on-calendar hourly", false, Present::default())
        .unwrap()
        .timer
        .unwrap();
    assert!(
        timer.wanted.ends_with("[Timer]\nOnCalendar=\nOnCalendar=hourly\n"),
        "{}",
        timer.wanted
    );
}

#[test]
fn an_option_given_later_is_done_or_refused() {
    let first = written(&plan("--on-calendar daily", false, Present::default()).unwrap());
    let second = plan("--keep-last 48 --on-calendar hourly", false, first).unwrap();
    assert!(second.target_file.wanted.contains("last = 48"));
    assert_eq!(second.target_file.change, Change::Replace);
    assert_eq!(second.timer.unwrap().change, Change::Replace);
    let present = Present {
        helper: Some("[targets.main]\ndatasets = [{ name = \"tank\", children = true }]\n".to_owned()),
        ..Present::default()
    };
    let error = plan("--dataset tank/mysql", false, present).unwrap_err().to_string();
    assert!(error.contains("--dataset neither"), "{error}");
}
