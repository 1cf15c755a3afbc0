//! `make bench`: how long commits stand still around a snapshot, by the way it is taken, on each disk.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use mariasnap_tests::ledger::around::Felt;
use mariasnap_tests::stall::{DISKS, Disk, Profile, SIDES, Stall, notes, plot, show, table};
use mariasnap_tests::vm::{Vm, World, top};

/// Measures in the test machine, or shows once more what was measured.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measures. The whole form writes target/bench/stall.json, docs/bench/stall.svg and the table in README.md; any
    /// other form writes target/bench/part.json and part.svg.
    Run(Form),
    /// Writes picture and table once more, from target/bench/stall.json.
    Render,
}

#[derive(clap::Args)]
struct Form {
    /// Three rounds on the fast disk: to see that it works.
    #[arg(long)]
    quick: bool,
    /// How often each side is run [default: 40]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Disks, of fast,hdd [default: all]
    #[arg(long, value_delimiter = ',')]
    profiles: Vec<String>,
    /// Sides [default: all]
    #[arg(long, value_delimiter = ',')]
    sides: Vec<String>,
    /// Tables made before, each opened again before each turn.
    #[arg(long, default_value_t = 0)]
    tables: u32,
}

impl Form {
    fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 3 } else { 40 }, usize::from)
    }

    fn disks(&self) -> Result<Vec<Disk>, String> {
        let fast = ["fast".to_owned()];
        let wanted = if self.quick && self.profiles.is_empty() {
            &fast[..]
        } else {
            &self.profiles
        };
        let names = pick(wanted, &DISKS.map(|disk| disk.name))?;
        Ok(DISKS.into_iter().filter(|disk| names.contains(&disk.name)).collect())
    }

    fn sides(&self) -> Result<Vec<&'static str>, String> {
        pick(&self.sides, &SIDES.map(|side| side.name))
    }

    /// Whether its figures may stand in the documentation.
    fn is_whole(&self) -> bool {
        !self.quick && self.tables == 0 && self.rounds() >= 40 && self.profiles.is_empty() && self.sides.is_empty()
    }
}

/// Those of `all` that are wanted; all if none is.
fn pick(wanted: &[String], all: &[&'static str]) -> Result<Vec<&'static str>, String> {
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(&name.as_str())) {
        return Err(format!("no {unknown:?} among {}", all.join(", ")));
    }
    let is_wanted = |name: &&str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    Ok(all.iter().copied().filter(|name| is_wanted(name)).collect())
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Task::Run(form) => run(&form),
        Task::Render => read().and_then(|stall| publish(&stall)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(form: &Form) -> Result<(), Box<dyn Error>> {
    let (disks, sides) = (form.disks()?, form.sides()?);
    println!("== booting, installing, setting up");
    let vm = prepare(form, &sides);
    let mut stall = Stall {
        date: line("date", &["-u", "+%F %R"])?,
        commit: line("git", &["describe", "--always", "--dirty", "--exclude=*"])?,
        rounds: form.rounds(),
        tables: form.tables,
        machine: machine(vm)?,
        profiles: BTreeMap::new(),
    };
    for disk in disks {
        println!("== {}: {} rounds of {}", disk.name, stall.rounds, sides.join(", "));
        stall
            .profiles
            .insert(disk.name.to_owned(), measure(vm, &disk, form, &sides)?);
    }
    print!("{}", show::text(&stall)?);
    let figures = top()
        .join("target/bench")
        .join(if form.is_whole() { "stall.json" } else { "part.json" });
    write(&figures, &(serde_json::to_string_pretty(&stall)? + "\n"))?;
    match form.is_whole() {
        true => publish(&stall),
        false => write(&figures.with_extension("svg"), &plot::svg(&stall)?),
    }
}

fn prepare(form: &Form, sides: &[&str]) -> Vm {
    let vm = World::fresh().vm;
    vm.ok("rm -rf /root/bench");
    vm.push(&top().join("tests/vm/guest/bench"), "/root/bench");
    vm.watched(&format!("/root/bench/prepare.sh {} >/dev/null", sides.join(" ")));
    if form.tables > 0 {
        println!("== making {} tables", form.tables);
        vm.watched(&format!("/root/bench/tables.sh make {}", form.tables));
    }
    vm
}

fn measure(vm: Vm, disk: &Disk, form: &Form, sides: &[&str]) -> Result<Profile, Box<dyn Error>> {
    let mut throttle = vec!["block_set_io_throttle", "pool0"];
    throttle.extend(disk.throttle);
    vm.monitor(&throttle);
    let (rounds, tables) = (form.rounds(), form.tables);
    let felt = vm.watched(&format!("/root/bench/around.sh {rounds} {tables} {}", sides.join(" ")));
    let felt: BTreeMap<String, Felt> = serde_json::from_str(&felt)?;
    let notes = notes(&vm.ok("cat /run/bench/notes"))?;
    Ok(Profile::new(disk, felt, &notes)?)
}

/// What the figures were measured with and on.
fn machine(vm: Vm) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
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
fn line(program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).args(arguments).current_dir(top()).output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.to_owned()),
        _ => Err(format!("{program} {arguments:?} told nothing: {}", output.status).into()),
    }
}

fn figures() -> PathBuf {
    top().join("target/bench/stall.json")
}

fn read() -> Result<Stall, Box<dyn Error>> {
    let file = figures();
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}

fn publish(stall: &Stall) -> Result<(), Box<dyn Error>> {
    let readme = top().join("README.md");
    let page = table::put_into(&std::fs::read_to_string(&readme)?, stall)?;
    write(&readme, &page)?;
    write(&top().join("docs/bench/stall.svg"), &plot::svg(stall)?)
}

fn write(file: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("== wrote {}", file.display());
    Ok(())
}
