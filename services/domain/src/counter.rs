//! Counters and their rate (semantics §9).

use std::collections::VecDeque;

use crate::sample::Samples;

/// Name endings of counters where the type is unknown.
const COUNTER_ENDINGS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

/// A rate is taken over this many spacings unless an objective says otherwise.
pub const RATE_SPACINGS: i64 = 4;

/// Whether a metric counts up: by the type the metadata API gives (`/api/v1/metadata`: counter, gauge, histogram,
/// gaugehistogram, summary, info, stateset, unknown), else by the ending of its name.
pub fn is_counter(metric_name: &str, metric_type: Option<&str>) -> bool {
    let by_name = COUNTER_ENDINGS.iter().any(|ending| metric_name.ends_with(ending));
    match metric_type.map(str::to_ascii_lowercase).as_deref() {
        Some("counter") => true,
        Some("gauge" | "gaugehistogram" | "info" | "stateset") => false,
        // Of a histogram or summary only the series with these endings count up; a quantile does not.
        _ => by_name,
    }
}

/// Over how long a rate is taken, in milliseconds: `over_ms`, else 4 × spacing.
pub fn rate_over_ms(over_ms: Option<i64>, spacing_ms: i64) -> i64 {
    over_ms.unwrap_or_else(|| spacing_ms.saturating_mul(RATE_SPACINGS))
}

/// Per-second rate of a counter: at each sample at t the reset-corrected increase over the samples inside
/// (t − over_ms, t], divided by the seconds between the first and the last of them. Nothing is extrapolated to the
/// window's edges (Prometheus' `increase()` gives 1.125 for a counter that rose by exactly 1).
///
/// The result has a value where at least two numbers lie in the window, and is held like any series of samples. Stale
/// markers and other non-numbers stay where they are, so that gaps and data-quality flags survive.
pub fn rate(samples: &Samples, over_ms: i64) -> Samples {
    let mut out = Samples {
        times_ms: Vec::with_capacity(samples.len()),
        values: Vec::with_capacity(samples.len()),
    };
    let mut line = RateLine::new(over_ms);
    for (time_ms, value) in samples.iter() {
        if let Some(rate) = line.push(time_ms, value) {
            out.push(time_ms, rate);
        }
    }
    out
}

/// The rate, sample by sample: see [`rate`].
#[derive(Debug, Clone)]
pub struct RateLine {
    over_ms: i64,
    /// The numbers that a next rate may reach back to: time, value, and what resets up to it took away. Two columns,
    /// because their differences stay exact where nothing was reset.
    line: VecDeque<(i64, f64, f64)>,
}

impl RateLine {
    /// Nothing seen yet; the rate is taken over `over_ms` milliseconds.
    pub fn new(over_ms: i64) -> Self {
        Self {
            over_ms,
            line: VecDeque::new(),
        }
    }

    /// Over how long the rate is taken, milliseconds.
    pub fn over_ms(&self) -> i64 {
        self.over_ms
    }

    /// The rate at the next sample; `None` where there is none. What is no number comes back as it is.
    pub fn push(&mut self, time_ms: i64, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return Some(value);
        }
        let lost = self.line.back().map_or(
            0.0,
            |(_, before, lost)| if value < *before { lost + before } else { *lost },
        );
        self.line.push_back((time_ms, value, lost));
        let after_ms = time_ms.saturating_sub(self.over_ms);
        while self.line.len() > 1 && self.line[0].0 <= after_ms {
            self.line.pop_front();
        }
        let (first_ms, first_value, first_lost) = self.line[0];
        let covered_ms = time_ms.saturating_sub(first_ms);
        if covered_ms <= 0 {
            return None;
        }
        let risen = (value - first_value) + (lost - first_lost);
        let rate = risen * 1_000.0 / covered_ms as f64;
        rate.is_finite().then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{STALE_NAN_BITS, is_stale};
    use proptest::prelude::*;

