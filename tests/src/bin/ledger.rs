//! The write load of the demo, the scenarios and the bench, run inside the test machine.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use mariasnap_tests::ledger;
use mariasnap_tests::ledger::around::{Plan, Side};
use mariasnap_tests::ledger::audit::Audit;
use mariasnap_tests::ledger::writers::Writers;
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
        /// Writes to MyISAM and Aria tables too, and creates, alters and drops a table over and over.
        #[arg(long)]
        mixed: bool,
        /// Where the report goes, as JSON.
        #[arg(long)]
        report: PathBuf,
    },
    /// Prints, as JSON, what a copy holds.
    Audit,
    /// Runs each side's command COUNT times in turn under load; prints what the load felt of each, as JSON.
    Around {
        #[arg(long, default_value_t = 4)]
        writers: usize,
        #[arg(long, default_value_t = 40)]
        count: usize,
        /// Shortest time that is looked at from each command's start on.
        #[arg(long, default_value_t = 1200)]
        window_ms: u64,
        /// Pause before each command.
        #[arg(long, default_value_t = 300)]
        settle_ms: u64,
        /// Run before each turn, not looked at; must succeed.
        #[arg(long)]
        before: Option<String>,
        /// Run after each round, not looked at; must succeed.
        #[arg(long)]
        between: Option<String>,
        /// NAME=COMMAND, a shell command that must succeed; can be given many times.
        #[arg(long = "side", required = true, value_parser = side)]
        sides: Vec<Side>,
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
        Command::Load { writers, mixed, report } => load(&cli.socket, writers, mixed, &report).await,
        Command::Audit => audit(&cli.socket).await,
        Command::Around {
            writers,
            count,
            window_ms,
            settle_ms,
            before,
            between,
            sides,
        } => {
            let plan = Plan {
                rounds: count,
                window: Duration::from_millis(window_ms),
                settle: Duration::from_millis(settle_ms),
                sides,
                before,
                between,
            };
            around(&cli.socket, writers, &plan).await
        }
    }
}

async fn load(socket: &str, writers: usize, mixed: bool, report: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let writers = match mixed {
        true => Writers::start_mixed(socket, writers).await?,
        false => Writers::start(socket, writers).await?,
    };
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

async fn around(socket: &str, writers: usize, plan: &Plan) -> Result<(), Box<dyn Error>> {
    let felt = ledger::around::around(socket, writers, plan).await?;
    println!("{}", serde_json::to_string(&felt)?);
    Ok(())
}

/// NAME=COMMAND.
fn side(text: &str) -> Result<Side, String> {
    let (name, command) = text.split_once('=').ok_or("not NAME=COMMAND")?;
    Ok((name.to_owned(), command.to_owned()))
}
