//! Root itself can't make the helper destroy what it must not: every refusal here is the helper's own.

use mariasnap_tests::vm::{Ran, World};

/// Asks for the destruction of `tank/mysql@name` with its true guid; the helper's word.
fn destroy(world: &World, name: &str) -> String {
    let guid = world.vm.ok(&format!("zfs get -Hp -o value guid tank/mysql@{name}"));
    destroy_guid(world, name, &guid)
}

fn ask(world: &World, name: &str, guid: &str) -> Ran {
    world
        .vm
        .run(&format!("client.py bus DestroySnapshots main {name} {guid}"))
}

fn destroy_guid(world: &World, name: &str, guid: &str) -> String {
    let ran = ask(world, name, guid);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.json()[0][0][1].as_str().expect("an outcome").to_owned()
}

fn assert_there(world: &World, name: &str) {
    world.vm.ok(&format!("zfs list tank/mysql@{name}"));
}

/// Two consistent snapshots, so that `min_keep` isn't what saves the older one; its name.
fn two(world: &World) -> String {
    assert_eq!(world.snapshot(), (true, 0));
    assert_eq!(world.snapshot(), (true, 0));
    world.names("consistent")[0].clone()
}

/// By its name one of ours, made by somebody else.
const FOREIGN: &str = "mariasnap-20200101T000000Z-abcdef";

#[test]
fn without_our_property() {
    let world = World::enter();
    world.vm.ok(&format!("zfs snapshot tank/mysql@{FOREIGN}"));
    assert_eq!(destroy(&world, FOREIGN), "not-ours");
    assert_there(&world, FOREIGN);
    assert!(world.list("main").is_empty(), "a foreign snapshot is listed");
}

#[test]
fn with_our_properties_inherited() {
    let world = World::enter();
    world.vm.ok(&format!(
        "zfs set org.mariasnap:target=main org.mariasnap:state=consistent org.mariasnap:id=x org.mariasnap:members=1 tank/mysql
         zfs snapshot tank/mysql@{FOREIGN}"
    ));
    assert_eq!(destroy(&world, FOREIGN), "not-ours");
    assert_there(&world, FOREIGN);
    assert!(world.list("main").is_empty(), "a foreign snapshot is listed");
}

#[test]
fn with_another_prefix() {
    let world = World::enter();
    world.vm.ok("zfs snapshot -o org.mariasnap:target=main -o org.mariasnap:state=unproven -o org.mariasnap:id=0 tank/mysql@daily-1");
    let guid = world.vm.ok("zfs get -Hp -o value guid tank/mysql@daily-1");
    let ran = ask(&world, "daily-1", &guid);
    assert_eq!(ran.json()["error"], "org.mariasnap.Error.InvalidArgument", "{ran:?}");
    assert_there(&world, "daily-1");
}

/// One refusal after the other on the same snapshot: what ends each of them shows that nothing else stood in the way.
#[test]
fn with_another_guid_held_cloned_read_and_the_last_one() {
    let world = World::enter();
    let older = two(&world);
    assert_eq!(destroy_guid(&world, &older, "1234567890"), "guid-mismatch");
    assert_there(&world, &older);

    world.vm.ok(&format!("zfs hold backup tank/mysql@{older}"));
    assert_eq!(destroy(&world, &older), "held");
    assert_there(&world, &older);

    world.vm.ok(&format!(
        "zfs release backup tank/mysql@{older}; zfs clone -o mountpoint=none tank/mysql@{older} tank/aclone"
    ));
    assert_eq!(destroy(&world, &older), "cloned");
    assert_there(&world, &older);

    // A look below .zfs/snapshot mounts it; what is being read isn't pulled away from under the reader.
    world.vm.ok(&format!(
        "zfs destroy tank/aclone; ls /var/lib/mysql/.zfs/snapshot/{older} >/dev/null"
    ));
    assert_eq!(destroy(&world, &older), "busy");
    assert_there(&world, &older);

    world.vm.ok(&format!("umount /var/lib/mysql/.zfs/snapshot/{older}"));
    assert_eq!(destroy(&world, &older), "destroyed");
    let last = world.names("consistent")[0].clone();
    // One that was taken without a lock makes up for none that was taken under one.
    world.vm.ok(&format!(
        "zfs snapshot -o org.mariasnap:target=main -o org.mariasnap:state=consistent -o org.mariasnap:id=1 \
         -o org.mariasnap:members=1 -o org.mariasnap:lock=none tank/mysql@{FOREIGN}"
    ));
    for last in [&last, FOREIGN] {
        assert_eq!(destroy(&world, last), "min-keep");
        assert_there(&world, last);
    }
    let refused = world.vm.run(&format!("mariasnap destroy main {last}"));
    assert_eq!(refused.status, 12, "{refused:?}");
    assert!(refused.text().contains("min_keep"), "{refused:?}");
}

#[test]
fn retention_steps_over_what_it_may_not_take() {
    let world = World::enter();
    for _ in 0..3 {
        assert_eq!(world.snapshot(), (true, 0));
    }
    let [held, cloned, expired] = world.names("consistent").try_into().unwrap();
    world.vm.ok(&format!(
        "zfs hold backup tank/mysql@{held}
         zfs clone -o mountpoint=none tank/mysql@{cloned} tank/aclone
         zfs snapshot tank/mysql@{FOREIGN}
         sed -i 's/^last = .*/last = 1/' /etc/mariasnap/targets/main.toml"
    ));
    assert_eq!(world.snapshot(), (true, 0));
    let names = world.names("consistent");
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.contains(&held) && names.contains(&cloned), "{names:?}");
    assert!(!names.contains(&expired), "{names:?}");
    assert_there(&world, FOREIGN);
}
