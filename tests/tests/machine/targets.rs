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

fn rule_for_other(world: &World) {
    world.vm.ok(
        "sed -e 's/\"main\"/\"other\"/g; s/mariasnap@main/mariasnap@other/g; s|tank/mysql|tank/beside,tank/other/*|g' \
         /etc/polkit-1/rules.d/50-mariasnap-main.rules >/etc/polkit-1/rules.d/50-mariasnap-other.rules; sleep 1",
    );
}

#[test]
fn many_datasets_are_cut_in_one_transaction_group() {
    let world = World::enter();
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

#[test]
fn one_targets_unit_may_nothing_on_the_other() {
    let world = World::enter();
    world.vm.ok(OTHER);
    // No rule for `other`: the rule of `main` must not reach it.
    let refused = world.vm.run("systemctl start mariasnap@other.service");
    assert_ne!(refused.status, 0);
    assert_eq!(
        world.vm.ok("systemctl show -P ExecMainStatus mariasnap@other.service"),
        "7"
    );
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
}

#[test]
fn a_snapshot_of_one_target_is_not_destroyed_as_the_others() {
    let world = World::enter();
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
