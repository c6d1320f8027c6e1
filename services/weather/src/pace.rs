//! How often the provider is asked: a quota of the day, a least distance, and pauses that it asks for or that its refusals
//! deserve.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::ProviderError;

const DAY_MS: i64 = 86_400_000;
/// Pause after a refused key: somebody has to change it.
const KEY_PAUSE_MS: i64 = 900_000;
/// First pause after "too many requests" that names no time; each further one is twice as long …
const FIRST_PAUSE_MS: i64 = 60_000;
/// … up to this, which is also the longest one that a provider may ask for.
const MAX_PAUSE_MS: i64 = 3_600_000;

/// Why nothing is asked, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) why: String,
    /// Unix milliseconds.
    pub(crate) until_ms: i64,
}

/// Requests of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    /// Days since 1970, UTC.
    day: i64,
    requests: u32,
}

impl Used {
    /// The count of this day. One of a day that has not come is of a clock that was ahead: its requests were made, and count today.
    fn on(self, day: i64) -> Self {
        let requests = if self.day < day { 0 } else { self.requests };
        Self { day, requests }
    }
}

/// Days since 1970, UTC.
fn day_of(now_ms: i64) -> i64 {
    now_ms.div_euclid(DAY_MS)
}

#[derive(Debug, Default)]
struct Ledger {
    used: Used,
    /// As much of it as is stored: a process that begins anew goes on from there.
    stored: Used,
    /// The earliest instant of the next request.
    next: Option<Instant>,
    pause: Option<Pause>,
    /// Refusals for too many requests without a success between.
    refusals: u32,
}

/// The pace of one provider.
#[derive(Debug)]
pub(crate) struct Pace {
    quota: u32,
    gap: Duration,
    ledger: Mutex<Ledger>,
}

