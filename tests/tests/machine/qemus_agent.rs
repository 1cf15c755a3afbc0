//! QEMU's guest agent freezes the file systems for a copy of the disk, and our hook the database before them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mariasnap_tests::build::top;
use mariasnap_tests::ledger::audit::Audit;
use mariasnap_tests::ledger::gaps::longest;
use mariasnap_tests::ledger::recorded::Recorded;
use mariasnap_tests::ledger::writers::Report;
use mariasnap_tests::vm::{self, Agent, World};

use super::freeze::{UNIT, configure};

/// A second machine whose pool disk is a copy.
struct Copy {
    run: PathBuf,
}

impl Copy {
    fn tool(&self) -> Command {
        let mut tool = Command::new(top().join("tests/vm/vm"));
        tool.env("MARIASNAP_VM_RUN", &self.run);
        tool
    }

    fn boot(image: &Path) -> Self {
        let copy = Self {
            run: image.with_file_name("copy"),
        };
        let up = copy.tool().arg("up").env("MARIASNAP_VM_POOL0", image).status().unwrap();
        assert!(up.success());
        copy
    }

    fn ok(&self, script: &str) -> String {
        let ran = self.tool().args(["ssh", script]).output().unwrap();
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(
            ran.status.success(),
            "{script}: {text}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        text.trim().to_owned()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Whatever is wrong with the test, the machine goes.
        drop(self.tool().arg("down").output());
    }
}

/// For how long the machine at least goes on with its database frozen.
const STILL: Duration = Duration::from_secs(2);

/// `make test-long` boots the copy as well.
#[test]
fn freezes_for_a_copy_of_the_disk() {
    let world = World::enter();
    world.assert_writes_go_on();
    world.vm.ok("mkdir -p /etc/qemu; printf '[general]\\nfsfreeze-hook=/usr/libexec/mariasnap/hooks/qemu-ga\\n' >/etc/qemu/qemu-ga.conf
        systemctl unmask --quiet qemu-guest-agent.service; systemctl restart qemu-guest-agent.service");
    let mut agent = Agent::connect();

    // The lock isn't to be had: the agent says so, and nothing is frozen.
    configure(&world, "hooks = [\"qemu-ga\"]");
    world.vm.ok("systemctl stop mariadb.service");
    let refused = agent.execute("guest-fsfreeze-freeze").unwrap_err();
    assert!(refused.contains("nothing is frozen"), "{refused}");
    assert_eq!(agent.execute("guest-fsfreeze-status").unwrap(), "thawed");
    world.vm.ok("systemctl start mariadb.service");

    // Under load.
    let now = || -> u64 { world.vm.ok("date +%s%6N").parse().unwrap() };
    world.vm.ok("rm -f /root/ledger.json; systemd-run --quiet --unit=ledger --collect ledger load --writers 4 --report /root/ledger.json; sleep 3");
    let from = now();
    agent.execute("guest-fsfreeze-freeze").unwrap();
    assert_eq!(agent.execute("guest-fsfreeze-status").unwrap(), "frozen");
    // As a hypervisor does it: the machine stands still, its disk is copied, it goes on.
    std::thread::sleep(STILL);
    let run = world.vm.run_directory();
    let image = run.join("copied.raw");
    let mut copying = Command::new("cp");
    copying.arg("--sparse=always").arg(run.join("pool0.raw")).arg(&image);
    let copied = world.vm.paused(|| copying.status());
    assert!(copied.unwrap().success());
    agent.execute("guest-fsfreeze-thaw").unwrap();
    assert_eq!(agent.execute("guest-fsfreeze-status").unwrap(), "thawed");
    world.assert_writes_go_on();
    let to = now();
    world.vm.ok("systemctl stop ledger.service");
    // Outlasted, the thaw says so; the file systems are thawed all the same. And a thaw of nothing is none.
    configure(&world, "max_hold = \"5s\"\nhooks = [\"qemu-ga\"]");
    agent.execute("guest-fsfreeze-freeze").unwrap();
    std::thread::sleep(Duration::from_secs(7));
    let lost = agent.execute("guest-fsfreeze-thaw").unwrap_err();
    assert!(lost.contains("isn't consistent"), "{lost}");
    assert_eq!(agent.execute("guest-fsfreeze-status").unwrap(), "thawed");
    let nothing = agent.execute("guest-fsfreeze-thaw").unwrap_err();
    assert!(nothing.contains("nothing was frozen"), "{nothing}");
    world.assert_writes_go_on();
    world.vm.ok("systemctl stop qemu-guest-agent.service");
    let journal = world.journal_by(&format!(
        "-o json -u {UNIT} MESSAGE_ID=0f2a6c9be8d14d5f8c63a7b19e40d509 | tail -n 2 | head -n 1"
    ));
    let told: serde_json::Value = serde_json::from_str(&journal).unwrap();

    let report: Report = serde_json::from_str(&world.vm.ok("cat /root/ledger.json")).unwrap();
    let gap = longest(&report.commits_us, from, to);
    assert!(u128::from(gap) >= STILL.as_micros(), "{gap} us between commits");
    if vm::short_or_long(false, true) {
        assert_copy_is_at(&image, &report, &told["GTID"]);
    }
}

/// What is on the copy of the disk is what the position says.
fn assert_copy_is_at(image: &Path, report: &Report, gtid: &serde_json::Value) {
    let copy = Copy::boot(image);
    let pushed = copy
        .tool()
        .args(["push"])
        .arg(top().join("target/release/ledger"))
        .arg("/usr/local/bin/ledger")
        .status();
    assert!(pushed.unwrap().success());
    let audit = copy.ok(
        "modprobe zfs; rm -rf /var/lib/mysql; zpool import -f tank; install -d -o mysql /run/mysqld
         mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --skip-networking \
             --server-id=2 --log-bin=mariadb-bin --ssl=OFF --myisam-recover-options=OFF --aria-recover-options=OFF >/root/mariadbd.log 2>&1 </dev/null &
         for _ in $(seq 240); do [[ -S /run/mysqld/mysqld.sock ]] && break; sleep 0.25; done
         ledger audit --socket /run/mysqld/mysqld.sock",
    );
    let audit: Audit = serde_json::from_str(&audit).unwrap();
    let recorded = Recorded::read(&serde_json::json!({ "gtid": gtid })).unwrap();
    assert_eq!(audit.complaints(&report.gtid_at_start, &recorded), Vec::<String>::new());
    eprintln!("{} rows at {} on the copy of the disk", audit.rows(), audit.gtid);
}
