//! When somebody asked for something the last time: what can wait, waits for quiet.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// The questions of consoles and commands, going on and past.
#[derive(Debug)]
pub(crate) struct Asks {
    begun: Instant,
    /// Going on now.
    open: AtomicU64,
    /// When the last one ended, milliseconds since `begun`.
    last_ms: AtomicU64,
}

/// A question that goes on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Asking<'a>(&'a Asks);

impl Default for Asks {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            open: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
        }
    }
}

impl Asks {
    /// A question begins.
    pub(crate) fn begin(&self) -> Asking<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Asking(self)
    }

    /// Since when nobody asks; now, while somebody does.
    pub(crate) fn quiet_since(&self) -> Instant {
        if self.open.load(Ordering::Relaxed) > 0 {
            return Instant::now();
        }
        self.begun + std::time::Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let Asks { begun, open, last_ms } = self.0;
        last_ms.store(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
        open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn it_is_quiet_from_the_end_of_the_last_question_on() {
        let asks = Asks::default();
        let begun = Instant::now();
        assert_eq!(asks.quiet_since(), begun);
        let asking = asks.begin();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(asks.quiet_since(), Instant::now(), "it goes on");
        drop(asking);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(asks.quiet_since(), begun + Duration::from_secs(5));
    }
}
