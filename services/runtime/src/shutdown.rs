//! Orderly end: one token that every stream and loop watches, one tracker that owns every task.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks may take to end after the token fell (RELIABILITY, promise 19).
pub const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Clone it into every part of a process.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Shutdown {
    /// A new one, running.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token to select on. It falls once.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Runs `task` as a tracked task. It should end soon after the token falls; one that does not is dropped with the
    /// runtime after the drain limit.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(async move {
            task.await;
            tracing::trace!(task = name, "ended");
        });
    }

    /// Lets the token fall.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Waits for all tasks, at most `limit`; `false` when some did not end.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}
