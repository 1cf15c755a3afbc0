//! A server, a helper, a writer at work, and others who get in the way.

use std::time::{Duration, Instant};

use mariasnap_dbus::properties::STATE;
use mariasnap_tests::fake_helper::{SyncPool, Take};
use mariasnap_tests::locker::{Ended, Running, World};
use mariasnap_tests::mariadb::{Server, Writer};
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

use super::{Fault, Stall};

/// `lock.max_stall` of every fault.
pub(crate) const MAX_STALL: Duration = Duration::from_secs(1);
/// `lock.max_hold` of every fault in which the lock is held.
pub(crate) const MAX_HOLD: Duration = Duration::from_secs(2);
/// How long a hold lasts at least that ends by its bound.
pub(crate) const MOST_OF_IT: Duration = Duration::from_millis(1500);

/// Longer than anything lasts that is waited for here.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a fault is driven.
pub(crate) struct Stage {
    /// The server, the fake helper, the program.
    pub(crate) world: World,
    writer: Writer,
    /// When the server itself stood still, was gone or took no writes, which is nobody's stall.
    pub(crate) outage: Option<(Instant, Instant)>,
    others: Vec<(u32, JoinHandle<()>)>,
}

impl Stage {
    /// Configures the program for the fault, with a helper of its own, and has a writer begin.
    pub(crate) async fn set(server: Server, fault: &Fault) -> Self {
        let (socket, Fault { lock, quiet, .. }) = (server.socket().display().to_string(), fault);
        // Where attempts are bounded, one that isn't lasts long enough to be told from a busy machine.
        let (max_wait, max_hold) = match fault.stall {
            Stall::Attempt => (MAX_STALL * 6, MAX_STALL * 6),
            Stall::None | Stall::Hold => (MAX_STALL * 3, MAX_HOLD),
        };
        let config = format!(
            "[database]\nsocket = \"{socket}\"\nuser = \"snap\"\nconnect_timeout = \"1s\"\n\
             [lock]\nmax_wait = \"{}s\"\nmax_stall = \"{}s\"\nmax_hold = \"{}s\"\n{lock}\n[quiet]\n{quiet}\n",
            max_wait.as_secs(),
            MAX_STALL.as_secs(),
            max_hold.as_secs()
        );
        let world = World::with_server(server, &config);
        let writer = world.server.write().await;
        writer.next_commit(PATIENCE).await;
        Self {
            world,
            writer,
            outage: None,
            others: Vec::new(),
        }
    }

    /// A run with this `TakeSnapshot`, up to its end.
    pub(crate) async fn take(&mut self, take: Take) -> Ended {
        self.world.helper.state().take = take;
        self.world.snapshot().end().await
    }

    /// A run with this `SyncPool`, up to its end.
    pub(crate) async fn sync(&mut self, sync: SyncPool) -> Ended {
        self.world.helper.state().sync = sync;
        self.world.snapshot().end().await
    }

    /// A run with this `TakeSnapshot`, as far as the helper being asked for it.
    pub(crate) async fn take_begun(&mut self, take: Take) -> Running {
        self.world.helper.state().take = take;
        let run = self.world.snapshot();
        self.world.helper.wait_for("TakeSnapshot").await;
        run
    }

