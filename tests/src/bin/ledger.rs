//! The write load of the demo, the scenarios and the bench, run inside the test machine.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use mariasnap_tests::ledger::audit::Audit;
use mariasnap_tests::ledger::gaps::{Summary, longest};
use mariasnap_tests::ledger::writers::{Writers, now_us};
use mysql_async::{Conn, Opts, OptsBuilder};

/// Writes numbered rows, audits copies, and measures how long commits stood still.
#[derive(Parser)]
struct Cli {
    /// The server's socket.
    #[arg(long, default_value = "/run/mysqld/mysqld.sock", global = true)]
    socket: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes until SIGTERM, then leaves its report in FILE.
    Load {
        #[arg(long, default_value_t = 4)]
        writers: usize,
        /// Where the report goes, as JSON.
        #[arg(long)]
        report: PathBuf,
    },
    /// Prints, as JSON, what a copy holds.
    Audit,
    /// Runs each side's command COUNT times in turn under load; prints the longest commit gap around each, as JSON.
    Around {
        #[arg(long, default_value_t = 4)]
        writers: usize,
        #[arg(long, default_value_t = 20)]
        count: usize,
        /// NAME=COMMAND, a shell command that must succeed; can be given many times.
        #[arg(long = "side", required = true)]
        sides: Vec<String>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let local = tokio::task::LocalSet::new();
    match local.run_until(run(cli)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ledger: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    match cli.command {
        Command::Load { writers, report } => load(&cli.socket, writers, &report).await,
        Command::Audit => audit(&cli.socket).await,
        Command::Around { writers, count, sides } => around(&cli.socket, writers, count, &sides).await,
    }
}

async fn load(socket: &str, writers: usize, report: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let writers = Writers::start(socket, writers).await?;
    terminate.recv().await;
    std::fs::write(report, serde_json::to_vec(&writers.finish().await)?)?;
    Ok(())
}

async fn audit(socket: &str) -> Result<(), Box<dyn Error>> {
    let options: Opts = OptsBuilder::default().socket(Some(socket)).user(Some("root")).into();
    let mut conn = Conn::new(options).await?;
    println!("{}", serde_json::to_string(&Audit::of(&mut conn).await?)?);
    conn.disconnect().await?;
    Ok(())
}

async fn around(socket: &str, writers: usize, count: usize, sides: &[String]) -> Result<(), Box<dyn Error>> {
    let sides: Vec<(&str, &str)> = sides
        .iter()
        .map(|side| {
            side.split_once('=')
                .ok_or_else(|| format!("{side:?} is not NAME=COMMAND"))
        })
        .collect::<Result<_, _>>()?;
    let writers = Writers::start(socket, writers).await?;
    let mut gaps: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    for round in 0..count {
        for (side, (name, command)) in sides.iter().enumerate() {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let from = now_us();
            let status = tokio::process::Command::new("/bin/sh")
                .arg("-c")
                .arg(command)
                .status()
                .await?;
            let to = now_us();
            if !status.success() {
                return Err(format!("{name}, round {round}: {command:?} ended with {status}").into());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            gaps[side].push(longest(&writers.commits_us(), from, to) as f64 / 1000.0);
        }
        eprintln!("round {} of {count}", round + 1);
    }
    let report = writers.finish().await;
    if !report.errors.is_empty() {
        return Err(format!("the load failed: {:?}", report.errors).into());
    }
    let summary: serde_json::Map<String, serde_json::Value> = sides
        .iter()
        .zip(gaps)
        .map(|((name, _), gaps)| Ok(((*name).to_owned(), serde_json::to_value(Summary::of(gaps))?)))
        .collect::<Result<_, serde_json::Error>>()?;
    println!("{}", serde_json::to_string_pretty(&summary)?);
    Ok(())
}
