//! Configurations that are wrong, each named by file and key, and nothing done.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};

const HELPER: &str = "/etc/mariasnap/zfs-helper.toml";
const CHECK: &str = "/usr/libexec/mariasnap-zfs-helper --check-config";

/// How a run ends without a helper.
const UNREACHABLE: i32 = 13;

/// Writes a helper config; what `--check-config` complains of.
fn complaint(world: &World, config: &str) -> String {
    world.vm.ok(&format!("cat >{HELPER} <<'END'\n{config}\nEND"));
    let ran = world.vm.run(CHECK);
    assert_ne!(ran.status, 0, "accepted: {config}");
    assert!(ran.text().contains(HELPER), "the file isn't named: {ran:?}");
    ran.text()
}

#[test]
fn the_helpers_config_names_file_and_key() {
    let world = World::without_helper();
    let cases = [
        (
            "[targets.main]\ndatasets = [ { name = \"tank/mysql\" } ]\nkeep = 3",
            "keep",
        ),
        ("[targets.main]\ndatasets = \"tank/mysql\"", "datasets"),
        (
            "[targets.main]\ndatasets = [ { name = \"tank/my@sql\" } ]",
            "tank/my@sql",
        ),
        (
            "[targets.main]\ndatasets = [ { name = \"tank/a\" }, { name = \"pool1/b\" } ]",
            "pool1",
        ),
        ("[targets.main]\ndatasets = []", "datasets"),
        (
            "[targets.main]\ndatasets = [ { name = \"tank/mysql\" } ]\nprefix = \"a%b\"",
            "prefix",
        ),
        (
            "[targets.main]\ndatasets = [ { name = \"tank/mysql\" } ]\nmin_keep = \"two\"",
            "min_keep",
        ),
        ("[targets.-main]\ndatasets = [ { name = \"tank/mysql\" } ]", "-main"),
    ];
    for (config, named) in cases {
        let complaint = complaint(&world, config);
        assert!(complaint.contains(named), "{named:?} isn't named in {complaint}");
    }
    assert_eq!(world.snapshot(), (false, UNREACHABLE));
}

#[test]
fn a_helper_config_that_others_can_write_is_refused() {
    let world = World::without_helper();
    world.vm.ok(&format!("chmod 666 {HELPER}"));
    let ran = world.vm.run(CHECK);
    let run = world.snapshot();
    world.vm.ok(&format!("chmod 644 {HELPER}; chown nobody {HELPER}"));
    let owned = world.vm.run(CHECK);
    world.vm.ok(&format!("chown root {HELPER}"));
    assert!(ran.status != 0 && ran.text().contains(HELPER), "{ran:?}");
    assert!(owned.status != 0 && owned.text().contains(HELPER), "{owned:?}");
    assert_eq!(run, (false, UNREACHABLE));
}

#[test]
fn a_helper_config_that_the_helper_cannot_read() {
    let world = World::without_helper();
    world.vm.ok(&format!("chmod 600 {HELPER}"));
    assert_eq!(world.snapshot(), (false, UNREACHABLE));
    let journal = world.journal("mariasnap-zfs-helper.service");
    assert!(
        journal.contains(HELPER) && journal.contains("mariasnap-helper, must be able to read it"),
        "{journal}"
    );
    world.vm.ok(&format!(
        "chgrp mariasnap-helper {HELPER}; chmod 640 {HELPER}
         systemctl reset-failed; systemctl start mariasnap-zfs-helper.socket"
    ));
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
    world.vm.ok(&format!("chmod 660 {HELPER}"));
    assert_ne!(world.vm.run(CHECK).status, 0);
}

#[test]
fn a_missing_helper_config() {
    let world = World::without_helper();
    world.vm.ok(&format!("rm {HELPER}"));
    let ran = world.vm.run(CHECK);
    assert!(
        ran.status != 0 && ran.text().contains(HELPER) && ran.text().contains("mariasnap setup"),
        "{ran:?}"
    );
    assert_eq!(world.snapshot(), (false, UNREACHABLE));
}

#[test]
fn a_dataset_that_does_not_exist_or_whose_name_leaves_no_room_for_a_snapshots() {
    let world = World::without_helper();
    world.vm.ok(&format!(
        "sed -i 's|tank/mysql|tank/nonesuch|' {HELPER} /etc/polkit-1/rules.d/50-mariasnap-main.rules; sleep 1
         printf '\n[layout]\ncheck = \"off\"\n' >>/etc/mariasnap/targets/main.toml"
    ));
    assert_eq!(world.snapshot(), (false, 7), "{}", world.journal(SNAPSHOT_UNIT));
    assert!(
        world.journal(SNAPSHOT_UNIT).contains("tank/nonesuch"),
        "{}",
        world.journal(SNAPSHOT_UNIT)
    );

    // Of 230 bytes, and with the snapshot's name of 264.
    let long = "n".repeat(225);
    world.vm.ok(&format!(
        "zfs create -o mountpoint=none tank/{long}; systemctl stop mariasnap-zfs-helper.service
         sed -i 's|tank/nonesuch|tank/{long}|' {HELPER} /etc/polkit-1/rules.d/50-mariasnap-main.rules; sleep 1"
    ));
    let ended = world.snapshot();
    let there = world.vm.ok("zfs list -H -t snapshot -o name -r tank");
    world.vm.ok(&format!("zfs destroy -r tank/{long}"));
    assert_eq!(ended, (false, 7), "{}", world.journal(SNAPSHOT_UNIT));
    assert!(world.journal(SNAPSHOT_UNIT).contains("is over 255 bytes"));
    assert_eq!(there, "");
}

#[test]
fn the_targets_config_names_file_and_key() {
    let world = World::enter();
    let file = "/etc/mariasnap/targets/main.toml";
    for (config, named) in [
        ("[lock]\nmax_hold = \"0s\"", "max_hold"),
        ("[lock]\nstrategie = \"auto\"", "strategie"),
        ("[keep]\nlast = \"ten\"", "last"),
    ] {
        world.vm.ok(&format!("cat >{file} <<'END'\n{config}\nEND"));
        let ran = world.vm.run("mariasnap snapshot main");
        assert_eq!(ran.status, 3, "{ran:?}");
        let said = ran.text();
        assert!(said.contains(file) && said.contains(named), "{named}: {said}");
    }
    // To where a name that isn't one would lead.
    world
        .vm
        .ok(&format!("cp /root/kept{file} /etc/mariasnap/main.toml; rm {file}"));
    assert_eq!(world.snapshot(), (false, 3));
    let outside = world.vm.run("mariasnap snapshot '../main'");
    assert_eq!(outside.status, 2, "{outside:?}");
    assert!(outside.stderr.contains("has the character '/'"), "{outside:?}");
}
