//! The query budget: how hard we may lean on the operator's Prometheus.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Answers slower than this many times the usual are a sign of load.
const SLOW_FACTOR: f64 = 4.0;
/// Latencies below this are never a sign of load.
const SLOW_FLOOR: Duration = Duration::from_millis(500);
/// Longest pause before a request.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// Weight of the newest latency in the usual one.
const USUAL_WEIGHT: f64 = 0.1;

/// Lets at most `concurrency` requests out at once, and makes each wait first while the server's latency is high or more
/// bytes came than its rate allows.
#[derive(Debug)]
pub(crate) struct Budget {
    permits: Arc<Semaphore>,
    pace: Mutex<Pace>,
    bytes_per_s: u64,
    /// When the bytes received so far are paid for.
    paid_at: Mutex<Option<Instant>>,
}

/// What the pause is computed from; latency = time until the first byte of the answer.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    usual_s: Option<f64>,
    pause: Duration,
}

impl Pace {
    /// Takes note of one latency. A slow answer sets a pause of half its latency; each quick one halves the pause.
    pub(crate) fn observe(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let usual = *self.usual_s.get_or_insert(seconds);
        if latency > SLOW_FLOOR && seconds > usual * SLOW_FACTOR {
            self.pause = (latency / 2).min(MAX_PAUSE);
        } else {
            self.pause /= 2;
        }
        // A burst of slow answers must not become the new normal at once.
        let taken = seconds.min(usual * SLOW_FACTOR);
        self.usual_s = Some(usual + USUAL_WEIGHT * (taken - usual));
    }

    /// How long the next request waits.
    pub(crate) fn pause(&self) -> Duration {
        if self.pause < Duration::from_millis(5) {
            Duration::ZERO
        } else {
            self.pause
        }
    }
}

impl Budget {
    pub(crate) fn new(concurrency: usize, bytes_per_s: u64) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(concurrency.max(1))),
            pace: Mutex::default(),
            bytes_per_s: bytes_per_s.max(1),
            paid_at: Mutex::default(),
        }
    }

    /// Waits for a place and for the pause; the place is given back when the permit is dropped.
    pub(crate) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        let permit = self.permits.clone().acquire_owned().await.ok();
        let pause = self.locked(|pace| pace.pause()).max(self.debt(Instant::now()));
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        permit
    }

    /// Takes note of a latency.
    pub(crate) fn observe(&self, latency: Duration) {
        self.locked(|pace| pace.observe(latency));
    }

    /// Takes note of bytes received; the requests that follow wait until the rate allows them.
    pub(crate) fn spent(&self, bytes: u64, now: Instant) {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = paid_at.map_or(now, |at| at.max(now));
        *paid_at = Some(from + Duration::from_secs_f64(bytes as f64 / self.bytes_per_s as f64));
    }

    /// How long until the bytes received so far are paid for.
    fn debt(&self, now: Instant) -> Duration {
        let paid_at = *self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        paid_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Pace) -> T) -> T {
        work(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_comes_with_slow_answers_and_goes_with_quick_ones() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.observe(Duration::from_millis(100));
        }
        assert_eq!(pace.pause(), Duration::ZERO);
        pace.observe(Duration::from_secs(3));
        assert_eq!(pace.pause(), Duration::from_millis(1500));
        pace.observe(Duration::from_mins(1));
        assert_eq!(pace.pause(), MAX_PAUSE);
        for _ in 0..12 {
            pace.observe(Duration::from_millis(100));
        }
        assert_eq!(pace.pause(), Duration::ZERO);
    }

    #[test]
    fn bytes_are_paid_for_by_waiting() {
        let budget = Budget::new(2, 1_000_000);
        let now = Instant::now();
        budget.spent(500_000, now);
        budget.spent(1_000_000, now);
        assert_eq!(budget.debt(now), Duration::from_millis(1_500));
        assert_eq!(budget.debt(now + Duration::from_secs(1)), Duration::from_millis(500));
        assert_eq!(budget.debt(now + Duration::from_secs(9)), Duration::ZERO);
        budget.spent(1_000, now + Duration::from_secs(9));
        assert_eq!(budget.debt(now + Duration::from_secs(9)), Duration::from_millis(1));
    }

    #[test]
    fn a_server_that_was_always_slow_is_not_paused() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.observe(Duration::from_secs(3));
        }
        assert_eq!(pace.pause(), Duration::ZERO);
    }
}
