//! The machine, the host and the versions: what a figure is worth nothing without.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::Command;

use crate::build::top;
use crate::vm::Vm;

/// What the figures were measured with and on.
pub fn facts(vm: Vm) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let kvm = vm.monitor(&["info", "kvm"]).contains("enabled");
    let guest = |script: &str| vm.ok(script);
    let database = "SELECT CONCAT('innodb_flush_log_at_trx_commit ', @@innodb_flush_log_at_trx_commit, \
                    ', sync_binlog ', @@sync_binlog)";
    let facts = [
        ("accelerator", if kvm { "virtual" } else { "emulated" }.to_owned()),
        (
            "host_cpu",
            line("sed", &["-n", "s/^model name.*: //p;T;q", "/proc/cpuinfo"])?,
        ),
        ("host_cpus", line("nproc", &[])?),
        ("host_load", line("cut", &["-d ", "-f1-3", "/proc/loadavg"])?),
        ("qemu", line("qemu-system-x86_64", &["--version"])?),
        (
            "guest",
            guest(". /etc/os-release; echo \"$PRETTY_NAME, $(nproc) CPUs, $(free -m | awk '/^Mem/ {print $2}') MiB\""),
        ),
        ("kernel", guest("uname -r")),
        (
            "zfs",
            guest("cat /sys/module/zfs/version; echo txg timeout $(cat /sys/module/zfs/parameters/zfs_txg_timeout)"),
        ),
        ("mariadb", guest("mariadbd --version")),
        ("durability", guest(&format!("mariadb -BNe \"{database}\""))),
        ("load", "4 writers, one row a transaction".to_owned()),
    ];
    Ok(facts
        .map(|(key, fact)| (key.to_owned(), fact.replace('\n', ", ")))
        .into())
}

/// First line of what a command of the host prints.
pub fn line(program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).args(arguments).current_dir(top()).output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.to_owned()),
        _ => Err(format!("{program} {arguments:?} told nothing: {}", output.status).into()),
    }
}
