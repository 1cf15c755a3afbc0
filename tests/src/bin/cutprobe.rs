//! Run as root inside the test machine: takes snapshots through the helper while a file grows, and checks for each what
//! the early cut rests on: all that was written before the cut was asked for is in it, and nothing written after the pool had
//! moved on, as the product itself sees it.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use mariasnap::config::HelperSettings;
use mariasnap::pool::Watch;
use mariasnap_dbus::{Cut, SnapshotHelper1Proxy, names};
use mariasnap_tests::append::{Appender, last_record};
use mariasnap_tests::ledger::gaps::Summary;
use serde::Serialize;

/// Checks the early cut at file level.
#[derive(Parser)]
struct Cli {
    /// The helper's target; its dataset is the one below.
    #[arg(long)]
    target: String,
    /// Where the dataset is mounted.
    #[arg(long)]
    directory: PathBuf,
    /// How many snapshots.
    #[arg(long, default_value_t = 40)]
    count: u32,
    /// Longest pause between two, in milliseconds; each is random.
    #[arg(long, default_value_t = 400)]
    pause: u64,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    snapshots: u32,
    /// The pool moved on before the answer, and the transaction groups say that this proves the cut.
    early: u32,
    /// The pool moved on before the answer, and the transaction groups say that this proves nothing.
    too_early: u32,
    /// The pool wasn't seen to move on before the answer.
    silent: u32,
    /// Snapshots that break the promise. There may be none.
    violations: Vec<String>,
    /// From the request until the pool moved on.
    word_ms: Option<Summary>,
    /// From the request to the answer.
    answer_ms: Option<Summary>,
    /// Records written after the pool moved on and before the answer, in all: without any, nothing was put to the test.
    written_meanwhile: u64,
}

/// One cut: how far the writer was at each of its moments.
struct Taken {
    cut: Cut,
    done_before: u64,
    word: Option<Word>,
    begun_at_answer: u64,
    answer_after: Duration,
}

struct Word {
    open_txg: u64,
    begun: u64,
    after: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(outcome) => {
            println!("{}", serde_json::to_string_pretty(&outcome).unwrap_or_default());
            ExitCode::from(u8::from(!outcome.violations.is_empty()))
        }
        Err(error) => {
            eprintln!("cutprobe: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<Outcome, Box<dyn Error>> {
    let stream = tokio::net::UnixStream::connect(names::PEER_SOCKET).await?.into_std()?;
    let connection = zbus::connection::Builder::unix_stream(stream).p2p().build().await?;
    let proxy = SnapshotHelper1Proxy::new(&connection).await?;
    let appender = Appender::start(&cli.directory.join("records"))?;
    let (mut outcome, mut words, mut answers) = (Outcome::default(), Vec::new(), Vec::new());
    for _ in 0..cli.count {
        tokio::time::sleep(Duration::from_millis(random()? % cli.pause.max(1))).await;
        let taken = take(&proxy, &cli.target, &appender).await?;
        answers.push(taken.answer_after.as_secs_f64() * 1000.0);
        words.extend(taken.word.iter().map(|word| word.after.as_secs_f64() * 1000.0));
        judge(
            &taken,
            last_record(&copy(&cli.directory, &taken.cut.name))?,
            &mut outcome,
        );
    }
    appender.finish()?;
    outcome.word_ms = Summary::of(words);
    outcome.answer_ms = Summary::of(answers);
    Ok(outcome)
}

async fn take(proxy: &SnapshotHelper1Proxy<'_>, target: &str, appender: &Appender) -> Result<Taken, Box<dyn Error>> {
    let (ticket, _, pool) = proxy.prepare_snapshot(target).await?;
    let watch = Watch::ready(&HelperSettings::default().kstat, &pool).await?;
    if random()? % 2 == 0 {
        proxy.sync_pool(&ticket).await?;
    }
    let (done_before, started) = (appender.done(), Instant::now());
    // A machine too busy to read it in time leaves a cut that isn't early, as it leaves the locker one.
    let watching = watch.begin().await;
    let moved_on = async {
        match watching {
            Ok(watching) => watching.moved_on().await,
            Err(_) => std::future::pending().await,
        }
    };
    let mut taking = Box::pin(proxy.take_snapshot(&ticket, BTreeMap::new()));
    let mut word = None;
    let answer = tokio::select! {
        biased;
        answer = &mut taking => Some(answer),
        open_txg = moved_on => {
            word = Some(Word { open_txg, begun: appender.begun(), after: started.elapsed() });
            None
        }
    };
    let cut = match answer {
        Some(answer) => answer?,
        None => taking.await?,
    };
    Ok(Taken {
        cut,
        done_before,
        word,
        begun_at_answer: appender.begun(),
        answer_after: started.elapsed(),
    })
}

fn judge(taken: &Taken, last: u64, outcome: &mut Outcome) {
    outcome.snapshots += 1;
    let name = &taken.cut.name;
    if last < taken.done_before {
        let before = taken.done_before;
        outcome.violations.push(format!(
            "{name} ends at {last}, but {before} was written before it was asked for"
        ));
    }
    match &taken.word {
        None => outcome.silent += 1,
        Some(word) if taken.cut.createtxg >= word.open_txg => outcome.too_early += 1,
        Some(word) => {
            outcome.early += 1;
            outcome.written_meanwhile += taken.begun_at_answer - word.begun;
            if last > word.begun {
                let begun = word.begun;
                outcome.violations.push(format!(
                    "{name} ends at {last}, but the pool had moved on when {begun} was the last begun"
                ));
            }
        }
    }
}

fn copy(directory: &Path, snapshot: &str) -> PathBuf {
    directory.join(".zfs/snapshot").join(snapshot).join("records")
}

fn random() -> Result<u64, getrandom::Error> {
    getrandom::u64()
}
