//! More than one target, and targets of many datasets.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};

const OTHER: &str = "
for dataset in tank/other tank/other/log tank/other/log/old tank/beside; do
    zfs list $dataset >/dev/null 2>&1 || zfs create -o mountpoint=none $dataset
done
cat >>/etc/mariasnap/zfs-helper.toml <<'END'

[targets.other]
datasets = [ { name = \"tank/other\", children = true }, { name = \"tank/beside\" } ]
prefix = \"othersnap\"
END
cp /etc/mariasnap/targets/main.toml /etc/mariasnap/targets/other.toml
# The server isn't on these datasets.
printf '\n[layout]\ncheck = \"off\"\n' >>/etc/mariasnap/targets/other.toml
";

/// A rule like the one of `main`.
fn allow(world: &World, target: &str, datasets: &str) {
    world.vm.ok(&format!(
        "sed -e 's/\"main\"/\"{target}\"/g; s/mariasnap@main/mariasnap@{target}/g; s|tank/mysql|{datasets}|g' \
         /etc/polkit-1/rules.d/50-mariasnap-main.rules >/etc/polkit-1/rules.d/50-mariasnap-{target}.rules; sleep 1"
    ));
}

fn rule_for_other(world: &World) {
    allow(world, "other", "tank/beside,tank/other/*");
}

#[test]
fn many_datasets_are_cut_in_one_transaction_group() {
    let world = World::without_helper();
    world.vm.ok(OTHER);
    rule_for_other(&world);
    world.vm.ok("systemctl start mariasnap@other.service");
    let listed = world.list("other");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["datasets"].as_array().unwrap().len(), 4, "{listed:?}");
    let groups = world
        .vm
        .ok("zfs list -Hp -o name,createtxg -t snapshot -r tank | grep othersnap");
    let mut numbers: Vec<&str> = groups.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(numbers.len(), 4, "{groups}");
    numbers.dedup();
    assert_eq!(numbers.len(), 1, "{groups}");
    assert!(world.list("main").is_empty());
}

/// Another target on `main`'s own dataset, from which nothing but its name tells it.
const TWIN: &str = "
cat >>/etc/mariasnap/zfs-helper.toml <<'END'

[targets.twin]
datasets = [ { name = \"tank/mysql\" } ]
prefix = \"twin\"
END
cp /etc/mariasnap/targets/main.toml /etc/mariasnap/targets/twin.toml
";

/// In the program's place; it asks for the others' targets and tells how each of them ended.
const ASKS_FOR_OTHERS: &str = "mv /usr/bin/mariasnap /usr/bin/mariasnap.real
cat >/usr/bin/mariasnap <<'END'
#!/bin/sh
for target in other twin; do
    for command in snapshot list; do
        /usr/bin/mariasnap.real $command $target
        echo $command $target: $?
    done
done
END
chmod 755 /usr/bin/mariasnap";

#[test]
fn one_targets_unit_may_nothing_on_the_other() {
    let world = World::without_helper();
    world.vm.ok(OTHER);
    world.vm.ok(TWIN);
    // Each may be had, by its own unit.
    rule_for_other(&world);
    allow(&world, "twin", "tank/mysql");
    world.vm.ok(ASKS_FOR_OTHERS);
    let run = world.snapshot();
    let journal = world.journal(SNAPSHOT_UNIT);
    world.vm.ok("mv /usr/bin/mariasnap.real /usr/bin/mariasnap");
    assert_eq!(run, (true, 0), "{journal}");
    for ended in ["snapshot other: 7", "list other: 7", "snapshot twin: 7", "list twin: 7"] {
        assert!(journal.lines().any(|line| line == ended), "{ended}: {journal}");
    }
    assert_eq!(world.vm.ok("zfs list -H -o name -t snapshot -r tank"), "");
    world
        .vm
        .ok("systemctl start mariasnap@other.service mariasnap@twin.service");
}

#[test]
fn a_snapshot_of_one_target_is_not_destroyed_as_the_others() {
    let world = World::without_helper();
    world.vm.ok(OTHER);
    assert_eq!(world.snapshot(), (true, 0));
    let name = world.names("consistent")[0].clone();
    let guid = world.vm.ok(&format!("zfs get -Hp -o value guid tank/mysql@{name}"));
    let ran = world
        .vm
        .run(&format!("client.py bus DestroySnapshots other {name} {guid}"));
    assert_eq!(ran.json()["error"], "org.mariasnap.Error.InvalidArgument", "{ran:?}");
    assert_eq!(world.names("consistent"), [name]);
}
