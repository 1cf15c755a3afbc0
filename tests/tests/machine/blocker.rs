//! Somebody else who holds the backup lock: a scenario's own run then has to wait for it.

use mariasnap_tests::vm::Vm;

use super::wait;

/// Longer than any scenario waits, on a machine however slow: what ends the lock is `Blocker`'s end.
const STATEMENT: &str = "SELECT SLEEP(3600)";

/// Holds the lock until it is dropped.
pub(crate) struct Blocker(Vm);

impl Blocker {
    /// Returns when the lock is held.
    pub(crate) fn new(vm: Vm) -> Self {
        vm.ok(&format!(
            "systemd-run --quiet --unit=blocker --collect mariadb -e 'BACKUP STAGE START; {STATEMENT}'"
        ));
        let blocker = Self(vm);
        wait::until_running(vm, "the blocker has the lock", STATEMENT);
        blocker
    }
}

impl Drop for Blocker {
    /// The server drops the connection at once: of a client that only goes away it hears seconds later.
    fn drop(&mut self) {
        let killed = self.0.run(&format!(
            "mariadb -BNe \"SELECT CONCAT('KILL ', ID) FROM information_schema.PROCESSLIST WHERE INFO = '{STATEMENT}'\" | mariadb
             systemctl stop blocker.service 2>/dev/null || true"
        ));
        assert!(killed.status == 0 || std::thread::panicking(), "{killed:?}");
    }
}
