//! Orderly end: a notice for those who ask for health, one token that every stream and loop watches, one tracker that owns
//! every task.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks may take to end after the token fell (RELIABILITY, promise 19).
pub const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// How long the doors stay open after NOT_SERVING, once somebody has asked for health.
pub const NOTICE: Duration = Duration::from_millis(500);

/// Clone it into every part of a process.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    notice: CancellationToken,
    gives_notice: Arc<AtomicBool>,
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

    /// Begins the end: health says so at once; the token falls [`NOTICE`] later where somebody asks for health, else at once.
    pub fn begin(&self) {
        self.notice.cancel();
        if !self.gives_notice.load(Ordering::SeqCst) {
            self.token.cancel();
            return;
        }
        let token = self.token.clone();
        self.spawn("notice", async move {
            tokio::select! {
                () = tokio::time::sleep(NOTICE) => token.cancel(),
                () = token.cancelled() => {}
            }
        });
    }

    /// Somebody asks for health: from now on the end is told before the doors close.
    pub fn give_notice(&self) {
        self.gives_notice.store(true, Ordering::SeqCst);
    }

    /// Whether the end has begun.
    pub fn is_noticed(&self) -> bool {
        self.notice.is_cancelled()
    }

    /// Waits until the end begins.
    pub async fn noticed(&self) {
        self.notice.cancelled().await;
    }

    /// Waits for all tasks, at most `limit`; `false` when some did not end.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.notice.cancel();
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}
