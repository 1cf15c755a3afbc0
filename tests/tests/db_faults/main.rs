//! Every fault of `docs/faults.md`, each driven once on a real server with the fake helper: for how long a writer stood
//! still, how the run ended, and what `list` shows afterwards. Nothing stays locked after any of them.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod database;
mod document;
mod helper;
mod locker;
mod outcome;
mod stage;
mod watch;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use mariasnap_tests::locker::{Ended, binary};
use mariasnap_tests::mariadb::Server;
use mariasnap_tests::mysql;
use outcome::{Outcome, drive};
use stage::Stage;
use tokio::runtime::Handle;

/// For how long a writer may stand still because of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stall {
    /// Commits are never stopped, or the run ends before.
    None,
    /// `lock.max_stall`: it queues behind an attempt.
    Attempt,
    /// `lock.max_hold` and the second that the server's own bound may come later.
    Hold,
}

/// What happens, and what must come of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// As the document names it.
    pub(crate) name: &'static str,
    /// Driven on MySQL, not on MariaDB.
    pub(crate) is_mysql: bool,
    /// Added to `[lock]`, whose bounds are set.
    pub(crate) lock: &'static str,
    /// `[quiet]`.
    pub(crate) quiet: &'static str,
    /// The longest stall.
    pub(crate) stall: Stall,
    /// Commits must have stood still for this long, else the fault wasn't driven.
    pub(crate) least: Duration,
    /// None: ended by a signal.
    pub(crate) code: Option<i32>,
    /// The states that `list` shows.
    pub(crate) listed: &'static str,
    /// From a writer at work to the end of the run.
    pub(crate) drive: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Ended>,
}

/// What most faults have in common.
const FAULT: Fault = Fault {
    name: "",
    is_mysql: false,
    lock: "",
    quiet: "wait = \"1s\"",
    stall: Stall::Hold,
    least: Duration::ZERO,
    code: None,
    listed: "nothing",
    drive: |_| panic!("nothing is driven"),
};

fn faults() -> Vec<Fault> {
    [database::FAULTS, helper::FAULTS, locker::FAULTS].concat()
}

/// On a thread of its own: what it runs and waits for must not hold up a writer who is being measured.
async fn start(is_mysql: bool) -> Server {
    let options = ["--skip-networking".to_owned()];
    let starting = move || match is_mysql {
        true => Handle::current().block_on(mysql::start(&options)),
        false => Handle::current().block_on(Server::start(&[])),
    };
    tokio::task::spawn_blocking(starting).await.unwrap()
}

/// Drives one fault after another on a server of its own, a new one where a fault left it unwell or wants another.
async fn lane(queue: Arc<Mutex<Vec<Fault>>>) -> Vec<(Fault, Outcome)> {
    let (mut server, mut driven) = (None, Vec::new());
    loop {
        let next = queue.lock().unwrap().pop();
        let Some(fault) = next else { return driven };
        let on = match server.take() {
            Some(server) if !fault.is_mysql => server,
            _ => start(fault.is_mysql).await,
        };
        let outcome = match tokio::spawn(drive(on, fault)).await {
            Ok((on, outcome)) => {
                server = Some(on).filter(|_| !fault.is_mysql);
                outcome
            }
            Err(error) => Outcome::failed(error),
        };
        driven.push((fault, outcome));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_as_the_document_says() {
    binary();
    let queue = Arc::new(Mutex::new(faults().into_iter().rev().collect()));
    let (one, other) = (tokio::spawn(lane(Arc::clone(&queue))), tokio::spawn(lane(queue)));
    let mut driven = one.await.unwrap();
    driven.extend(other.await.unwrap());
    let place = |fault: &Fault| faults().iter().position(|one| one.name == fault.name);
    driven.sort_by_key(|(fault, _)| place(fault));
    assert_eq!(driven.len(), faults().len());

    let mut complaints = Vec::new();
    println!("{}", outcome::HEAD);
    for (fault, outcome) in &driven {
        println!("{}", outcome.row(fault));
        let wrong = outcome.complaints(fault);
        complaints.extend(wrong.into_iter().map(|wrong| format!("{}: {wrong}", fault.name)));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Else the table would tell of faults that nobody drives, or leave some out.
#[test]
fn the_document_and_the_faults_are_the_same() {
    let expected: Vec<_> = faults().iter().map(document::Row::of).collect();
    assert_eq!(document::rows(), expected);
}
