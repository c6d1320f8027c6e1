//! Orderly end: a notice for those who ask for health, one token that every stream and loop watches, one tracker that owns
//! every task.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks may take to end after the token fell. With the notice before it and the closing of the database after it an
/// instance is gone within 5 s.
pub const DRAIN_LIMIT: Duration = Duration::from_millis(3_400);
/// How long the doors stay open after NOT_SERVING, once somebody has asked for health.
pub const NOTICE: Duration = Duration::from_millis(500);

/// Clone it into every part of a process.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    notice: CancellationToken,
    gives_notice: Arc<AtomicBool>,
    token: CancellationToken,
    tracker: TaskTracker,
    /// Why the process cannot go on, when it cannot.
    failure: Arc<OnceLock<String>>,
    /// Tasks that have not ended, by name.
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

/// Takes its task off the list, however that ends.
struct Listed {
    name: &'static str,
    shutdown: Shutdown,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut running = self.shutdown.running();
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
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
        *self.running().entry(name).or_default() += 1;
        let listed = Listed {
            name,
            shutdown: self.clone(),
        };
        self.tracker.spawn(async move {
            task.await;
            drop(listed);
        });
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        // Counts, changed one by one.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Begins the end because the process is of no use any more; the first reason is the one it ends with.
    pub fn fail(&self, why: impl Into<String>) {
        let why = self.failure.get_or_init(|| why.into());
        tracing::error!(why, "this process cannot go on");
        self.begin();
    }

    /// Why the process could not go on.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
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

    /// Waits for all tasks, at most `limit`; `false` when some did not end, which the log then names.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.notice.cancel();
        self.token.cancel();
        self.tracker.close();
        let ended = tokio::time::timeout(limit, self.tracker.wait()).await.is_ok();
        if !ended {
            let names: Vec<&str> = self.running().keys().copied().collect();
            tracing::warn!(tasks = names.join(", "), "some tasks did not end in time");
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_known_by_its_name() {
        let shutdown = Shutdown::new();
        shutdown.spawn("good", async {});
        shutdown.spawn("stuck", std::future::pending());
        assert!(!shutdown.drain(DRAIN_LIMIT).await);
        assert_eq!(shutdown.running().keys().copied().collect::<Vec<_>>(), ["stuck"]);
    }
}
