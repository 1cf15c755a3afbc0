//! Waiting for what happens in the machine, at next to no cost: a poll that starts a program keeps an emulated processor
//! busy, and so slows down what is waited for.

use mariasnap_tests::vm::{SNAPSHOT_UNIT, Vm, World};

/// Longer than anything here takes on a slow machine.
const PATIENCE_SECONDS: u32 = 180;

/// Commits are held up, as the server itself says; its plugin `metadata_lock_info` must be loaded.
pub(crate) const HOLDING: &str =
    "SELECT 1 FROM information_schema.METADATA_LOCK_INFO WHERE LOCK_MODE = 'MDL_BACKUP_WAIT_COMMIT'";

/// Polls a shell condition in the machine, in one command there. What it costs is the condition.
pub(crate) fn until(vm: Vm, what: &str, condition: &str) {
    let ran = vm.run(&format!(
        "exec {{never}}<> <(:)
         while ((SECONDS < {PATIENCE_SECONDS})); do
             if {condition}; then exit 0; fi
             read -rt 0.1 -u \"$never\" || true
         done
         exit 1"
    ));
    assert_eq!(ran.status, 0, "{what}: not within {PATIENCE_SECONDS} s: {}", ran.text());
}

/// Has the server wait until the query, which it asks itself again and again, has a row.
pub(crate) fn until_row(vm: Vm, what: &str, query: &str) {
    let ran = vm.run(&format!(
        "timeout {PATIENCE_SECONDS} mariadb --delimiter=// -e \
         \"BEGIN NOT ATOMIC WHILE NOT EXISTS ({query}) DO DO SLEEP(0.05); END WHILE; END\""
    ));
    assert_eq!(ran.status, 0, "{what}: not within {PATIENCE_SECONDS} s: {}", ran.text());
}

/// Waits until the server is at this statement.
pub(crate) fn until_running(vm: Vm, what: &str, statement: &str) {
    let query = format!("SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE '{statement}%'");
    until_row(vm, what, &query);
}

/// Waits until a unit has no process any more and its state matches the pattern: `failed`, or `inactive|failed`.
pub(crate) fn until_unit_is(vm: Vm, unit: &str, states: &str) {
    // The directory of its processes goes first, and whether it is there is known without a program.
    let condition = format!(
        "! compgen -G '/sys/fs/cgroup/system.slice/{unit}' >/dev/null \
         && ! compgen -G '/sys/fs/cgroup/system.slice/*/{unit}' >/dev/null \
         && [[ $(systemctl show -P ActiveState {unit}) =~ ^({states})$ ]]"
    );
    until(vm, &format!("{unit} becomes {states}"), &condition);
}

/// Waits until the unit of target `main` has ended; the status of its main process.
pub(crate) fn for_end(world: &World) -> i32 {
    until_unit_is(world.vm, SNAPSHOT_UNIT, "inactive|failed");
    let status = world
        .vm
        .ok(&format!("systemctl show -P ExecMainStatus {SNAPSHOT_UNIT}"));
    status.parse().expect("a number")
}