impl Pace {
    pub(crate) fn new(quota: u32, gap: Duration) -> Self {
        Self {
            quota,
            gap,
            ledger: Mutex::default(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Figures alone.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests of this day, and how many it has.
    pub(crate) fn used(&self, now_ms: i64) -> (u32, u32) {
        (self.ledger().used.on(day_of(now_ms)).requests, self.quota)
    }

    /// What is to be stored of the count: nothing while it is what is stored.
    pub(crate) fn unstored(&self) -> Option<Used> {
        let ledger = self.ledger();
        (ledger.used != ledger.stored).then_some(ledger.used)
    }

    /// This much is stored.
    pub(crate) fn stored(&self, used: Used) {
        self.ledger().stored = used;
    }

    /// Goes on from what another process, or an earlier one, has stored.
    pub(crate) fn resume(&self, stored: Used, now_ms: i64) {
        let mut ledger = self.ledger();
        let day = day_of(now_ms);
        let (ours, theirs) = (ledger.used.on(day), stored.on(day));
        ledger.stored = stored;
        if theirs.requests > ours.requests {
            ledger.used = theirs;
        }
    }

    /// Why nothing is asked now.
    pub(crate) fn pause(&self, now_ms: i64) -> Option<Pause> {
        let midnight_ms = (day_of(now_ms) + 1) * DAY_MS;
        let (used, quota) = self.used(now_ms);
        if used >= quota {
            let why = ProviderError::Quota { quota }.to_string();
            return Some(Pause {
                why,
                until_ms: midnight_ms,
            });
        }
        // One that is longer than any is of a clock that was set back.
        let is_on = |pause: &Pause| (1..=MAX_PAUSE_MS).contains(&(pause.until_ms - now_ms));
        self.ledger().pause.clone().filter(is_on)
    }

    /// Books a request and gives the instant at which it may be sent.
    fn book(&self, now_ms: i64) -> Result<Instant, ProviderError> {
        if let Some(pause) = self.pause(now_ms) {
            let (used, quota) = self.used(now_ms);
            return Err(if used >= quota {
                ProviderError::Quota { quota }
            } else {
                ProviderError::Paused {
                    left_ms: pause.until_ms - now_ms,
                    why: pause.why,
                }
            });
        }
        let mut ledger = self.ledger();
        ledger.used = ledger.used.on(day_of(now_ms));
        ledger.used.requests += 1;
        let now = Instant::now();
        let at = ledger.next.map_or(now, |next| next.max(now));
        ledger.next = Some(at + self.gap);
        Ok(at)
    }

    /// Waits for the turn of one request.
    ///
    /// # Errors
    /// [`ProviderError::Paused`], [`ProviderError::Quota`].
    pub(crate) async fn enter(&self, now_ms: i64) -> Result<(), ProviderError> {
        let at = self.book(now_ms)?;
        tokio::time::sleep_until(at).await;
        Ok(())
    }

    /// What became of a request.
    pub(crate) fn told<T>(&self, outcome: &Result<T, ProviderError>, now_ms: i64) {
        let mut ledger = self.ledger();
        let (why, pause_ms) = match outcome {
            Ok(_) => {
                (ledger.refusals, ledger.pause) = (0, None);
                return;
            }
            Err(error @ (ProviderError::Key { .. } | ProviderError::KeyFile(_))) => (error, KEY_PAUSE_MS),
            Err(error @ ProviderError::TooMany { wait_ms }) => {
                let doubled = FIRST_PAUSE_MS.saturating_mul(1 << ledger.refusals.min(10));
                ledger.refusals += 1;
                (error, wait_ms.unwrap_or(doubled))
            }
            // One place may fail alone.
            Err(_) => return,
        };
        ledger.pause = Some(Pause {
            why: why.to_string(),
            until_ms: now_ms + pause_ms.clamp(1_000, MAX_PAUSE_MS),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000_000;
    type Outcome = Result<(), ProviderError>;

    #[tokio::test(start_paused = true)]
    async fn requests_keep_their_distance_and_the_quota_ends() {
        let pace = Pace::new(3, Duration::from_millis(100));
        let start = Instant::now();
        for _ in 0..3 {
            pace.enter(NOW).await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::from_millis(200));
        assert!(matches!(pace.enter(NOW).await, Err(ProviderError::Quota { quota: 3 })));
        let pause = pace.pause(NOW).unwrap();
        assert_eq!(pause.until_ms % DAY_MS, 0, "until midnight UTC");
        pace.enter(pause.until_ms).await.unwrap();
        assert_eq!(pace.used(pause.until_ms), (1, 3));
    }

    #[test]
    fn a_count_goes_on_where_it_was_stored() {
        let (before, after) = (Pace::new(3, Duration::ZERO), Pace::new(3, Duration::ZERO));
        assert_eq!(before.unstored(), None);
        for _ in 0..3 {
            before.book(NOW).unwrap();
        }
        let used = before.unstored().unwrap();
        before.stored(used);
        assert_eq!(before.unstored(), None, "once is enough");
        after.resume(used, NOW);
        assert_eq!((after.used(NOW), after.unstored()), ((3, 3), None));
        assert!(matches!(after.book(NOW), Err(ProviderError::Quota { quota: 3 })));
        after.book(NOW + DAY_MS).unwrap();
        after.resume(used, NOW + DAY_MS);
        assert_eq!(after.used(NOW + DAY_MS), (1, 3), "another day's count is no news");
        assert!(after.unstored().is_some());
    }

    #[test]
    fn a_count_of_a_clock_that_was_ahead_is_over_at_midnight() {
        let (before, after) = (Pace::new(3, Duration::ZERO), Pace::new(3, Duration::ZERO));
        before.book(NOW + DAY_MS).unwrap();
        before.book(NOW + DAY_MS).unwrap();
        let ahead = before.unstored().unwrap();
        after.resume(ahead, NOW);
        for pace in [&before, &after] {
            assert_eq!(pace.used(NOW), (2, 3), "they were made");
            pace.book(NOW).unwrap();
            assert!(pace.unstored().is_some_and(|used| used.day == day_of(NOW)));
            assert_eq!(pace.used(NOW + DAY_MS), (0, 3), "that day has a count of its own");
        }
    }

    #[test]
    fn refusals_pause_everything_and_longer_each_time() {
        let pace = Pace::new(100, Duration::ZERO);
        let pause_ms = || pace.pause(NOW).map(|pause| pause.until_ms - NOW);
        let too_many = |wait_ms| Outcome::Err(ProviderError::TooMany { wait_ms });
        pace.told(&too_many(None), NOW);
        assert_eq!(pause_ms(), Some(60_000));
        pace.told(&too_many(None), NOW);
        assert_eq!(pause_ms(), Some(120_000));
        pace.told(&too_many(Some(7_000)), NOW);
        assert_eq!(pause_ms(), Some(7_000), "the provider knows best");
        pace.told(&too_many(Some(i64::MAX)), NOW);
        assert_eq!(pause_ms(), Some(MAX_PAUSE_MS));
        pace.told(&Outcome::Err(ProviderError::Slow(Duration::ZERO)), NOW);
        assert_eq!(
            pause_ms(),
            Some(MAX_PAUSE_MS),
            "one place says nothing about the others"
        );
        pace.told(&Ok(()), NOW);
        assert_eq!(pause_ms(), None);
        pace.told(&Outcome::Err(ProviderError::KeyFile("x".to_owned())), NOW);
        assert_eq!(pause_ms(), Some(KEY_PAUSE_MS));
    }
}
