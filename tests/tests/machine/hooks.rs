//! Other systems' hooks: called as their callers call them, and never content without the lock.

use mariasnap_tests::vm::World;

use super::blocker::Blocker;
use super::freeze::{UNIT, assert_writes_stand_still, configure, frozen};
use super::wait;

/// What VMware's tools call; services/plugins/vmbackup/scriptOps.c.
const SCRIPTS: &str = "/etc/vmware-tools/backupScripts.d";

/// Calls every file of the directory as the tools do: `bash -c '"PATH" PHASE'`, forth at freeze, back otherwise, and where
/// one fails at freeze, `freezeFail` for those before it.
const TOOLS: &str = r#"
scripts() { find -L /etc/vmware-tools/backupScripts.d -maxdepth 1 -type f | LC_ALL=C sort "$@"; }
vmbackup() {
    local script done=() i
    if [[ $1 == freeze ]]; then
        while read -r script; do
            if ! bash -c "\"$script\" freeze"; then
                for ((i = ${#done[@]} - 1; i >= 0; i--)); do bash -c "\"${done[i]}\" freezeFail" || true; done
                return 1
            fi
            done+=("$script")
        done < <(scripts)
    else
        local failed=0
        while read -r script; do bash -c "\"$script\" $1" || failed=1; done < <(scripts -r)
        [[ $1 == freezeFail ]] || return $failed
    fi
}
"#;

fn tools(world: &World, phase: &str) -> mariasnap_tests::vm::Ran {
    world.vm.run(&format!("{TOOLS}\nvmbackup {phase}"))
}

fn hook(world: &World, call: &str) -> i32 {
    world.vm.run(&format!("mariasnap hook {call}")).status
}

#[test]
fn vmwares_tools_freeze_and_thaw() {
    let world = World::enter();
    world.assert_writes_go_on();
    // Installed everywhere, asleep until a target asks for it.
    let asleep = tools(&world, "freeze");
    assert_eq!(asleep.status, 0, "{asleep:?}");
    assert!(asleep.text().contains("freeze.hooks"), "{asleep:?}");
    assert_eq!(frozen(&world), 15);
    assert_eq!(tools(&world, "thaw").status, 0);
    // The others are only called by who means it.
    for call in ["veeam pre-freeze", "qemu-ga freeze", "generic pre", "generic post"] {
        assert_eq!(hook(&world, call), 3, "{call}");
    }

    configure(&world, "hooks = [\"vmware\"]");
    let ran = tools(&world, "freeze");
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_writes_stand_still(&world);
    assert_eq!(tools(&world, "thaw").status, 0);
    world.assert_writes_go_on();
    // Twice is once too often, and so is a thaw of nothing.
    assert_ne!(tools(&world, "thaw").status, 0);
    assert_eq!(hook(&world, "vmware thaw"), 15);

    // Given up after the freeze, by somebody else's failure.
    assert_eq!(tools(&world, "freeze").status, 0);
    assert_eq!(tools(&world, "freezeFail").status, 0);
    world.assert_writes_go_on();
    assert_eq!(hook(&world, "vmware freezeFail"), 0);
}

#[test]
fn vmware_takes_no_quiesced_snapshot_without_the_lock() {
    let world = World::enter();
    world.assert_writes_go_on();
    configure(&world, "hooks = [\"vmware\"]");
    // A script of somebody else's that comes later and fails.
    world.vm.ok(&format!(
        "printf '#!/bin/sh\\n[ \"$1\" != freeze ]\\n' >{SCRIPTS}/90-other; chmod 755 {SCRIPTS}/90-other"
    ));
    let ran = tools(&world, "freeze");
    world.vm.ok(&format!("rm {SCRIPTS}/90-other"));
    assert_ne!(ran.status, 0);
    assert_eq!(frozen(&world), 15);
    world.assert_writes_go_on();

    // Somebody holds the lock.
    let blocker = Blocker::new(world.vm);
    let ran = tools(&world, "freeze");
    drop(blocker);
    assert_ne!(ran.status, 0, "{ran:?}");
    assert!(ran.text().contains("nothing is frozen"), "{ran:?}");
    world.assert_writes_go_on();

    // No database.
    world.vm.ok("systemctl stop mariadb.service");
    assert_eq!(hook(&world, "vmware freeze"), 4);
    world.vm.ok("systemctl start mariadb.service");

    // Wrong words, wrong files.
    assert_eq!(hook(&world, "vmware pre"), 2);
    assert_eq!(hook(&world, "generic pre --target nosuch"), 3);
    world
        .vm
        .ok("echo '[freeze]\nhooks = [\"vmvare\"]' >/etc/mariasnap/targets/main.toml");
    let ran = world.vm.run("mariasnap hook vmware freeze");
    assert_eq!(ran.status, 3);
    assert!(
        ran.text().contains("main.toml") && ran.text().contains("freeze.hooks"),
        "{ran:?}"
    );
    assert_eq!(frozen(&world), 15);
}

#[test]
fn a_lock_lost_after_the_freeze_is_told_by_the_thaw() {
    let world = World::enter();
    world.assert_writes_go_on();
    configure(&world, "hooks = [\"generic\", \"veeam\"]");
    assert_eq!(hook(&world, "generic pre"), 0);
    world.vm.ok("mariadb -e 'KILL USER mariasnap'");
    let ran = world.vm.run("/usr/libexec/mariasnap/hooks/generic-post");
    assert_eq!(ran.status, 6, "{ran:?}");
    assert!(ran.text().contains("isn't consistent"), "{ran:?}");

    // Outlasted.
    configure(&world, "max_hold = \"6s\"\nhooks = [\"veeam\"]");
    assert_eq!(world.vm.run("/usr/libexec/mariasnap/hooks/veeam-pre-freeze").status, 0);
    wait::until_unit_is(world.vm, UNIT, "failed");
    assert_eq!(world.vm.run("/usr/libexec/mariasnap/hooks/veeam-post-thaw").status, 6);
    world.assert_writes_go_on();

    // Lost, and held by another start since: what was cut in between had no lock.
    configure(&world, "hooks = [\"generic\"]");
    assert_eq!(hook(&world, "generic pre"), 0);
    world.vm.ok(&format!("systemctl restart {UNIT}"));
    assert_eq!(hook(&world, "generic post"), 6);
    assert_eq!(frozen(&world), 0, "the other start isn't ours to end");
    world.vm.ok(&format!("systemctl stop {UNIT}"));
}

#[test]
fn one_freeze_is_one_callers() {
    let world = World::enter();
    world.assert_writes_go_on();
    configure(&world, "hooks = [\"generic\", \"vmware\"]");
    assert_eq!(hook(&world, "generic pre"), 0);
    assert_eq!(hook(&world, "vmware freeze"), 10);
    assert_eq!(hook(&world, "generic pre"), 10);
    assert_eq!(hook(&world, "vmware thaw"), 15);
    assert_eq!(hook(&world, "vmware freezeFail"), 0);
    assert_eq!(frozen(&world), 0, "another's refusal ends nothing");
    assert_eq!(hook(&world, "generic post"), 0);

    // Begun by hand, it isn't a hook's to share.
    world.vm.ok(&format!("systemctl start {UNIT}"));
    assert_eq!(hook(&world, "generic pre"), 10);
    assert_eq!(hook(&world, "generic post"), 15);
    assert_eq!(world.vm.run("mariasnap run main -- true").status, 10);
    assert_eq!(frozen(&world), 0);
    world.vm.ok(&format!("systemctl stop {UNIT}"));

    // Both at once.
    let ran = world.vm.run(
        "(set +e; mariasnap hook generic pre; echo $? >/run/one) & (set +e; mariasnap hook vmware freeze; echo $? >/run/two) & wait
         cat /run/one /run/two",
    );
    let mut codes: Vec<_> = ran.stdout.lines().filter(|line| line.len() < 3).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["0", "10"], "{ran:?}");
    assert_eq!(frozen(&world), 0);
}

#[test]
fn a_hook_that_is_told_to_end_leaves_nothing_locked() {
    let world = World::enter();
    world.assert_writes_go_on();
    configure(&world, "hooks = [\"vmware\"]");
    world
        .vm
        .ok("sed -i 's/^wait = .*/wait = \"60s\"/' /etc/mariasnap/targets/main.toml");
    let blocker = Blocker::new(world.vm);
    let ran = world
        .vm
        .run(&format!("timeout --signal=TERM 3 {SCRIPTS}/50-mariasnap freeze"));
    assert_eq!(ran.status, 124, "{ran:?}");
    wait::until_unit_is(world.vm, UNIT, "inactive|failed");
    // Its own time is shorter than its caller's.
    let bounded = world.vm.run("mariasnap hook vmware freeze --budget 2s");
    drop(blocker);
    assert_eq!(bounded.status, 5, "{bounded:?}");
    assert!(bounded.text().contains("(2s) was over"), "{bounded:?}");
    assert_eq!(
        world.vm.ok(&format!(
            "systemctl show -P ActiveState {UNIT} | sed s/failed/inactive/"
        )),
        "inactive"
    );
    world.assert_writes_go_on();
}

/// A second target on the same server, both with a lock that two can have at once.
const TWO: &str = "
printf '[lock]\nmax_wait = \"3s\"\n[freeze]\nstrategy = \"ftwrl\"\nhooks = [\"vmware\"]\nmax_hold = \"60s\"\n' \
    >/etc/mariasnap/targets/main.toml
cp /etc/mariasnap/targets/main.toml /etc/mariasnap/targets/other.toml
";

#[test]
fn of_two_targets_both_or_none_are_frozen() {
    let world = World::enter();
    world.assert_writes_go_on();
    world.vm.ok(TWO);
    assert_eq!(tools(&world, "freeze").status, 0);
    assert_eq!(
        world.vm.run("mariasnap frozen main && mariasnap frozen other").status,
        0
    );
    assert_eq!(tools(&world, "thaw").status, 0);

    // A thaw of more than was frozen.
    assert_eq!(hook(&world, "generic pre --target main"), 0);
    assert_eq!(hook(&world, "generic post --target main --target other"), 15);
    assert_eq!(frozen(&world), 15);

    // The first doesn't last until the second has its lock.
    world.vm.ok("sed -i s/60s/4s/ /etc/mariasnap/targets/main.toml
        drop=/run/systemd/system/mariasnap-freeze@other.service.d; mkdir -p $drop
        printf '[Service]\\nExecStartPre=/bin/sleep 6\\n' >$drop/slow.conf; systemctl daemon-reload");
    let ran = world.vm.run("mariasnap hook vmware freeze");
    assert_eq!(ran.status, 6, "{ran:?}");
    assert_eq!(
        world.vm.run("mariasnap frozen main || mariasnap frozen other").status,
        15
    );
    world.assert_writes_go_on();
}

#[test]
fn nobody_thaws_anothers_freeze() {
    let world = World::enter();
    world.assert_writes_go_on();
    configure(&world, "hooks = [\"vmware\", \"generic\"]");
    let lose = || {
        world.vm.ok("mariadb -e 'KILL USER mariasnap'");
        wait::until_unit_is(world.vm, UNIT, "failed");
    };
    // Lost; begun anew by an administrator; given up by the tools.
    assert_eq!(hook(&world, "vmware freeze"), 0);
    lose();
    world.vm.ok(&format!("systemctl start {UNIT}"));
    assert_eq!(hook(&world, "vmware freezeFail"), 0);
    assert_eq!(frozen(&world), 0);
    world.vm.ok(&format!("systemctl stop {UNIT}"));

    // Lost; begun anew for another hook.
    assert_eq!(hook(&world, "vmware freeze"), 0);
    lose();
    assert_eq!(hook(&world, "generic pre"), 0);
    assert_eq!(hook(&world, "vmware thaw"), 6);
    assert_eq!(frozen(&world), 0);
    assert_eq!(hook(&world, "generic post"), 0);

    // Lost; begun anew for the same hook, which can't tell whose thaw comes first.
    assert_eq!(hook(&world, "generic pre"), 0);
    lose();
    assert_eq!(hook(&world, "generic pre"), 0);
    assert_eq!(hook(&world, "generic post"), 6);
    assert_eq!(frozen(&world), 15);
    assert_eq!(hook(&world, "generic post"), 15);

    // Nobody could be told.
    assert_eq!(hook(&world, "generic pre >/dev/full"), 1);
    assert_eq!(frozen(&world), 15);
    world.assert_writes_go_on();
}

#[test]
fn root_runs_a_command_under_the_lock() {
    let world = World::enter();
    world.assert_writes_go_on();
    let gtid = world.vm.ok("mariadb -BNe 'SELECT @@gtid_binlog_pos'");
    let ran = world.vm.run(
        "mariasnap run main -- sh -c 'echo $MARIASNAP_GTID; timeout 2 mariadb -e \"INSERT INTO probe.t VALUES (6)\"; echo $?'",
    );
    assert_eq!(
        (ran.status, ran.stdout.trim()),
        (0, format!("{gtid}\n124").as_str()),
        "{ran:?}"
    );
    // The unit isn't started in the place of one that is held in the foreground.
    let ran = world.vm.run(&format!(
        "mariasnap run main -- sh -c '! systemctl start {UNIT} && mariasnap frozen main >/dev/null'"
    ));
    assert_eq!(ran.status, 0, "{ran:?}");
    // Nor does a hook try to.
    let ran = world
        .vm
        .run("mariasnap run main -- sh -c 'mariasnap hook generic pre --target main; test $? = 10'");
    assert_eq!(ran.status, 0, "{ran:?}");
    world.assert_writes_go_on();
}
