use super::*;

const START: &str = "0-1-10,3-1-3";

fn good() -> Audit {
    let content = |table: &Table, rows, highest| Content {
        table: table.name.to_owned(),
        domain: table.domain,
        rows,
        highest,
        check: "OK".to_owned(),
    };
    Audit {
        gtid: "0-1-110,1-1-7,3-1-8".to_owned(),
        tables: vec![
            content(&ENTRIES, 100, vec![60, 40]),
            content(&TABLES[0], 7, vec![7]),
            content(&TABLES[1], 0, Vec::new()),
        ],
        columns: 2,
        changing: "OK".to_owned(),
    }
}

fn at(text: &str) -> Recorded {
    Recorded::At(Gtid::parse(text).unwrap())
}

/// What is complained of once something is wrong with the good copy.
fn spoilt(spoil: impl FnOnce(&mut Audit)) -> String {
    let mut audit = good();
    let recorded = at(&audit.gtid);
    spoil(&mut audit);
    audit.complaints(START, &recorded).join("; ")
}

#[test]
fn a_good_copy_has_no_complaints() {
    assert_eq!(spoilt(|_| ()), "");
    let between = Recorded::Between(
        Gtid::parse("0-1-100").unwrap(),
        Gtid::parse("0-1-111,1-1-7,3-1-9").unwrap(),
    );
    assert_eq!(good().complaints(START, &between), Vec::<String>::new());
}

#[test]
fn each_defect_of_a_table_is_seen() {
    assert!(spoilt(|copy| copy.tables[0].highest = vec![61, 40]).contains("entries has 100 rows, but the writers'"));
    let row_too_many = spoilt(|copy| (copy.tables[1].rows, copy.tables[1].highest) = (8, vec![8]));
    assert_eq!(
        row_too_many,
        "in_myisam has 8 rows, but the GTID of domain 1 went from 0 to 7"
    );
    assert!(spoilt(|copy| copy.tables[2].check = "Corrupt".into()).contains("\"Corrupt\" of in_aria"));
    assert!(spoilt(|copy| copy.tables.clear()).contains("missing or empty"));
}

#[test]
fn another_position_is_seen() {
    let complaints = good().complaints(START, &at("0-1-111,1-1-7,3-1-8"));
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(!good().complaints("0-1-111", &at("0-1-110,1-1-7,3-1-8")).is_empty());
    assert!(spoilt(|copy| copy.gtid = "nothing".into()).contains("no GTIDs"));
}

#[test]
fn a_definition_that_the_binary_log_does_not_know_is_seen() {
    assert!(spoilt(|copy| copy.columns = 1).contains("changing has 1 columns after Some(5) changes"));
    assert!(spoilt(|copy| copy.changing = "Corrupt".into()).contains("Corrupt"));
    assert!(spoilt(|copy| copy.gtid = "0-1-110,1-1-7,3-1-9".into()).contains("after Some(6)"));
}
