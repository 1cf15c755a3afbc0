//! `make bench`: how long commits stand still around a snapshot, by the way it is taken, on each disk.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mariasnap_tests::build::top;
use mariasnap_tests::ledger::around::Felt;
use mariasnap_tests::stall::form::Form;
use mariasnap_tests::stall::machine::{facts, line};
use mariasnap_tests::stall::{DISKS, Disk, Profile, Stall, notes, plot, show, table};
use mariasnap_tests::vm::{Vm, World};

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
        machine: facts(vm)?,
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
    vm.throttle("pool0", disk.throttle);
    let (rounds, tables) = (form.rounds(), form.tables);
    let felt = vm.watched(&format!("/root/bench/around.sh {rounds} {tables} {}", sides.join(" ")));
    // A machine that is kept is prepared faster so.
    vm.throttle("pool0", DISKS[0].throttle);
    let felt: BTreeMap<String, Felt> = serde_json::from_str(&felt)?;
    let notes = notes(&vm.ok("cat /run/bench/notes"))?;
    Ok(Profile::new(disk, felt, &notes)?)
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
