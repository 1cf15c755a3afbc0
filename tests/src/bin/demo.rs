//! `make demo`: set-up, snapshots under load and the proof, told as it happens.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use mariasnap_tests::build::top;
use mariasnap_tests::ledger::audit::Audit;
use mariasnap_tests::ledger::gaps::longest;
use mariasnap_tests::ledger::recorded::Recorded;
use mariasnap_tests::ledger::writers::Report;
use mariasnap_tests::vm::{SNAPSHOT_UNIT, World};
use serde::Serialize;
use serde_json::Value;

/// What `target/demo.json` holds.
#[derive(Debug, Serialize)]
struct Demo {
    snapshot: String,
    gtid: String,
    wait_ms: f64,
    hold_ms: f64,
    gap_ms: f64,
    rows_verified: u64,
    gtid_verified: bool,
}

fn main() -> ExitCode {
    // What fails inside panics with its story; here it becomes the verdict.
    let began = Instant::now();
    let verdict = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default())
    });
    println!("== {} s in all", began.elapsed().as_secs());
    match verdict {
        Ok(()) => {
            println!("demo: PASS");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("demo: FAIL: {}", why.lines().next().unwrap_or("no reason given"));
            ExitCode::FAILURE
        }
    }
}

fn say(what: &str) {
    println!("== {what}");
}

fn run() -> Result<(), String> {
    say("booting the machine: Debian 13, systemd, dbus-daemon, polkit, OpenZFS, MariaDB");
    let world = World::fresh();
    let vm = world.vm;

    say("starting the write load: 4 writers, one numbered row a transaction");
    vm.ok("systemd-run --quiet --unit=ledger --collect ledger load --report /root/ledger.json; sleep 3");

    say(
        "mariasnap setup (finds the dataset, writes both configs and the polkit rule, creates the account, first snapshot)",
    );
    println!("{}", vm.ok("mariasnap setup main 2>&1"));

    say(&format!("systemctl start {SNAPSHOT_UNIT}, while the load runs"));
    take(&world)?;
    println!("{}", vm.ok("mariasnap list main"));

    say("a second one, by the unit that the timer starts");
    let window = take(&world)?;
    vm.ok("systemctl is-enabled --quiet mariasnap@main.timer; sleep 1; systemctl stop ledger.service");

    let snapshots = world.list("main");
    let newest = snapshots.last().ok_or("no snapshot is listed")?;
    if newest["state"] != "consistent" {
        return Err(format!("the newest snapshot is {}", newest["state"]));
    }
    let load: Report = serde_json::from_str(&vm.ok("cat /root/ledger.json")).map_err(|error| error.to_string())?;
    if !load.errors.is_empty() {
        return Err(format!("the load failed: {:?}", load.errors));
    }

    say("proof: clone the snapshot, start a second server on it, compare rows and GTID");
    let demo = prove(&world, newest, &load, window)?;
    report(&demo)
}

/// Runs the unit; when it began and ended in the machine, in microseconds since the epoch.
fn take(world: &World) -> Result<(u64, u64), String> {
    let now = || {
        world
            .vm
            .ok("date +%s%6N")
            .parse()
            .map_err(|_| "date answers with a number".to_owned())
    };
    let from = now()?;
    let (started, status) = world.snapshot();
    if !started {
        return Err(format!(
            "{SNAPSHOT_UNIT} failed with status {status}: {}",
            world.journal(SNAPSHOT_UNIT)
        ));
    }
    Ok((from, now()?))
}

fn prove(world: &World, snapshot: &Value, load: &Report, window: (u64, u64)) -> Result<Demo, String> {
    let text = |key: &str| snapshot[key].as_str().unwrap_or_default().to_owned();
    let property = |key: &str| snapshot["properties"][key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| {
        property(key)
            .parse::<f64>()
            .map_err(|_| format!("the snapshot has no number {key}"))
    };
    let (name, gtid) = (text("name"), property("gtid"));
    let audit: Audit =
        serde_json::from_str(&world.vm.script("verify-clone.sh", &[&name])).map_err(|error| error.to_string())?;
    let recorded = Recorded::read(&snapshot["properties"]).ok_or("the snapshot has no position")?;
    let complaints = audit.complaints(&load.gtid_at_start, &recorded);
    if !complaints.is_empty() {
        return Err(complaints.join("; "));
    }
    Ok(Demo {
        snapshot: name,
        wait_ms: number("wait-ms")?,
        hold_ms: number("hold-ms")?,
        gap_ms: longest(&load.commits_us, window.0, window.1) as f64 / 1000.0,
        rows_verified: audit.rows(),
        gtid_verified: audit.gtid == gtid,
        gtid,
    })
}

fn report(demo: &Demo) -> Result<(), String> {
    let json = serde_json::to_string_pretty(demo).map_err(|error| error.to_string())?;
    let file = top().join("target/demo.json");
    std::fs::write(&file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    let row = |name: &str, value: String| println!("  {name:<22} {value}");
    say("what came out (the same in target/demo.json)");
    row("snapshot", demo.snapshot.clone());
    row("GTID", demo.gtid.clone());
    row("wait for the lock", format!("{:.1} ms", demo.wait_ms));
    row("commits held", format!("{:.1} ms", demo.hold_ms));
    row("longest commit gap", format!("{:.1} ms", demo.gap_ms));
    row("rows verified", demo.rows_verified.to_string());
    row("GTID verified", demo.gtid_verified.to_string());
    Ok(())
}
