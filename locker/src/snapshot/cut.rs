//! What ends the locked part of a cut.

use mariasnap_dbus::Cut;

use crate::helper::HelperFailure;
use crate::interrupt::{Interrupt, Stop};
use crate::pool::Watching;

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
