//! What `docs/restore.md` tells an administrator to type, typed.

use mariasnap_tests::build::top;
use mariasnap_tests::vm::World;

/// The shell's blocks of the page, in their order, for a snapshot.
fn blocks(name: &str) -> Vec<String> {
    let page = std::fs::read_to_string(top().join("docs/restore.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().replace("NAME", name));
    blocks.collect()
}

/// A table is taken out of a clone beside the running server; then the server goes back to the snapshot, and on from there.
#[test]
#[ignore = "make test-long runs it"]
fn the_lines_of_the_page_bring_back_what_was_lost() {
    let world = World::enter();
    world.vm.ok(
        "mariadb -e 'CREATE DATABASE shop; CREATE TABLE shop.orders (n INT); INSERT INTO shop.orders VALUES (1), (2)'",
    );
    assert_eq!(world.snapshot(), (true, 0));
    let taken = world.list("main").remove(0);
    let (name, gtid) = (
        taken["name"].as_str().unwrap(),
        taken["position"]["gtid"].as_str().unwrap(),
    );
    world
        .vm
        .ok("mariadb -e 'DELETE FROM shop.orders; CREATE TABLE shop.later (n INT)'");
    let blocks = blocks(name);
    let [look, away, back] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len());
    };

    let looked = world.vm.run(&format!("set -e\n{look}"));
    let dumped = world.vm.run("grep -c 'INSERT INTO `orders`' /root/orders.sql");
    let gone = world.vm.run(&format!("set -e\n{away}"));
    let returned = world.vm.run(&format!("set -e\n{back}"));
    let rows = world
        .vm
        .run("mariadb -N -e 'SELECT COUNT(*) FROM shop.orders; SHOW TABLES IN shop; DROP DATABASE shop'");
    let of_origin = |property: &str| {
        let both = format!("zfs get -H -o value {property} tank/mysql tank/mysql-before");
        let both = world.vm.ok(&both);
        let (one, other) = both.split_once('\n').unwrap();
        (one.to_owned(), other.to_owned())
    };
    let recordsize = of_origin("recordsize");
    let again = world.snapshot();
    let listed = world.names("consistent");
    world
        .vm
        .ok("rm -rf /run/restore /root/orders.sql /root/mysql.properties; zfs destroy -r tank/mysql-before");

    assert_eq!(looked.status, 0, "{looked:?}");
    assert!(looked.stdout.contains(gtid), "{looked:?}");
    assert_eq!(dumped.stdout.trim(), "1", "{dumped:?}");
    assert_eq!(gone.status, 0, "{gone:?}");
    assert_eq!(returned.status, 0, "{returned:?}");
    assert!(returned.stdout.contains(gtid), "{returned:?}");
    assert_eq!(rows.stdout, "2\norders\n", "{rows:?}");
    assert_eq!(recordsize.0, recordsize.1);
    assert_eq!(again, (true, 0));
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed.iter().any(|listed| listed == name), "{listed:?}");
}