    fn every(step_s: i64, values: &[f64]) -> Samples {
        Samples::from_columns(
            (0..values.len() as i64).map(|n| n * step_s * 1_000).collect(),
            values.to_vec(),
        )
    }

    #[test]
    fn counters_are_known_by_type_then_by_name() {
        assert!(is_counter("anything", Some("counter")));
        assert!(!is_counter("jobs_total", Some("gauge")));
        assert!(is_counter("http_requests_total", None));
        assert!(is_counter("http_requests_total", Some("unknown")));
        assert!(is_counter("rpc_seconds_bucket", Some("histogram")));
        assert!(is_counter("rpc_seconds_sum", Some("summary")));
        assert!(!is_counter("rpc_seconds", Some("summary")));
        assert!(!is_counter("node_load1", None));
    }

    #[test]
    fn a_counter_that_rose_by_one_rose_by_one() {
        // 9 samples 5 s apart span 40 s of the 45 s window: increase() would say 45/40 = 1.125.
        let samples = every(5, &[7.0, 7.0, 7.0, 7.0, 8.0, 8.0, 8.0, 8.0, 8.0]);
        let rates = rate(&samples, 45_000);
        assert_eq!(rates.values.last(), Some(&(1.0 / 40.0)));
        assert_eq!(rates.values.last().map(|r| r * 40.0), Some(1.0));
    }

    #[test]
    fn a_steady_counter_has_a_steady_rate_with_jitter_and_gaps() {
        let times: Vec<i64> = vec![0, 15_003, 29_998, 45_010, 59_999, 120_000, 135_001];
        let values = times.iter().map(|t| *t as f64 / 1_000.0 * 3.0).collect();
        let rates = rate(&Samples::from_columns(times, values), 60_000);
        for (_, value) in rates.iter() {
            assert!((value - 3.0).abs() < 1e-12, "{value}");
        }
        // At 120 s the window (60 s, 120 s] holds one sample only: no rate there.
        assert_eq!(rates.times_ms, [15_003, 29_998, 45_010, 59_999, 135_001]);
    }

    #[test]
    fn a_reset_starts_at_nought() {
        let samples = every(15, &[100.0, 130.0, 10.0, 40.0]);
        let rates = rate(&samples, 60_000);
        assert_eq!(rates.values, [2.0, 40.0 / 30.0, 70.0 / 45.0]);
    }

    #[test]
    fn the_window_is_open_on_the_left() {
        let rates = rate(&every(15, &[0.0, 15.0, 15.0, 15.0, 15.0]), 60_000);
        // At 60 s the sample at 0 lies on the open edge: the rise before 15 s is no longer seen.
        assert_eq!(rates.values, [1.0, 0.5, 1.0 / 3.0, 0.0]);
        assert_eq!(rate_over_ms(None, 15_000), 60_000);
        assert_eq!(rate_over_ms(Some(5), 15_000), 5);
    }

    #[test]
    fn markers_and_non_numbers_stay() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let rates = rate(&every(15, &[0.0, f64::NAN, 30.0, stale, 60.0]), 60_000);
        assert_eq!(rates.times_ms, [15_000, 30_000, 45_000, 60_000]);
        assert!(rates.values[0].is_nan() && !is_stale(rates.values[0]));
        assert_eq!(rates.values[1], 1.0);
        assert!(is_stale(rates.values[2]));
        assert_eq!(rates.values[3], 1.0);
        assert!(rate(&every(15, &[1.0]), 60_000).is_empty());
        assert!(rate(&every(15, &[1.0, 2.0]), 0).is_empty());
    }

    proptest! {
        #[test]
        fn a_rate_is_not_negative_but_for_rounding(values in proptest::collection::vec(0.0..1e6_f64, 0..50), over in 1_i64..200) {
            for value in rate(&every(7, &values), over * 1_000).values {
                prop_assert!(value >= -1e-6 && value.is_finite());
            }
        }
    }
}
