//! What the role `sla` may be told, with the limits of everything it does.

use std::time::Duration;

use sla_domain::Window;

use crate::error::SlaError;

/// Least time between two evaluations unless configured otherwise, milliseconds.
pub const DEFAULT_FLOOR_MS: i64 = 15_000;
/// The least floor that may be configured, milliseconds.
pub const MIN_FLOOR_MS: i64 = 1_000;
/// How far ahead is looked unless configured otherwise, milliseconds.
pub const DEFAULT_HORIZON_MS: i64 = 600_000;
/// The longest horizon, milliseconds (1 h: what the forecasters were measured at).
pub const MAX_HORIZON_MS: i64 = 3_600_000;
/// The longest window that may be configured or asked for, milliseconds (26 h: what the sample cache keeps).
pub const MAX_WINDOW_MS: i64 = 26 * 3_600_000;
/// Most windows of one evaluation.
pub const MAX_WINDOWS: usize = 12;
/// Most series all objectives together may match, unless configured otherwise.
pub const DEFAULT_MAX_SERIES: u32 = 2_000;
/// Most objectives of one stateless evaluation.
pub const MAX_INLINE_OBJECTIVES: usize = 100;
/// Most sets of one apply.
pub const MAX_SETS_AT_ONCE: usize = 100;
/// Most objectives of all sets unless configured otherwise: each is judged again whenever its series have news.
pub const DEFAULT_MAX_OBJECTIVES: usize = 50_000;
/// Most objectives of the sets of one user unless configured otherwise.
pub const DEFAULT_MAX_OBJECTIVES_PER_USER: usize = 2_000;
/// Most series with an outlook unless configured otherwise.
pub const DEFAULT_MAX_OUTLOOKS: usize = 500;
/// Most objectives in one answer, worst first: what is left out is told as a number.
pub const MAX_OVERVIEW_OBJECTIVES: usize = 500;
/// Most rows of what is to come in one answer.
pub const MAX_FUTURE_ROWS: usize = 2_000;
/// Most bytes of a page of sets.
pub const MAX_PAGE_BYTES: usize = 4 << 20;
/// History that forecasts stand on at least, milliseconds (26 h: a whole day and the horizon before it) …
pub const FORECAST_HISTORY_MS: i64 = 26 * 3_600_000;
/// … and at most (8 days: the same hours of a week).
const LONGEST_HISTORY_MS: i64 = 8 * 86_400_000;
/// Between them it is so many samples long, as 26 h are at the usual distance of 15 s: what is farther apart costs no more and is
/// foretold from more days.
const HISTORY_SAMPLES: i64 = FORECAST_HISTORY_MS / 15_000;

/// How far back a forecast looks at samples that are `spacing_ms` apart, milliseconds.
pub fn forecast_history_ms(spacing_ms: i64) -> i64 {
    HISTORY_SAMPLES
        .saturating_mul(spacing_ms)
        .clamp(FORECAST_HISTORY_MS, LONGEST_HISTORY_MS)
}
/// Most memory for samples unless configured otherwise, bytes: 10,000 series of 12 h at 15 s need it.
pub const DEFAULT_MEMORY_BYTES: u64 = 256 << 20;
/// The least that may be configured, bytes.
pub const MIN_MEMORY_BYTES: u64 = 1 << 20;
/// Most queries of one read of samples.
pub const MAX_QUERIES_PER_READ: usize = 200;
/// Most series listed below one objective.
pub const MAX_SERIES_PER_STATUS: usize = 200;
/// Most violating samples listed with an interval.
pub const MAX_SAMPLES_PER_INTERVAL: usize = sla_domain::evaluation::MAX_SAMPLE_TIMES;
/// Most violating samples listed in one answer: 7 MB of it.
pub const MAX_SAMPLES_PER_ANSWER: usize = 300_000;
/// Most headlines on the first line's list.
pub const MAX_HEADLINES: usize = 5;
/// Events a watcher may lag behind before it is given a new snapshot.
pub const WATCH_BACKLOG: usize = 64;
/// What the events that are kept for watchers who lag behind may hold, bytes: beyond it the same.
pub const WATCH_BACKLOG_BYTES: usize = 1 << 20;
/// Distance of heartbeats on a watch.
pub const WATCH_HEARTBEAT: Duration = Duration::from_secs(5);
/// Longest time `GetOverview` waits for a first evaluation.
pub const MAX_OVERVIEW_WAIT: Duration = Duration::from_secs(15);
/// Samples this much older than the last read are read again: late ones arrive (semantics §5), milliseconds.
pub const LATE_SAMPLES_MS: i64 = 300_000;
/// After this long the whole window is read again instead of its tail, milliseconds: the source may have learned history.
pub const FULL_READ_EVERY_MS: i64 = 20 * 60_000;
/// Longest read of samples.
pub const READ_TIMEOUT: Duration = Duration::from_secs(14);
/// Largest message the services of this role accept, bytes.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// What all messages of one apply may hold, bytes: 100 sets of 200 objectives fit, and so does their write to the store.
pub const MAX_APPLY_BYTES: usize = 7 << 20;

