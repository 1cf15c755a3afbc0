//! The machine as an administrator leaves it: product installed, MariaDB on ZFS, target `main` set up.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use super::Vm;
use crate::build::{make, top};

/// The unit that takes a snapshot of the target `main`.
pub const SNAPSHOT_UNIT: &str = "mariasnap@main.service";

/// A target's timer, which scenarios do without, would keep its service loaded. Loading it anew for each command that
/// names it is most of what the command costs.
const KEEP_LOADED: &str = "
cat >/run/systemd/system/keep-loaded.service <<'END'
[Unit]
After=mariasnap@main.service mariasnap@other.service mariasnap-freeze@main.service mariasnap-freeze@other.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=true
END
systemctl start keep-loaded.service";

/// How `tidy.sh` is told to end a helper that is in order.
const WITHOUT_HELPER: &str = "without-helper";

static ALONE: Mutex<()> = Mutex::new(());

/// One test at a time has the machine.
pub struct World {
    /// The shell.
    pub vm: Vm,
    since: Instant,
    _alone: MutexGuard<'static, ()>,
}

/// Says how long it was, past the test harness, which keeps what a passing test prints to itself.
impl Drop for World {
    fn drop(&mut self) {
        let name = std::thread::current().name().unwrap_or("?").to_owned();
        let seconds = self.since.elapsed().as_secs_f32();
        // A progress line that can't be written is no reason for anything.
        let _unsaid = writeln!(std::io::stderr(), "[{seconds:5.1} s] {name}").is_err();
    }
}

impl World {
    /// The machine, made ready the first time that a test asks, and put back in order each time. A helper that has the
    /// configuration it should have goes on: to start one is most of what a run costs here.
    pub fn enter() -> Self {
        Self::in_order(&[])
    }

    /// The same with no helper running: for who changes its configuration, which it reads when it starts.
    pub fn without_helper() -> Self {
        Self::in_order(&[WITHOUT_HELPER])
    }

    fn in_order(how: &[&str]) -> Self {
        static READY: OnceLock<()> = OnceLock::new();
        let world = Self::alone();
        READY.get_or_init(|| {
            world.install();
            world.vm.ok("mariasnap setup main --no-timer --no-snapshot");
            world.vm.ok(KEEP_LOADED);
        });
        // Nobody knows what a test that failed has left the helper at.
        let how = if ALONE.is_poisoned() { &[WITHOUT_HELPER] } else { how };
        world.vm.script("tidy.sh", how);
        world
    }

    /// A machine just booted, product installed and MariaDB on ZFS, but nothing set up.
    pub fn fresh() -> Self {
        let world = Self::alone();
        world.install();
        world.vm.ok("date '+%F %T' >/run/test-began");
        world
    }

    fn alone() -> Self {
        // A test that failed has told so already; the next one puts the machine in order itself.
        let alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Self {
            vm: Vm::up(),
            since: Instant::now(),
            _alone: alone,
        }
    }

    fn install(&self) {
        install(self.vm);
        self.vm.script("zfs-mariadb.sh", &[]);
    }

    /// Runs the unit of target `main` to its end; its `Result` and the status of its main process.
    pub fn snapshot(&self) -> (bool, i32) {
        let ended = self.vm.ok(&format!(
            "started=0; systemctl start {SNAPSHOT_UNIT} || started=$?
             echo $started $(systemctl show -P ExecMainStatus {SNAPSHOT_UNIT})"
        ));
        let (started, status) = ended.split_once(' ').expect("two numbers");
        (started == "0", status.parse().unwrap())
    }

    /// The snapshots that `mariasnap list` shows of a target.
    pub fn list(&self, target: &str) -> Vec<serde_json::Value> {
        let listed = self.vm.run(&format!("mariasnap list {target} --json"));
        assert_eq!(listed.status, 0, "{listed:?}");
        listed.json()["snapshots"].as_array().expect("an array").clone()
    }

    /// Names of the snapshots of target `main` in a state.
    pub fn names(&self, state: &str) -> Vec<String> {
        self.list("main")
            .iter()
            .filter(|snapshot| snapshot["state"] == state)
            .map(|snapshot| snapshot["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    /// What the journal has of a unit since the test began, all that was said by now.
    pub fn journal(&self, unit: &str) -> String {
        self.journal_by(&format!("-o cat -u {unit}"))
    }

    /// What the journal has since the test began, by options of journalctl's.
    pub fn journal_by(&self, options: &str) -> String {
        self.vm.ok(&format!(
            "journalctl --sync; journalctl --no-pager --since \"$(cat /run/test-began)\" {options}"
        ))
    }

    /// Asserts that nothing holds commits up: a row goes in at once.
    pub fn assert_writes_go_on(&self) {
        self.vm
            .ok("timeout 30 mariadb -e 'CREATE DATABASE IF NOT EXISTS probe; \
             CREATE TABLE IF NOT EXISTS probe.t (n INT); SET lock_wait_timeout=5; INSERT INTO probe.t VALUES (1)'");
    }
}

/// The newest .deb of this tree, and the load client, in the machine.
fn install(vm: Vm) {
    let deb = deb();
    vm.push(&deb, "/root/mariasnap.deb");
    for program in ["ledger", "cutprobe"] {
        let built = top().join("target/release").join(program);
        vm.push(&built, &format!("/usr/local/bin/{program}"));
    }
    vm.push(&top().join("tests/vm/guest/client.py"), "/usr/local/bin/client.py");
    vm.ok("dpkg -i /root/mariasnap.deb; chmod 755 /usr/local/bin/client.py");
}

/// The package as `make deb` builds it. `tests/run`, which has just done so and runs two of these programs at once, says so
/// in the environment.
fn deb() -> PathBuf {
    if std::env::var_os("MARIASNAP_PACKAGE_IS_FRESH").is_some() {
        return top().join("target/mariasnap.deb");
    }
    make(&["deb", "ledger"]);
    top().join("target/mariasnap.deb")
}
