//! Views as they are found in the field, and what they come to.

use proptest::prelude::*;

use super::*;

const TABLE: &str = "\
1 0 0:1 / / rw - ext4 /dev/vda rw
2 1 0:2 / /var/lib/mysql rw - zfs tank/mysql rw
3 1 0:3 / /srv/redo rw - zfs tank/redo rw
4 1 0:4 / /srv/other rw - zfs other/log rw
5 2 0:5 / /var/lib/mysql/big rw - zfs tank/mysql/big rw
6 2 0:6 / /var/lib/mysql/.zfs/snapshot/s rw - zfs tank/mysql@s rw
7 2 0:7 / /var/lib/mysql/tmp rw - tmpfs tmpfs rw
";

fn on(purpose: Purpose, path: &str, mount: u64) -> Sight {
    Sight {
        purpose,
        shown: path.into(),
        seen: Seen::On(Located {
            purpose,
            path: path.into(),
            mount,
        }),
    }
}

fn hidden(purpose: Purpose, path: &str) -> Sight {
    Sight {
        purpose,
        shown: path.into(),
        seen: Seen::ByName(path.into()),
    }
}

fn data() -> Sight {
    on(Purpose::Data, "/var/lib/mysql", 2)
}

fn view(sights: &[Sight], unlisted: &[&str]) -> View {
    View {
        sights: sights.to_vec(),
        unlisted: unlisted.iter().map(PathBuf::from).collect(),
    }
}

fn judge_for(needs_binlog: bool, is_root: bool, members: &[&str], view: &View) -> Vec<Finding> {
    let members: Vec<Member> = members.iter().map(|text| text.parse().unwrap()).collect();
    let judge = Judge {
        target: &TargetName::parse("main").unwrap(),
        members: &members,
        mounts: &Mounts::parse(TABLE).unwrap(),
        tmpdir: Some("/tmp:/var/lib/mysql/tmp"),
        needs_binlog,
        is_root,
    };
    judge.findings(view)
}

fn judge_as(is_root: bool, members: &[&str], view: &View) -> Vec<Finding> {
    judge_for(false, is_root, members, view)
}

fn judge(members: &[&str], sights: &[Sight]) -> Vec<Finding> {
    judge_as(true, members, &view(sights, &[]))
}

fn verdicts(findings: &[Finding]) -> Vec<(&str, Verdict)> {
    findings.iter().map(|found| (found.kind, found.verdict)).collect()
}

#[test]
fn all_inside_is_ok_and_a_childs_mount_counts() {
    let findings = judge(&["tank/mysql/*"], &[data(), on(Purpose::Redo, "/var/lib/mysql", 2)]);
    let ok = |kind| (kind, Verdict::Ok);
    assert_eq!(verdicts(&findings), [ok("datadir"), ok("innodb-redo"), ok("mount")]);
    assert_eq!(findings[2].dataset.as_deref(), Some("tank/mysql/big"));
    assert!(
        findings
            .iter()
            .all(|found| found.in_target == Some(true) && found.detail.is_none())
    );
}

#[test]
fn a_child_that_the_target_leaves_out_is_an_error() {
    let findings = judge(&["tank/mysql"], &[data()]);
    assert_eq!(
        verdicts(&findings),
        [("datadir", Verdict::Ok), ("mount", Verdict::Error)]
    );
    assert_eq!(findings[1].in_target, Some(false));
    let detail = findings[1].detail.as_ref().unwrap();
    assert!(
        detail.contains("tank/mysql/big") && detail.contains("[targets.main]"),
        "{detail}"
    );
}

#[test]
fn what_is_needed_is_an_error_outside_and_what_is_not_a_warning() {
    for (purpose, verdict) in [
        (Purpose::System, Verdict::Error),
        (Purpose::Redo, Verdict::Error),
        (Purpose::Undo, Verdict::Error),
        (Purpose::Doublewrite, Verdict::Error),
        (Purpose::Tablespace, Verdict::Error),
        (Purpose::Aria, Verdict::Error),
        (Purpose::Coordinator, Verdict::Error),
        (Purpose::Linked, Verdict::Error),
        (Purpose::Binlog, Verdict::Warning),
        (Purpose::BinlogIndex, Verdict::Warning),
        (Purpose::Relay, Verdict::Warning),
        (Purpose::RelayIndex, Verdict::Warning),
        (Purpose::Key, Verdict::Warning),
    ] {
        for (path, mount) in [("/etc/x", 1), ("/srv/redo/x", 3), ("/srv/other/x", 4)] {
            let findings = judge(&["tank/mysql/*"], &[data(), on(purpose, path, mount)]);
            assert_eq!(findings[1].verdict, verdict, "{purpose:?} {path}");
            assert!(findings[1].detail.as_ref().unwrap().contains(path));
            assert_ne!(findings[1].in_target, Some(true));
        }
    }
}

#[test]
fn the_binary_log_is_needed_where_commits_go_on() {
    for (purpose, verdict) in [
        (Purpose::Binlog, Verdict::Error),
        (Purpose::BinlogIndex, Verdict::Error),
        (Purpose::Relay, Verdict::Warning),
    ] {
        let view = view(&[data(), on(purpose, "/etc/x", 1)], &[]);
        let findings = judge_for(true, true, &["tank/mysql/*"], &view);
        assert_eq!(findings[1].verdict, verdict, "{purpose:?}");
        let inside = judge_for(true, true, &["tank/*"], &view_of(purpose));
        assert_eq!(inside[1].verdict, Verdict::Ok);
    }
}

