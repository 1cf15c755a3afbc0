//! Who isn't named by the rule gets nothing, by whichever way; and without the helper's yes the database isn't touched.

use mariasnap_tests::vm::{Ran, SNAPSHOT_UNIT, World};
use serde_json::Value;

const NOT_AUTHORIZED: &str = "org.mariasnap.Error.NotAuthorized";

/// Runs the client as somebody, by `systemd-run` properties; `client` is what stands behind client.py.
fn client_as(world: &World, properties: &str, client: &str) -> Ran {
    world.vm.run(&format!(
        "systemd-run --quiet --wait --pipe --collect {properties} /usr/local/bin/client.py {client}"
    ))
}

fn assert_not_authorized(ran: &Ran) {
    assert_eq!(ran.status, 1, "{ran:?}");
    assert_eq!(ran.json()["error"], NOT_AUTHORIZED, "{ran:?}");
}

/// Runs the client once for each of `calls`, all as the same somebody, each of which must end with this error.
fn assert_all_end_with(world: &World, error: &str, properties: &str, calls: &[String]) {
    let each: String = calls
        .iter()
        .map(|call| format!("client.py {call} && echo done; "))
        .collect();
    let ran = world.vm.run(&format!(
        "systemd-run --quiet --wait --pipe --collect {properties} sh -c '{each}'"
    ));
    let answers: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(answers.len(), calls.len(), "{calls:?}: {ran:?}");
    for (call, answer) in calls.iter().zip(&answers) {
        assert_eq!(answer["error"], error, "{call}: {answer}");
    }
}

fn assert_nothing_taken(world: &World) {
    assert_eq!(world.vm.ok("zfs list -H -o name -t snapshot -r tank"), "");
}

#[test]
fn a_dynamic_user_of_another_unit() {
    let world = World::enter();
    // The same name, the same group, the same socket: only the unit differs.
    let user = "-p DynamicUser=yes -p User=mariasnap -p SupplementaryGroups=mariasnap-client";
    let methods = [
        "CreateSnapshot main",
        "PrepareSnapshot main",
        "ListSnapshots main",
        "DestroySnapshots main x 1",
    ];
    let calls = methods.map(|method| format!("peer {method}"));
    assert_all_end_with(&world, NOT_AUTHORIZED, user, &calls);
    assert_eq!(client_as(&world, user, "peer ListTargets").stdout.trim(), "[[]]");
    // dbus-daemon can't resolve a dynamic user and cuts it off before it can call anything, which refuses it as well.
    let bus = client_as(&world, user, "bus CreateSnapshot main");
    assert_eq!(bus.json()["error"], "org.freedesktop.DBus.Error.NoReply", "{bus:?}");
    assert_nothing_taken(&world);
}

#[test]
fn without_the_group_the_socket_is_closed() {
    let world = World::enter();
    let ran = client_as(&world, "-p User=nobody", "peer CreateSnapshot main");
    assert_eq!(ran.status, 1, "{ran:?}");
    assert_eq!(
        ran.json()["error"],
        "org.freedesktop.DBus.Error.AccessDenied",
        "{ran:?}"
    );
    assert_nothing_taken(&world);
}

#[test]
fn nobody_on_both_transports() {
    let world = World::enter();
    let user = "-p User=nobody -p SupplementaryGroups=mariasnap-client";
    for transport in ["peer", "bus"] {
        let methods = ["CreateSnapshot main", "ListSnapshots main", "DestroySnapshots main x 1"];
        let calls = methods.map(|method| format!("{transport} {method}"));
        assert_all_end_with(&world, NOT_AUTHORIZED, user, &calls);
    }
    assert_nothing_taken(&world);
}

#[test]
fn an_unknown_target_gets_the_same_answer_as_a_forbidden_one() {
    let world = World::enter();
    let user = "-p User=nobody -p SupplementaryGroups=mariasnap-client";
    let answer = |target: &str| {
        let ran = client_as(&world, user, &format!("bus CreateSnapshot {target}"));
        assert_not_authorized(&ran);
        ran.json()["message"]
            .as_str()
            .expect("a message")
            .replace(target, "TARGET")
    };
    assert_eq!(answer("main"), answer("nonesuch"));
}

#[test]
fn an_ssh_user_on_both_transports() {
    let world = World::enter();
    world
        .vm
        .ok("id alice 2>/dev/null || useradd -m -G mariasnap-client alice
         # Not locked, though without a password.
         usermod -p '*' alice
         if [[ ! -e /root/alice_key ]]; then
             ssh-keygen -q -t ed25519 -N '' -f /root/alice_key
             install -d -o alice -g alice -m 700 ~alice/.ssh
             install -o alice -g alice -m 600 /root/alice_key.pub ~alice/.ssh/authorized_keys
         fi");
    for transport in ["peer", "bus"] {
        assert_not_authorized(&world.vm.run(&format!(
            "ssh -i /root/alice_key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
             -o KexAlgorithms=curve25519-sha256 alice@127.0.0.1 client.py {transport} CreateSnapshot main"
        )));
    }
    assert_nothing_taken(&world);
}

#[test]
fn a_forged_sender_changes_nothing() {
    let world = World::enter();
    let user = "-p User=nobody -p SupplementaryGroups=mariasnap-client";
    // :1.0 is the bus name of a process of root's (systemd or logind), which polkit would wave through.
    let root = world
        .vm
        .ok("busctl --no-pager --no-legend list --unique | awk '$3 == \"systemd\" {print $1; exit}'");
    assert!(root.starts_with(':'), "{root:?}");
    assert_not_authorized(&client_as(
        &world,
        user,
        &format!("peer --sender {root} CreateSnapshot main"),
    ));
    assert_nothing_taken(&world);
    // Nor does it harm one who may: root, on the same socket.
    let ran = world.vm.run("client.py peer --sender :1.99999 CreateSnapshot main");
    assert_eq!(ran.status, 0, "{ran:?}");
}

/// Runs the unit, which must be refused with `status` and must not have locked.
fn assert_refused_without_lock(world: &World, status: i32) {
    let stages = "mariadb -BNe \"SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
                  WHERE VARIABLE_NAME = 'Com_backup'\"";
    let before = world.vm.ok(stages);
    assert!(before.parse::<u64>().is_ok(), "{before:?}");
    let run = world.snapshot();
    assert_eq!(run, (false, status), "{}", world.journal(SNAPSHOT_UNIT));
    assert_eq!(world.vm.ok(stages), before, "it took a lock");
    assert_nothing_taken(world);
}

#[test]
fn the_rule_names_the_dataset() {
    let world = World::without_helper();
    world.vm.ok(
        "zfs list tank/elsewhere >/dev/null 2>&1 || zfs create -o mountpoint=none tank/elsewhere
                 sed -i 's|tank/mysql|tank/elsewhere|' /etc/mariasnap/zfs-helper.toml",
    );
    assert_refused_without_lock(&world, 7);
}

#[test]
fn polkit_masked() {
    let world = World::enter();
    world.vm.ok("systemctl mask --now polkit.service 2>/dev/null");
    assert_refused_without_lock(&world, 7);
}

#[test]
fn polkit_stopped_is_started_again_by_the_bus() {
    let world = World::enter();
    world.vm.ok("systemctl stop polkit.service");
    assert_eq!(world.snapshot(), (true, 0), "{}", world.journal(SNAPSHOT_UNIT));
}

#[test]
fn the_rule_taken_away() {
    let world = World::enter();
    world.vm.ok("rm /etc/polkit-1/rules.d/50-mariasnap-main.rules; sleep 1");
    assert_refused_without_lock(&world, 7);
}
