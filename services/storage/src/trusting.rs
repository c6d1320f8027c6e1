//! Whether the clock may be believed before history is deleted by it: one that leapt ahead is waited for.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::StoreError;
use crate::store::SqlStore;
use crate::transaction::Database;

/// A clock further ahead of what the store has seen than this has leapt, milliseconds: it is wrong, or the instance was off.
const LEAP_MS: i64 = 24 * 3_600_000;
/// The key of what was seen last, among the marks of retention.
const SEEN: &str = "clock";

/// A clock that leapt, since when it has gone on evenly.
#[derive(Debug, Clone, Copy)]
struct Leap {
    at: Instant,
    clock_ms: i64,
}

/// What is known about the clock.
#[derive(Debug, Default)]
pub(crate) struct Trusting {
    leap: Option<Leap>,
}

impl Trusting {
    /// Whether history may be deleted as of `now_ms`. The store remembers the time that was believed last; a leap ahead of it is
    /// believed once the clock has gone on from there for `proven_after`, as this process measures time.
    pub(crate) async fn believes<D: Database>(
        &mut self,
        store: &SqlStore<D>,
        now_ms: i64,
        proven_after: Duration,
    ) -> Result<bool, StoreError> {
        let mut seen_ms = store.retention_mark(SEEN).await?;
        if seen_ms.is_none() {
            seen_ms = store.newest_run().await?;
            if let Some(seen_ms) = seen_ms {
                // Kept before the first run of a wrong clock is written: the next start would believe that.
                store.set_retention_mark(SEEN, seen_ms).await?;
            }
        }
        let ahead_ms = seen_ms.map_or(0, |seen_ms| now_ms.saturating_sub(seen_ms));
        if ahead_ms > LEAP_MS && !self.is_proven(now_ms, ahead_ms, proven_after) {
            return Ok(false);
        }
        self.leap = None;
        // Back too: a time that was wrong is forgotten.
        store.set_retention_mark(SEEN, now_ms).await?;
        Ok(true)
    }

    fn is_proven(&mut self, now_ms: i64, ahead_ms: i64, proven_after: Duration) -> bool {
        let here = Instant::now();
        if let Some(leap) = self.leap {
            let passed = here.duration_since(leap.at);
            let expected_ms = leap.clock_ms.saturating_add(passed.as_millis() as i64);
            if now_ms.abs_diff(expected_ms) <= LEAP_MS.unsigned_abs() {
                return passed >= proven_after;
            }
        }
        tracing::warn!(
            ahead_ms,
            wait_s = proven_after.as_secs(),
            "the clock is far ahead of what the database has seen: nothing is deleted by age until it has stood so for a while"
        );
        self.leap = Some(Leap {
            at: here,
            clock_ms: now_ms,
        });
        false
    }
}
