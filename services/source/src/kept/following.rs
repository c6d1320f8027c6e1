//! Samples that another process collects and this one reads in rounds: who misses a series asks for a round before its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// How long a question waits for a round, at most.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Both ends: who reads the rounds, and who asks for them.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// Whether anybody reads rounds: where not, there is nothing to wait for.
    is_read: AtomicBool,
    missed: Notify,
    rounds: watch::Sender<u64>,
}

impl Following {
    /// Asks for a round.
    pub(super) fn miss(&self) {
        self.missed.notify_one();
    }

    /// Asks for rounds, where there are any, until one has begun after this question; `is_found` ends it earlier.
    pub(super) async fn wait(&self, is_found: impl Fn() -> bool) {
        let mut rounds = self.rounds.subscribe();
        let look = async {
            // The first one that ends may have begun before.
            for _ in 0..2 {
                self.miss();
                if !self.is_read.load(Ordering::Acquire) || rounds.changed().await.is_err() || is_found() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(LONGEST_WAIT, look).await;
    }

    fn end_round(&self) {
        self.rounds.send_modify(|rounds| *rounds += 1);
    }
}

/// The end that reads rounds; nobody waits for it any more once it is dropped.
pub struct Follower<'a>(&'a Following);

impl<'a> Follower<'a> {
    pub(super) fn new(following: &'a Following) -> Self {
        following.is_read.store(true, Ordering::Release);
        Self(following)
    }

    /// A round was read: whoever waited looks again.
    pub fn has_read(&self) {
        self.0.end_round();
    }

    /// Until somebody misses a series.
    pub async fn missed(&self) {
        self.0.missed.notified().await;
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        self.0.is_read.store(false, Ordering::Release);
        self.0.end_round();
    }
}