    /// Somebody else at these statements. Both the last one and the connection stay to the end of the run.
    pub(crate) async fn other(&mut self, statements: &'static [&'static str]) {
        let mut conn = self.world.server.connect().await;
        let id = conn.id();
        let work = tokio::spawn(async move {
            for statement in statements {
                // The last one may be killed with its connection.
                if conn.query_drop(*statement).await.is_err() {
                    return;
                }
            }
            std::future::pending().await
        });
        self.others.push((id, work));
        tokio::time::sleep(Duration::from_millis(400)).await;
    }

    /// A run with `strategy = "ftwrl"`, as far as being in line behind an UPDATE that doesn't end.
    pub(crate) async fn ftwrl_behind_an_update(&mut self) -> Running {
        self.fill_big("seq_1_to_1").await;
        // FLUSH TABLES comes through before it starts, FTWRL waits behind it.
        self.world.helper.state().sync = SyncPool::AnswerAfter(MAX_STALL / 2);
        let run = self.world.snapshot();
        self.world.helper.wait_for("SyncPool").await;
        self.other(&["UPDATE t.big SET i = i + SLEEP(30)"]).await;
        self.wait_for("info LIKE 'FLUSH TABLES WITH%'").await;
        run
    }

    /// Makes a table `t.big` that others can be at.
    pub(crate) async fn fill_big(&self, rows: &str) {
        let server = &self.world.server;
        server.run("CREATE OR REPLACE TABLE t.big (i INT)").await;
        server.run(&format!("INSERT INTO t.big SELECT seq FROM t.{rows}")).await;
    }

    /// KILL of the run's connection.
    pub(crate) async fn kill_connection(&self) {
        let ids = self.world.server.connections_of("snap").await;
        assert_eq!(ids.len(), 1, "one pinned connection");
        self.world.server.run(&format!("KILL {}", ids[0])).await;
    }

    /// Waits until the process list has such a connection.
    pub(crate) async fn wait_for(&self, condition: &str) {
        self.world.server.wait_for_process(condition, true).await;
    }

    /// The server stands still to the end of the run.
    pub(crate) async fn stop_server_until_end(&mut self, run: Running) -> Ended {
        let from = Instant::now();
        self.world.server.signal("STOP");
        let ended = run.end().await;
        self.world.server.signal("CONT");
        self.outage = Some((from, Instant::now()));
        ended
    }

    /// The server crashes, and comes back.
    pub(crate) async fn restart_server(&mut self) {
        let from = Instant::now();
        self.world.server.kill();
        self.world.server.start_again().await;
        self.outage = Some((from, Instant::now()));
    }

    /// Waits until commits go on.
    pub(crate) async fn wait_for_commit(&self) -> Result<(), String> {
        let start = Instant::now();
        while self.writer.commits_between(start, Instant::now()) == 0 {
            if start.elapsed() > PATIENCE {
                return Err(format!("no commit within {PATIENCE:?}"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The longest time between two commits, but for what of it the server wasn't there.
    pub(crate) fn stall(&self) -> Duration {
        let away = |from: Instant, to: Instant| match self.outage {
            Some((gone, back)) => back.min(to).saturating_duration_since(gone.max(from)),
            None => Duration::ZERO,
        };
        let gaps = self.writer.gaps().into_iter();
        let stalls = gaps.map(|(from, to)| (to - from).saturating_sub(away(from, to)));
        stalls.max().unwrap_or_default()
    }

    /// What `list` shows: the states, or why it shows nothing.
    pub(crate) async fn listed(&self) -> String {
        let listed = self.world.run(&["list", "main", "--json"]).await;
        if listed.code != 0 {
            return format!("exit code {}", listed.code);
        }
        let report = listed.json();
        let snapshots = report["snapshots"].as_array().unwrap();
        let states: Vec<_> = snapshots.iter().map(|one| one[STATE].as_str().unwrap()).collect();
        match states.is_empty() {
            true => "nothing".to_owned(),
            false => states.join(", "),
        }
    }

    /// Whether the others were there to the end, and then, without them, nothing of the run is left: no connection, no
    /// lock on writes without transactions or on DDL.
    pub(crate) async fn is_clean(&mut self) -> Result<(), String> {
        let server = &self.world.server;
        for (id, work) in self.others.drain(..) {
            if server.processes(&format!("id = {id}")).await.is_empty() {
                return Err("whoever was in the way left early".to_owned());
            }
            server.run(&format!("KILL {id}")).await;
            work.abort();
            gone(server, &format!("id = {id}")).await?;
        }
        for prepared in server.rows("XA RECOVER").await {
            server.run(&format!("XA ROLLBACK '{}'", prepared["data"])).await;
        }
        gone(server, "user = 'snap'").await?;
        for statement in [
            "CREATE TABLE t.free (i INT) ENGINE=MyISAM",
            "INSERT INTO t.free VALUES (1)",
            "DROP TABLE t.free",
        ] {
            let done = tokio::time::timeout(Duration::from_secs(3), server.run(statement)).await;
            done.map_err(|_| format!("{statement} waits"))?;
        }
        Ok(())
    }

    /// Ends all but the server.
    pub(crate) fn strike(self) -> Server {
        self.world.server
    }
}

async fn gone(server: &Server, whose: &str) -> Result<(), String> {
    let start = Instant::now();
    while !server.processes(whose).await.is_empty() {
        if start.elapsed() > Duration::from_secs(3) {
            return Err(format!("a connection is left behind: {whose}"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
