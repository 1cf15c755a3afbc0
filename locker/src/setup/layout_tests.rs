//! Layouts as they are found in the field.

use super::*;

const TABLE: &str = "\
1 0 0:1 / / rw - ext4 /dev/vda rw
2 1 0:2 / /var/lib/mysql rw - zfs tank/mysql rw
3 1 0:3 / /srv/redo rw - zfs tank/redo rw
4 1 0:4 / /srv/binlog rw - zfs other/binlog rw
5 1 0:5 / /srv/db rw - zfs tank/db rw
6 5 0:6 / /srv/db/mysql/big rw - zfs tank/db/big rw
7 5 0:7 / /srv/db/mysql/.zfs/snapshot/s rw - zfs tank/db@s rw
8 5 0:8 / /srv/db/mysql/tmp rw - tmpfs tmpfs rw
9 5 0:9 / /srv/db/backups rw - zfs tank/db/backups rw
";

fn at(purpose: Purpose, path: &str, mount: u64) -> Located {
    Located {
        purpose,
        path: path.into(),
        mount,
    }
}

fn data() -> Located {
    at(Purpose::Data, "/var/lib/mysql", 2)
}

fn run(places: &[Located], chosen: &[&str], tmpdir: Option<&str>) -> Result<Layout, LayoutError> {
    let chosen: Vec<Member> = chosen.iter().map(|text| text.parse().unwrap()).collect();
    layout(places, &Mounts::parse(TABLE).unwrap(), &chosen, tmpdir)
}

fn shown(layout: &Layout) -> Vec<String> {
    layout.members.iter().map(Member::to_string).collect()
}

#[test]
fn everything_on_one_dataset() {
    let layout = run(&[data(), at(Purpose::Redo, "/var/lib/mysql", 2)], &[], None).unwrap();
    assert_eq!(shown(&layout), ["tank/mysql"]);
    assert_eq!(layout.redo, layout.data);
    assert!(layout.warnings.is_empty());
}

#[test]
fn a_redo_log_elsewhere_in_the_pool_is_added() {
    let layout = run(&[data(), at(Purpose::Redo, "/srv/redo", 3)], &[], None).unwrap();
    assert_eq!(shown(&layout), ["tank/mysql", "tank/redo"]);
    assert_eq!(layout.redo.as_str(), "tank/redo");
}

#[test]
fn a_foreign_binlog_is_a_warning_and_foreign_data_an_error() {
    let layout = run(&[data(), at(Purpose::Binlog, "/srv/binlog", 4)], &[], None).unwrap();
    assert_eq!(shown(&layout), ["tank/mysql"]);
    assert!(layout.warnings[0].contains("/srv/binlog"), "{:?}", layout.warnings);
    let error = run(&[data(), at(Purpose::Undo, "/srv/binlog", 4)], &[], None).unwrap_err();
    assert!(matches!(error, LayoutError::OtherPool { .. }), "{error}");
}

#[test]
fn a_data_directory_off_zfs_names_the_file_system() {
    let error = run(&[at(Purpose::Data, "/var/lib/mysql", 1)], &[], None).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("/var/lib/mysql (the data directory) is on ext4 (/dev/vda, mounted on /)"),
        "{text}"
    );
}

#[test]
fn children_mounted_in_the_data_directory_belong_to_it() {
    let places = [at(Purpose::Data, "/srv/db/mysql", 5)];
    let layout = run(&places, &[], Some("/srv/db/mysql/tmp")).unwrap();
    assert_eq!(shown(&layout), ["tank/db/*"]);
}

#[test]
fn a_mount_that_holds_more_than_temporary_files_is_no_exception() {
    let places = [at(Purpose::Data, "/srv/db/mysql", 5)];
    assert!(run(&places, &[], Some("/srv/db/mysql/tmp/mysql")).is_err());
    assert!(run(&places, &[], Some("/srv/db/mysql/tmp/")).is_ok());
}

#[test]
fn another_file_system_in_the_data_directory_is_an_error() {
    let error = run(&[at(Purpose::Data, "/srv/db/mysql", 5)], &[], None).unwrap_err();
    assert!(
        matches!(&error, LayoutError::NotZfs { fs_type, .. } if fs_type == "tmpfs"),
        "{error}"
    );
}

#[test]
fn chosen_datasets_must_cover_the_server() {
    let places = [data(), at(Purpose::Redo, "/srv/redo", 3)];
    let error = run(&places, &["tank/mysql"], None).unwrap_err().to_string();
    assert!(error.contains("--dataset tank/mysql --dataset tank/redo"), "{error}");
    assert_eq!(shown(&run(&places, &["tank/*"], None).unwrap()), ["tank/*"]);
    let error = run(&[data()], &["tank/mysql", "other/binlog"], None).unwrap_err();
    assert!(matches!(error, LayoutError::ForeignDataset { .. }), "{error}");
}

#[test]
fn a_link_never_widens_the_target_by_itself() {
    let places = [data(), at(Purpose::Linked, "/srv/redo/t", 3)];
    let error = run(&places, &[], None).unwrap_err();
    assert!(matches!(error, LayoutError::Uncovered { .. }), "{error}");
    let layout = run(&places, &["tank/mysql", "tank/redo"], None).unwrap();
    assert_eq!(shown(&layout), ["tank/mysql", "tank/redo"]);
}

#[test]
fn a_snapshot_is_no_place_for_data() {
    let error = run(&[at(Purpose::Data, "/srv/db/mysql/.zfs/snapshot/s", 7)], &[], None).unwrap_err();
    assert!(matches!(error, LayoutError::Name { .. }), "{error}");
}
