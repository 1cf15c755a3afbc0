//! Merging into files as admins leave them.

use super::*;

fn wanted(members: &[&str]) -> Target {
    Target {
        name: TargetName::parse("main").unwrap(),
        members: members.iter().map(|text| text.parse().unwrap()).collect(),
        prefix: Prefix::parse("mariasnap").unwrap(),
        min_keep: 1,
    }
}

#[test]
fn a_new_file_has_the_entry_and_a_second_run_changes_nothing() {
    let target = wanted(&["tank/mysql", "tank/redo/*"]);
    let first = merge(None, &target, false).unwrap();
    assert_eq!(first.change, Change::Create);
    let table: Table = first.text.parse().unwrap();
    assert_eq!(
        table["targets"]["main"]["datasets"][1]["children"].as_bool(),
        Some(true)
    );
    let second = merge(Some(&first.text), &target, false).unwrap();
    assert_eq!((second.change, second.text), (Change::Unchanged, first.text));
}

#[test]
fn others_and_comments_survive() {
    let file = "# mine\n[targets.other]\ndatasets = [{ name = \"tank/other\" }] # theirs\nmin_keep = 5\n";
    let merged = merge(Some(file), &wanted(&["tank/mysql"]), false).unwrap();
    assert_eq!(merged.change, Change::Extend);
    assert!(merged.text.starts_with(file.trim_end()), "{}", merged.text);
    let table: Table = merged.text.parse().unwrap();
    assert_eq!(table["targets"]["other"]["min_keep"].as_integer(), Some(5));
}

#[test]
fn an_edited_entry_is_kept_and_told() {
    let file = "[targets.main]\ndatasets = [{ name = \"tank/mysql\" }, { name = \"tank/www\" }]\nmin_keep = 3\n";
    let merged = merge(Some(file), &wanted(&["tank/mysql"]), false).unwrap();
    assert_eq!((merged.change, merged.text.as_str()), (Change::Keep, file));
    assert_eq!(merged.effective.min_keep, 3);
    assert_eq!(merged.difference, "-     { name = \"tank/www\", children = false },\n");
}

#[test]
fn force_lowers_no_guard() {
    let file = "[targets.main]\ndatasets = [{ name = \"tank/old\" }]\nprefix = \"mine\"\nmin_keep = 3\n";
    let merged = merge(Some(file), &wanted(&["tank/mysql"]), true).unwrap();
    assert_eq!(merged.change, Change::Replace);
    assert_eq!(
        (merged.effective.prefix.as_str(), merged.effective.min_keep),
        ("mine", 3)
    );
    let broken = file.replace("min_keep = 3", "min_keep = \"3\"");
    assert!(matches!(
        merge(Some(&broken), &wanted(&["tank/mysql"]), true),
        Err(HelperFileError::Entry(..))
    ));
}

#[test]
fn a_second_target_may_share_a_dataset_under_its_own_prefix() {
    let file = "[targets.other]\ndatasets = [{ name = \"tank/mysql\" }]\n[targets.main]\n\
                datasets = [{ name = \"tank/mysql\" }]\nprefix = \"own\"\n";
    let merged = merge(Some(file), &wanted(&["tank/mysql"]), false).unwrap();
    assert_eq!(merged.change, Change::Unchanged);
    let clash = file.replace("\"own\"", "\"mariasnap\"");
    let error = merge(Some(&clash), &wanted(&["tank/mysql"]), false).unwrap_err();
    assert!(matches!(error, HelperFileError::Clash(..)), "{error}");
}

#[test]
fn force_replaces_only_the_entry() {
    let file = "[targets.main]\ndatasets = [{ name = \"tank/old\" }]\n\n# theirs\n[targets.z]\ndatasets = [\n  { name = \"tank/z\" },\n]\n";
    let merged = merge(Some(file), &wanted(&["tank/mysql"]), true).unwrap();
    assert_eq!(merged.change, Change::Replace);
    assert!(!merged.text.contains("tank/old"), "{}", merged.text);
    assert!(merged.text.contains("# theirs\n[targets.z]"), "{}", merged.text);
    let again = merge(Some(&merged.text), &wanted(&["tank/mysql"]), true).unwrap();
    assert_eq!(again.change, Change::Unchanged);
}

#[test]
fn what_cannot_be_merged_safely_is_left_to_the_admin() {
    let inline = "targets = { other = { datasets = [{ name = \"tank/o\" }] } }\n";
    let error = merge(Some(inline), &wanted(&["tank/mysql"]), false).unwrap_err();
    assert!(
        matches!(&error, HelperFileError::Unmergeable(text) if text.contains("tank/mysql")),
        "{error}"
    );
    assert!(matches!(
        merge(Some("[targets"), &wanted(&["tank/mysql"]), true),
        Err(HelperFileError::Syntax(_))
    ));
}

#[test]
fn two_targets_of_one_prefix_cannot_share_a_dataset() {
    let file = "[targets.other]\ndatasets = [{ name = \"tank\", children = true }]\n";
    let error = merge(Some(file), &wanted(&["tank/mysql"]), false).unwrap_err();
    assert!(matches!(error, HelperFileError::Clash(..)), "{error}");
    let own = format!("{file}prefix = \"other\"\n");
    assert!(merge(Some(&own), &wanted(&["tank/mysql"]), false).is_ok());
}

#[test]
fn a_name_with_a_dot_is_one_key() {
    let mut target = wanted(&["tank/mysql"]);
    target.name = TargetName::parse("db.prod").unwrap();
    let first = merge(None, &target, false).unwrap();
    assert_eq!(
        merge(Some(&first.text), &target, false).unwrap().change,
        Change::Unchanged
    );
    let mut moved = target.clone();
    moved.members = wanted(&["tank/new"]).members;
    let replaced = merge(Some(&first.text), &moved, true).unwrap();
    assert!(!replaced.text.contains("tank/mysql"), "{}", replaced.text);
}