fn view_of(purpose: Purpose) -> View {
    view(&[data(), on(purpose, "/srv/redo/x", 3)], &[])
}

#[test]
fn the_detail_tells_what_is_wrong() {
    let detail = |path: &str, mount| {
        let findings = judge(&["tank/mysql/*"], &[data(), on(Purpose::Redo, path, mount)]);
        findings[1].detail.clone().unwrap()
    };
    assert!(detail("/srv/redo", 3).contains("target main leaves out"));
    assert!(detail("/srv/other", 4).contains("not in the data directory's pool tank"));
    assert!(detail("/opt", 1).contains("is on ext4"));
}

#[test]
fn a_data_directory_in_a_snapshot_or_nowhere_is_an_error() {
    let in_snapshot = on(Purpose::Data, "/var/lib/mysql/.zfs/snapshot/s", 6);
    assert_eq!(
        verdicts(&judge(&["tank/mysql/*"], &[in_snapshot])),
        [("datadir", Verdict::Error)]
    );
    let missing = Sight {
        seen: Seen::Missing,
        ..data()
    };
    let missing = view(&[missing], &[]);
    assert_eq!(
        verdicts(&judge_as(true, &["tank/mysql"], &missing)),
        [("datadir", Verdict::Error)]
    );
    // A sandbox may hide it.
    assert_eq!(
        verdicts(&judge_as(false, &["tank/mysql"], &missing)),
        [("datadir", Verdict::Warning)]
    );
}

#[test]
fn what_the_units_user_cannot_see_is_never_ok_and_never_an_error() {
    let sights = [
        data(),
        on(Purpose::System, "/var/lib/mysql", 2),
        hidden(Purpose::Undo, "/var/lib/mysql/undo"),
        hidden(Purpose::Redo, "/srv/private/redo"),
    ];
    let findings = judge_as(false, &["tank/mysql/*"], &view(&sights, &["/var/lib/mysql"]));
    assert_eq!(
        verdicts(&findings),
        [
            ("datadir", Verdict::Ok),
            ("innodb-system", Verdict::Unchecked),
            ("innodb-undo", Verdict::Unchecked),
            ("innodb-redo", Verdict::Warning),
            ("mount", Verdict::Ok),
            ("link", Verdict::Unchecked),
        ]
    );
    assert_eq!(findings[2].dataset.as_deref(), Some("tank/mysql"));
    for found in &findings[2..4] {
        assert!(
            found.detail.as_ref().unwrap().contains("can't be checked as this user"),
            "{found:?}"
        );
    }
}

const PURPOSES: [Purpose; 8] = [
    Purpose::Data,
    Purpose::System,
    Purpose::Redo,
    Purpose::Tablespace,
    Purpose::Binlog,
    Purpose::Key,
    Purpose::Linked,
    Purpose::Within,
];

fn any_sight() -> impl Strategy<Value = Sight> {
    let path = prop_oneof![
        Just("/var/lib/mysql"),
        Just("/srv/redo"),
        Just("/srv/other"),
        Just("/etc"),
        Just("/var/lib/mysql/big")
    ];
    (prop::sample::select(&PURPOSES[..]), path, 0..8_u64, 0..3_u8).prop_map(|(purpose, path, mount, kind)| match kind {
        0 => on(purpose, path, mount),
        1 => hidden(purpose, path),
        _ => Sight {
            purpose,
            shown: path.into(),
            seen: Seen::Missing,
        },
    })
}

proptest! {
    #[test]
    fn ok_is_only_what_is_seen_inside_and_error_only_what_is_certain(
        sights in prop::collection::vec(any_sight(), 0..6),
        members in prop::collection::vec(
            prop::sample::select(&["tank/mysql", "tank/mysql/*", "tank/redo", "tank/*", "other/log"][..]), 0..3),
        unlisted in prop::bool::ANY,
    ) {
        let hidden: &[&str] = if unlisted { &["/var/lib/mysql"] } else { &[] };
        let findings = judge_as(false, &members, &view(&sights, hidden));
        prop_assert!(findings.len() >= sights.len() + hidden.len());
        for (sight, found) in sights.iter().zip(&findings) {
            // The table has no mount 0.
            let is_seen = matches!(&sight.seen, Seen::On(located) if located.mount != 0);
            match found.verdict {
                Verdict::Ok => prop_assert!(is_seen && found.in_target == Some(true)),
                Verdict::Unchecked => prop_assert!(found.in_target == Some(true)),
                Verdict::Error => prop_assert!(is_seen && found.in_target != Some(true) && sight.purpose.loss().is_none()),
                Verdict::Warning => prop_assert!(found.in_target != Some(true)),
            }
            prop_assert!(found.verdict == Verdict::Ok || found.verdict == Verdict::Unchecked || found.detail.is_some());
        }
    }

    #[test]
    fn a_wider_target_makes_nothing_worse(sights in prop::collection::vec(any_sight(), 0..6)) {
        let narrow = judge_as(true, &["tank/mysql"], &view(&sights, &[]));
        let wide = judge_as(true, &["tank/*"], &view(&sights, &[]));
        prop_assert_eq!(narrow.len(), wide.len());
        for (narrow, wide) in narrow.iter().zip(&wide) {
            prop_assert!(wide.verdict <= narrow.verdict, "{:?} {:?}", narrow, wide);
        }
    }
}