/// The configuration of the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlaOptions {
    /// Least time between two evaluations of an objective, milliseconds; at least [`MIN_FLOOR_MS`].
    pub floor_ms: i64,
    /// Window lengths in milliseconds, shortest first.
    pub windows_ms: Vec<i64>,
    /// How far ahead is looked, milliseconds.
    pub horizon_ms: i64,
    /// Most series all active objectives together may match.
    pub max_series: u32,
    /// Most objectives of all sets.
    pub max_objectives: usize,
    /// Most objectives of the sets of one user.
    pub max_objectives_per_user: usize,
    /// Most series with an outlook; further ones say so.
    pub max_outlooks: usize,
    /// Whether a set is suggested when none is stored.
    pub default_set: bool,
    /// Least time between two outlooks of a series, milliseconds.
    pub outlook_every_ms: i64,
    /// Most memory for samples, bytes; at least [`MIN_MEMORY_BYTES`]. Series beyond it are not judged, and that is said.
    pub memory_bytes: u64,
}

impl Default for SlaOptions {
    fn default() -> Self {
        Self {
            floor_ms: DEFAULT_FLOOR_MS,
            windows_ms: Window::DEFAULT_LENGTHS_MS.to_vec(),
            horizon_ms: DEFAULT_HORIZON_MS,
            max_series: DEFAULT_MAX_SERIES,
            max_objectives: DEFAULT_MAX_OBJECTIVES,
            max_objectives_per_user: DEFAULT_MAX_OBJECTIVES_PER_USER,
            max_outlooks: DEFAULT_MAX_OUTLOOKS,
            default_set: true,
            outlook_every_ms: 60_000,
            memory_bytes: DEFAULT_MEMORY_BYTES,
        }
    }
}

impl SlaOptions {
    /// Refuses what cannot work, by name.
    pub fn check(&self) -> Result<(), SlaError> {
        let refuse = |field: &'static str, value: i64, rule: String| Err(SlaError::BadOption { field, value, rule });
        if self.floor_ms < MIN_FLOOR_MS {
            return refuse("floor_ms", self.floor_ms, format!("must be at least {MIN_FLOOR_MS}"));
        }
        if self.outlook_every_ms < MIN_FLOOR_MS {
            return refuse(
                "outlook_every_ms",
                self.outlook_every_ms,
                format!("must be at least {MIN_FLOOR_MS}"),
            );
        }
        if !(1..=MAX_HORIZON_MS).contains(&self.horizon_ms) {
            return refuse(
                "horizon_ms",
                self.horizon_ms,
                format!("must lie in 1..={MAX_HORIZON_MS}"),
            );
        }
        if self.memory_bytes < MIN_MEMORY_BYTES {
            let rule = format!("must be at least {MIN_MEMORY_BYTES}");
            return refuse("memory_bytes", self.memory_bytes as i64, rule);
        }
        for (field, most) in [
            ("max_series", self.max_series as usize),
            ("max_objectives", self.max_objectives),
            ("max_objectives_per_user", self.max_objectives_per_user),
        ] {
            if most == 0 {
                return refuse(field, 0, "must be at least 1".to_owned());
            }
        }
        if self.windows_ms.is_empty() || self.windows_ms.len() > MAX_WINDOWS {
            return refuse(
                "windows_ms",
                self.windows_ms.len() as i64,
                format!("must name 1 to {MAX_WINDOWS} windows"),
            );
        }
        if let Some(&bad) = self.windows_ms.iter().find(|w| !(1..=MAX_WINDOW_MS).contains(*w)) {
            return refuse(
                "windows_ms",
                bad,
                format!("each window must lie in 1..={MAX_WINDOW_MS}"),
            );
        }
        let shortest_ms = self.windows_ms.first().copied().unwrap_or_default();
        if self.floor_ms > shortest_ms {
            let rule = format!("must not be longer than the shortest window ({shortest_ms})");
            return refuse("floor_ms", self.floor_ms, rule);
        }
        if let Some(pair) = self.windows_ms.windows(2).find(|pair| pair[0] >= pair[1]) {
            return refuse("windows_ms", pair[1], "windows must grow, shortest first".to_owned());
        }
        Ok(())
    }

    /// The longest configured window, milliseconds.
    pub fn longest_window_ms(&self) -> i64 {
        self.windows_ms.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed_and_nonsense_is_named() {
        assert!(SlaOptions::default().check().is_ok());
        let bad = SlaOptions {
            floor_ms: 10,
            ..SlaOptions::default()
        };
        assert!(bad.check().unwrap_err().to_string().contains("floor_ms"));
        let bad = SlaOptions {
            windows_ms: vec![7_200_000, 3_600_000],
            ..SlaOptions::default()
        };
        assert!(bad.check().unwrap_err().to_string().contains("shortest first"));
    }
}
