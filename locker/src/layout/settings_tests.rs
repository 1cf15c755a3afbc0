//! Settings and tables that speak against a snapshot, and those that don't.

use super::super::variables::Variables;
use super::*;

fn variables(pairs: &[(&str, &str)]) -> Answers {
    Answers {
        variables: Variables::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))),
        ..Answers::default()
    }
}

fn found(answers: &Answers) -> Vec<(&'static str, Verdict)> {
    let findings = findings(answers);
    findings.iter().map(|found| (found.kind, found.verdict)).collect()
}

#[test]
fn settings_that_a_snapshot_suffers_from_are_warnings() {
    for (pairs, is_warned) in [
        (("innodb_flush_log_at_trx_commit", "0"), true),
        (("innodb_flush_log_at_trx_commit", "1"), false),
        (("innodb_flush_log_at_trx_commit", "2"), false),
        (("innodb_log_file_mmap", "ON"), false),
        (("myisam_use_mmap", "ON"), true),
        (("myisam_use_mmap", "OFF"), false),
        (("rocksdb_allow_mmap_writes", "ON"), true),
    ] {
        let expected: &[_] = if is_warned {
            &[("setting", Verdict::Warning)]
        } else {
            &[]
        };
        assert_eq!(found(&variables(&[pairs])), expected, "{pairs:?}");
    }
    let mapped = Answers {
        has_mapped_coordinator: true,
        ..Answers::default()
    };
    assert_eq!(found(&mapped), [("tc-log", Verdict::Warning)]);
}

#[test]
fn what_could_not_be_asked_is_never_ok() {
    let denied = Answers {
        outside: Answer::Denied,
        tables: Answer::Denied,
        filters: Answer::Denied,
        ..Answers::default()
    };
    let expected = [
        ("innodb-tablespace", Verdict::Warning),
        ("tables", Verdict::Unchecked),
        ("replication-filter", Verdict::Unchecked),
    ];
    assert_eq!(found(&denied), expected);
    assert!(findings(&denied)[0].detail.as_ref().unwrap().contains("PROCESS"));
    let failed = Answers {
        outside: Answer::Failed("it took too long".to_owned()),
        tables: Answer::Failed("it took too long".to_owned()),
        filters: Answer::Failed("it took too long".to_owned()),
        ..Answers::default()
    };
    assert_eq!(found(&failed), expected);
}

#[test]
fn tables_are_named_where_only_the_admin_reads() {
    let table = |n| Table {
        name: format!("shop.t{n}"),
        engine: "MyISAM".to_owned(),
    };
    let answers = Answers {
        tables: Answer::Known((0..7).map(table).collect()),
        filters: Answer::Known(vec!["replicate_ignore_db".to_owned(), "binlog_do_db".to_owned()]),
        ..Answers::default()
    };
    let found = findings(&answers);
    assert_eq!(
        (found[0].names.len(), found[0].names[4].as_str()),
        (7, "shop.t4 (MyISAM)")
    );
    let detail = |at: usize| found[at].detail.as_deref().unwrap_or_default();
    assert!(
        detail(0).contains("last day: 7;") && !detail(0).contains("shop"),
        "{found:?}"
    );
    assert!(detail(1).contains("replicate_ignore_db, binlog_do_db"), "{found:?}");
}
