//! Clients in other languages, over the bus, when a rule lets them.

use mariasnap_tests::outline::outline;
use mariasnap_tests::vm::World;

const RULE: &str = "
id alice >/dev/null 2>&1 || useradd -m -G mariasnap-client alice
cat >/etc/polkit-1/rules.d/40-alice.rules <<'END'
polkit.addRule(function(action, subject) {
    if ((action.id === 'org.mariasnap.list' || action.id === 'org.mariasnap.snapshot') &&
        action.lookup('target') === 'main' && action.lookup('dataset') === 'tank/mysql' && subject.user === 'alice')
        return polkit.Result.YES;
    return polkit.Result.NOT_HANDLED;
});
END
sleep 1
";

const BUSCTL: &str = "busctl --system --timeout=60 call org.mariasnap.ZfsHelper1 /org/mariasnap/SnapshotHelper1 \
                      org.mariasnap.SnapshotHelper1";

struct Allowed(World);

impl Allowed {
    fn enter() -> Self {
        let world = World::without_helper();
        world.vm.ok(RULE);
        Self(world)
    }
}

impl Drop for Allowed {
    fn drop(&mut self) {
        self.0.vm.run("rm -f /etc/polkit-1/rules.d/40-alice.rules");
    }
}

#[test]
fn busctl_lists_and_snapshots_but_does_not_destroy() {
    let allowed = Allowed::enter();
    let vm = allowed.0.vm;
    let targets = vm.ok(&format!("runuser -u alice -- {BUSCTL} ListTargets"));
    assert!(
        targets.contains("\"main\"") && targets.contains("\"tank/mysql\""),
        "{targets}"
    );
    let cut = vm.ok(&format!(
        "runuser -u alice -- {BUSCTL} CreateSnapshot 'sa{{ss}}' main 1 run from-busctl"
    ));
    assert!(cut.contains("mariasnap-"), "{cut}");
    let listed = allowed.0.list("main");
    assert_eq!(listed.len(), 1);
    // Nobody has proven that the database stood still.
    assert_eq!(listed[0]["state"], "unproven");
    assert_eq!(listed[0]["properties"]["run"], "from-busctl");
    let (name, guid) = (&listed[0]["name"], &listed[0]["guid"]);
    let refused = vm.run(&format!(
        "runuser -u alice -- {BUSCTL} DestroySnapshots 'sa(st)' main 1 {name} {guid}"
    ));
    assert_ne!(refused.status, 0);
    assert!(refused.stderr.contains("not authorised"), "{refused:?}");
    assert_eq!(allowed.0.list("main").len(), 1);
}

#[test]
fn python_lists_and_snapshots_on_both_transports() {
    let allowed = Allowed::enter();
    let vm = allowed.0.vm;
    for transport in ["bus", "peer"] {
        vm.ok(&format!(
            "runuser -u alice -- client.py {transport} CreateSnapshot main run=from-python"
        ));
        let listed = vm.run(&format!("runuser -u alice -- client.py {transport} ListSnapshots main"));
        assert_eq!(listed.status, 0, "{listed:?}");
    }
    assert_eq!(allowed.0.list("main").len(), 2);
}

#[test]
fn polkits_own_client_gives_the_same_answers() {
    let allowed = Allowed::enter();
    // pkcheck asks through polkit's own library; details need root or the actions' owner, which the helper is.
    let ask = |action: &str, dataset: &str| {
        let ran = allowed.0.vm.run(&format!(
            "setpriv --reuid=alice --regid=alice --init-groups sleep 60 & pid=$!
             trap 'kill $pid' EXIT
             until [[ $(</proc/$pid/comm) == sleep ]]; do :; done
             pkcheck --action-id {action} --process $pid --detail target main --detail dataset {dataset}"
        ));
        (ran.status, ran.stderr)
    };
    assert_eq!(ask("org.mariasnap.snapshot", "tank/mysql"), (0, String::new()));
    let refused = (1, "Not authorized.\n".to_owned());
    assert_eq!(ask("org.mariasnap.snapshot", "tank/elsewhere"), refused);
    assert_eq!(ask("org.mariasnap.destroy", "tank/mysql"), refused);
}

#[test]
fn the_interface_describes_itself_as_the_file_does() {
    let world = World::without_helper();
    let shown = world
        .vm
        .ok("busctl --system introspect --xml-interface org.mariasnap.ZfsHelper1 /org/mariasnap/SnapshotHelper1");
    let installed = world
        .vm
        .ok("cat /usr/share/dbus-1/interfaces/org.mariasnap.SnapshotHelper1.xml");
    let outlined = outline(&installed);
    assert!(
        outlined.iter().any(|line| line.starts_with("method TakeSnapshot")),
        "{installed}"
    );
    assert_eq!(outline(&shown), outlined);
}
