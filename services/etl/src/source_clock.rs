//! The clock of a source: ours, corrected by what the server's answers showed where the two differ so much that judging by
//! ours would be wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sla_domain::Clock;
use sla_domain::duration::format_short_ms;
use sla_source::{MetricSource, ServerTime};
use tokio::time::Instant;

/// A difference from here on is noticed and corrected, milliseconds; with a finer spacing from half of it on …
const NOTICED_MS: i64 = 5_000;
/// … but not below what `Date`, which has no fractions of a second, can tell.
const LEAST_NOTICED_MS: i64 = 2_000;
/// Our clock has jumped when it and the monotonic one went apart by more than this between two looks, milliseconds.
const JUMP_MS: i64 = 1_000;

/// Our clock and the monotonic one, seen together.
#[derive(Debug, Clone, Copy)]
struct Mark {
    wall_ms: i64,
    at: Instant,
    /// Readings of the server made before the last jump tell nothing about our clock after it.
    after_jump: Option<Instant>,
}

/// The time of one source. As a [`Clock`] it is the present of the source's samples.
pub struct SourceClock {
    own: Arc<dyn Clock>,
    source: Arc<dyn MetricSource>,
    mark: Mutex<Mark>,
    /// Shortest spacing seen, milliseconds.
    spacing_ms: AtomicI64,
}

impl SourceClock {
    /// Of a source whose answers have shown nothing yet.
    pub fn new(own: Arc<dyn Clock>, source: Arc<dyn MetricSource>) -> Self {
        let at = Instant::now();
        let mark = Mark {
            wall_ms: own.now_ms(),
            at,
            after_jump: None,
        };
        Self {
            own,
            source,
            mark: Mutex::new(mark),
            spacing_ms: AtomicI64::new(2 * NOTICED_MS),
        }
    }

    /// Our own time, Unix milliseconds.
    pub fn own_ms(&self) -> i64 {
        self.own.now_ms()
    }

    /// A series has samples this far apart: half of it matters.
    pub fn note_spacing(&self, spacing_ms: i64) {
        self.spacing_ms.fetch_min(spacing_ms, Ordering::Relaxed);
    }

    /// By how much the server's clock is ahead of ours, milliseconds: the median of what its newest answers showed. `None`
    /// while none has told.
    pub fn offset_ms(&self) -> Option<i64> {
        let (wall_ms, now) = (self.own.now_ms(), Instant::now());
        let after_jump = self.look(wall_ms, now);
        let server_now = |reading: ServerTime| {
            let since = now.saturating_duration_since(reading.at);
            reading.server_ms + since.as_millis() as i64
        };
        let readings = self.source.server_times().into_iter();
        let mut offsets: Vec<i64> = readings
            .filter(|reading| after_jump.is_none_or(|jumped| reading.at > jumped))
            .map(|reading| server_now(reading) - wall_ms)
            .collect();
        offsets.sort_unstable();
        offsets.get(offsets.len() / 2).copied()
    }

    /// Looks at both clocks; gives the instant after which readings count. A clock that was set and a machine that slept
    /// look the same: either way the next answer tells.
    fn look(&self, wall_ms: i64, now: Instant) -> Option<Instant> {
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        let passed_ms = now.saturating_duration_since(mark.at).as_millis() as i64;
        if (wall_ms - mark.wall_ms - passed_ms).abs() > JUMP_MS {
            mark.after_jump = Some(now);
        }
        (mark.wall_ms, mark.at) = (wall_ms, now);
        mark.after_jump
    }

    /// The difference where it is noticed, milliseconds.
    pub fn noticed_ms(&self) -> Option<i64> {
        let half_ms = self.spacing_ms.load(Ordering::Relaxed) / 2;
        let from_ms = half_ms.clamp(LEAST_NOTICED_MS, NOTICED_MS);
        self.offset_ms().filter(|offset_ms| offset_ms.abs() >= from_ms)
    }

    /// The notice for people; `None` while the clocks agree.
    pub fn notice(&self) -> Option<String> {
        let offset_ms = self.noticed_ms()?;
        let amount = format_short_ms(offset_ms.abs());
        let side = if offset_ms > 0 { "ahead of" } else { "behind" };
        Some(format!(
            "the server's clock is {amount} {side} this machine's; judged at the server's time"
        ))
    }
}

impl Clock for SourceClock {
    fn now_ms(&self) -> i64 {
        self.own.now_ms() + self.noticed_ms().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sla_domain::{ManualClock, SourceId};
    use sla_source::{Replay, ReplayOptions};
    use sla_testkit::Switched;

    use super::*;

    fn scene() -> (Arc<ManualClock>, Arc<Switched>, SourceClock) {
        let own = Arc::new(ManualClock::at(1_000_000_000));
        let replay = Replay::demo(SourceId("s".into()), own.clone(), ReplayOptions::default());
        let source = Switched::new(replay);
        let clock = SourceClock::new(own.clone(), source.clone());
        (own, source, clock)
    }

    async fn pass(own: &ManualClock, ms: i64) {
        own.advance(ms);
        tokio::time::advance(Duration::from_millis(ms.unsigned_abs())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_median_of_the_answers_is_noticed_from_five_seconds_on() {
        let (own, source, clock) = scene();
        assert_eq!((clock.offset_ms(), clock.notice()), (None, None));
        for offset_ms in [4_900, 4_000, 60_000] {
            source.tell(own.now_ms() + offset_ms);
        }
        assert_eq!((clock.offset_ms(), clock.noticed_ms()), (Some(4_900), None));
        assert_eq!(clock.now_ms(), own.now_ms(), "too little to matter");
        clock.note_spacing(5_000);
        assert_eq!(clock.noticed_ms(), Some(4_900), "half of a fine spacing matters");
        source.tell(own.now_ms() - 40_000);
        source.tell(own.now_ms() - 40_000);
        source.tell(own.now_ms() - 40_000);
        source.tell(own.now_ms() - 40_000);
        assert_eq!(clock.now_ms(), own.now_ms() - 40_000);
        assert!(clock.notice().unwrap().contains("40s behind"), "{:?}", clock.notice());
        // The difference stays while both clocks go on.
        pass(&own, 30_000).await;
        assert_eq!(clock.offset_ms(), Some(-40_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_of_our_clock_is_followed_at_the_next_answer() {
        let (own, source, clock) = scene();
        for _ in 0..5 {
            source.tell(own.now_ms());
        }
        assert_eq!(clock.offset_ms(), Some(0));
        own.advance(3_600_000);
        assert_eq!(
            clock.offset_ms(),
            None,
            "what was told before says nothing about our clock"
        );
        tokio::time::advance(Duration::from_millis(10)).await;
        source.tell(own.now_ms() - 3_600_000);
        assert_eq!(clock.offset_ms(), Some(-3_600_000));
        own.advance(-3_600_000);
        assert_eq!(clock.now_ms(), own.now_ms(), "right again at once");
    }
}
