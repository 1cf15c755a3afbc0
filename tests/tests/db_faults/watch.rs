//! Whether commits are stopped, as the server itself tells: a stall can be the machine's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mariasnap_tests::mariadb::Server;
use mysql_async::prelude::Queryable;
use tokio::task::JoinHandle;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// The writer's statement, waiting for a lock.
const WAITS: &str = "SELECT COUNT(*) FROM information_schema.processlist \
     WHERE info LIKE 'INSERT INTO t.a VALUES%' AND state LIKE 'Waiting for%'";

/// Somebody who looks at the process list again and again.
pub(crate) struct Watch {
    seen: Arc<AtomicUsize>,
    looking: JoinHandle<()>,
}

impl Watch {
    /// Begins to look, for as long as the server lives.
    pub(crate) async fn start(server: &Server) -> Self {
        let (mut conn, seen) = (server.connect().await, Arc::<AtomicUsize>::default());
        let count = Arc::clone(&seen);
        let looking = tokio::spawn(async move {
            while let Ok(waiting) = conn.query_first::<usize, _>(WAITS).await {
                count.fetch_add(waiting.unwrap_or_default(), Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { seen, looking }
    }

    /// How often the writer was seen to wait.
    pub(crate) fn end(self) -> usize {
        self.looking.abort();
        self.seen.load(Ordering::Relaxed)
    }
}
