//! What ends the locked part of a cut.

use std::pin::pin;

use mariasnap_dbus::Cut;

use crate::helper::HelperFailure;
use crate::interrupt::{Deadline, Interrupt, Stop};
use crate::pool::{Unwatched, Watching};

/// The moment at which the lock has done its work, or has been held in vain.
#[derive(Debug)]
pub(super) enum Moment {
    /// No later write can be in the snapshot if its createtxg is below this transaction group.
    Early {
        /// One that was open at that moment.
        open_txg: u64,
    },
    /// The helper has answered: the snapshot is on the disks, or there is none.
    Answered(Result<Cut, HelperFailure>),
}

impl Moment {
    /// Waits for it. `taking` is left where it stands if the pool moves on first.
    pub(super) async fn of(
        taking: &mut (impl Future<Output = Result<Cut, HelperFailure>> + Unpin),
        watching: Option<Watching>,
    ) -> Self {
        let early = async {
            match watching {
                Some(watching) => watching.moved_on().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = taking => Self::Answered(answer),
            open_txg = early => Self::Early { open_txg },
        }
    }

    /// Whether a snapshot can come of it, so that the lock is worth proving.
    pub(super) fn is_worth_a_proof(&self) -> bool {
        !matches!(self, Self::Answered(Err(_)))
    }
}

/// Waits for the moment, and for what is done beside it, unless a signal or the deadline comes first. Two answers, as
/// either can come without the other; what is beside isn't waited for where nothing comes of the cut.
pub(super) async fn reach(
    moment: impl Future<Output = Moment>,
    beside: impl Future<Output = ()>,
    deadline: Deadline,
    stop: &mut Stop,
) -> (Result<Moment, Interrupt>, Result<(), Interrupt>) {
    let (mut moment, mut beside, mut is_done) = (pin!(moment), pin!(beside), false);
    let reaching = async {
        loop {
            tokio::select! {
                biased;
                reached = &mut moment => break reached,
                () = &mut beside, if !is_done => is_done = true,
            }
        }
    };
    let reached = stop.unless(Some(deadline), reaching).await;
    let done = match &reached {
        Ok(moment) if moment.is_worth_a_proof() && !is_done => stop.unless(Some(deadline), beside).await,
        _ => Ok(()),
    };
    (reached, done)
}

/// Adds a warning where the pool can't be watched, which costs nothing but a longer hold.
pub(super) fn or_warn<T>(watched: Result<T, Unwatched>, warnings: &mut Vec<String>) -> Option<T> {
    let unwatched = match watched {
        Ok(watched) => return Some(watched),
        Err(unwatched) => unwatched,
    };
    warnings.push(format!(
        "the lock is held until the snapshot is on the disks, which takes longer than need be: {unwatched}"
    ));
    None
}

/// What the helper says in the end; and the transaction group whose opening ended the hold, if one did.
pub(super) async fn answer(
    moment: Result<Moment, Interrupt>,
    taking: &mut (impl Future<Output = Result<Cut, HelperFailure>> + Unpin),
    stop: &mut Stop,
) -> Result<Result<(Cut, Option<u64>), HelperFailure>, Interrupt> {
    match moment? {
        Moment::Answered(answer) => Ok(answer.map(|cut| (cut, None))),
        Moment::Early { open_txg } => {
            let answer = stop.unless(None, taking).await?;
            Ok(answer.map(|cut| (cut, Some(open_txg))))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    const EARLY: Moment = Moment::Early { open_txg: 7 };

    async fn reached(moment: impl Future<Output = Moment>, beside: impl Future<Output = ()>) -> [&'static str; 2] {
        let deadline = Deadline::max_hold("lock.max_hold", Duration::from_millis(50));
        let (reached, done) = reach(moment, beside, deadline, &mut Stop::catch().unwrap()).await;
        let word = |is_there| if is_there { "there" } else { "not there" };
        [word(reached.is_ok()), word(done.is_ok())]
    }

    async fn later<T>(value: T) -> T {
        tokio::time::sleep(Duration::from_millis(10)).await;
        value
    }

    #[tokio::test]
    async fn the_moment_and_what_is_beside_it_come_in_any_order() {
        for (first, second) in [(0, 10), (10, 0), (10, 10)] {
            let after = |ms| tokio::time::sleep(Duration::from_millis(ms));
            let moment = async {
                after(first).await;
                EARLY
            };
            assert_eq!(reached(moment, after(second)).await, ["there"; 2], "{first} {second}");
        }
    }

    /// A server that freezes under the lock leaves the position unread; what became of the cut is known all the same.
    #[tokio::test]
    async fn a_moment_is_kept_though_what_is_beside_it_never_comes() {
        assert_eq!(reached(later(EARLY), pending()).await, ["there", "not there"]);
    }

    #[tokio::test]
    async fn without_the_moment_nothing_else_is_waited_for() {
        assert_eq!(reached(pending(), ready(())).await, ["not there", "there"]);
        assert_eq!(reached(pending(), pending()).await, ["not there", "there"]);
    }
}
