//! Bounds and signals that cut work short.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// Why work was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Interrupt {
    /// Asked to end.
    #[error("{0} received")]
    Signal(&'static str),
    /// `lock.max_wait` is over.
    #[error("lock.max_wait ({0:?}) is over")]
    MaxWait(Duration),
    /// `lock.max_stall` is over.
    #[error("lock.max_stall ({0:?}) is over")]
    MaxStall(Duration),
    /// `max_hold` is over, of a snapshot's lock or of a freeze's.
    #[error("{key} ({bound:?}) is over")]
    MaxHold {
        /// The key in the target's file.
        key: &'static str,
        /// Its value.
        bound: Duration,
    },
    /// The time that a hook's caller gives it is over.
    #[error("the hook's time ({0:?}) was over")]
    Budget(Duration),
}

impl Interrupt {
    /// Whether somebody asked for it.
    pub fn is_signal(self) -> bool {
        matches!(self, Self::Signal(_))
    }
}

/// A moment, and what it means when it comes.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    meaning: Interrupt,
}

impl Deadline {
    /// `lock.max_wait` from now.
    pub fn max_wait(bound: Duration) -> Self {
        Self {
            at: Instant::now() + bound,
            meaning: Interrupt::MaxWait(bound),
        }
    }

    /// `lock.max_stall` from now.
    pub fn max_stall(bound: Duration) -> Self {
        Self {
            at: Instant::now() + bound,
            meaning: Interrupt::MaxStall(bound),
        }
    }

    /// `max_hold` from now, which has that key in the target's file.
    pub fn max_hold(key: &'static str, bound: Duration) -> Self {
        Self {
            at: Instant::now() + bound,
            meaning: Interrupt::MaxHold { key, bound },
        }
    }

    /// A hook's time from now.
    pub fn budget(bound: Duration) -> Self {
        Self {
            at: Instant::now() + bound,
            meaning: Interrupt::Budget(bound),
        }
    }

    /// How long it is until then.
    pub fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Does the work unless the deadline comes first; a signal waits until it is done.
    pub async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        tokio::time::timeout_at(self.at, work).await.map_err(|_| self.meaning)
    }

    /// Whichever comes first.
    pub fn earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }
}

/// SIGTERM, SIGINT and SIGHUP, caught from here on.
#[derive(Debug)]
pub struct Stop {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Stop {
    /// Starts to catch them.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one.
    pub async fn come(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
            _ = self.hup.recv() => {}
        }
    }

    /// Does the work unless a signal or the deadline comes first. The work is then left where it stands.
    pub async fn unless<T>(
        &mut self,
        deadline: Option<Deadline>,
        work: impl Future<Output = T>,
    ) -> Result<T, Interrupt> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            _ = self.term.recv() => Err(Interrupt::Signal("SIGTERM")),
            _ = self.int.recv() => Err(Interrupt::Signal("SIGINT")),
            _ = self.hup.recv() => Err(Interrupt::Signal("SIGHUP")),
            meaning = passed(deadline) => Err(meaning),
        }
    }
}

async fn passed(deadline: Option<Deadline>) -> Interrupt {
    match deadline {
        Some(deadline) => {
            tokio::time::sleep_until(deadline.at).await;
            deadline.meaning
        }
        None => std::future::pending().await,
    }
}
