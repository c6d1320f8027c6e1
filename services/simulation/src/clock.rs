//! The two clocks of a simulation: that of the world, which the source's server shows, and the machine's, which may be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sla_domain::Clock;
use tokio::time::Instant;

/// The machine's clock during one life of the instance. It goes with tokio's virtual time.
pub(crate) struct LifeClock {
    begun: Instant,
    /// World time at the begin of this life, Unix milliseconds.
    begun_ms: i64,
    /// By how much the machine's clock is ahead of the world, milliseconds.
    skew_ms: Arc<AtomicI64>,
}

impl LifeClock {
    /// Of a life that begins now, at `begun_ms` of the world.
    pub(crate) fn new(begun_ms: i64, skew_ms: Arc<AtomicI64>) -> Self {
        Self {
            begun: Instant::now(),
            begun_ms,
            skew_ms,
        }
    }

    /// World time, Unix milliseconds.
    pub(crate) fn world_ms(&self) -> i64 {
        self.begun_ms + self.begun.elapsed().as_millis() as i64
    }

    /// Waits until the world's time is `world_ms`.
    pub(crate) async fn wait_until(&self, world_ms: i64) {
        let left_ms = world_ms - self.world_ms();
        if left_ms > 0 {
            tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs())).await;
        }
    }
}

impl Clock for LifeClock {
    fn now_ms(&self) -> i64 {
        self.world_ms() + self.skew_ms.load(Ordering::SeqCst)
    }
}
