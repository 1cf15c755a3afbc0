//! The way back from the lock, whatever stands in it.

use std::time::Duration;

use tokio::time::Instant;

use super::Plan;
use crate::database::{DatabaseError, Session, kill};

/// How long an unlock statement may take before the connection is closed instead.
const UNLOCK_BOUND: Duration = Duration::from_secs(1);

/// Gives the lock back by its statement, or else by closing the connection and killing its thread. An error means that
/// the statement didn't do it; the lock is gone all the same, or the server is. Also returns when it was gone.
pub(super) async fn release(mut session: Session, plan: &Plan) -> (Instant, Result<(), DatabaseError>) {
    let unlocked = match plan.kind.strategy().release() {
        _ if session.is_busy() => None,
        None => Some(Ok(())),
        Some(statement) => tokio::time::timeout(UNLOCK_BOUND, session.run(statement)).await.ok(),
    };
    let answered = Instant::now();
    match unlocked {
        Some(Ok(())) => {
            session.close().await;
            (answered, Ok(()))
        }
        Some(Err(error)) => {
            cut_off(session, plan).await;
            (answered, Err(error))
        }
        None => {
            cut_off(session, plan).await;
            // No answer said that it is gone, so it may have stayed until the server ended the connection.
            (Instant::now(), Err(DatabaseError::Dropped))
        }
    }
}

/// Closing the socket frees what a thread holds that reads from it; one that waits for a lock doesn't notice, and others
/// queue behind it until it is killed.
async fn cut_off(session: Session, plan: &Plan) {
    let id = session.id();
    session.slam();
    kill(&plan.database, id).await;
}
