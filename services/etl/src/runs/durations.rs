//! How long steps take: summaries for the screen, and the estimate of what is left.

use std::collections::BTreeMap;

use sla_analysis::statistics::quantile_of_sorted;
use sla_proto::etl::v1::StepSummary;
use sla_proto::result::v1::StepTiming;

/// Steps in the order people read them.
pub const STEP_ORDER: [&str; 6] = ["extract", "long_view", "statistics", "metadata", "forecast", "publish"];

/// Collects the times of steps over the series of a run; bounded by series × steps × windows.
#[derive(Debug, Default, Clone)]
pub struct Durations {
    times: BTreeMap<(usize, i64), Vec<f64>>,
}

impl Durations {
    /// Notes the timings of one series. Steps without a name of ours are left out.
    pub fn note(&mut self, timings: &[StepTiming]) {
        for timing in timings {
            if let Some(step) = STEP_ORDER.iter().position(|name| *name == timing.step)
                && timing.ms.is_finite()
            {
                self.times.entry((step, timing.window_ms)).or_default().push(timing.ms);
            }
        }
    }

    /// p50, p95 and maximum per step and window, in the order of the steps, shortest window first.
    pub fn summaries(&self) -> Vec<StepSummary> {
        self.times
            .iter()
            .map(|((step, window_ms), times)| {
                let mut sorted = times.clone();
                sorted.sort_by(f64::total_cmp);
                let at = |probability| quantile_of_sorted(&sorted, probability).unwrap_or(0.0);
                StepSummary {
                    step: STEP_ORDER[*step].to_owned(),
                    window_ms: *window_ms,
                    p50_ms: at(0.5),
                    p95_ms: at(0.95),
                    max_ms: at(1.0),
                    series: times.len() as u32,
                }
            })
            .collect()
    }
}

/// Estimates the time to the end of a run from what its series took so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Remaining {
    /// Series in all.
    pub total: u32,
    /// Series that are through, failed ones included.
    pub ended: u32,
    /// Milliseconds since the first series was begun.
    pub elapsed_ms: f64,
    /// What a series took in past runs, milliseconds of wall time; used while nothing has ended yet.
    pub past_ms_per_series: Option<f64>,
}

impl Remaining {
    /// Series after which only this run counts.
    const TRUST_AFTER: f64 = 20.0;

    /// Milliseconds to the end; `None` while nothing is known. The past fades out as this run has more to say.
    pub fn estimate_ms(&self) -> Option<i64> {
        let left = f64::from(self.total.saturating_sub(self.ended));
        let now = (self.ended > 0).then(|| self.elapsed_ms / f64::from(self.ended));
        let weight = (f64::from(self.ended) / Self::TRUST_AFTER).min(1.0);
        let per_series = match (now, self.past_ms_per_series) {
            (Some(now), Some(past)) => weight * now + (1.0 - weight) * past,
            (Some(now), None) => now,
            (None, Some(past)) => (past - self.elapsed_ms / left.max(1.0)).max(0.0),
            (None, None) => return None,
        };
        let ms = left * per_series;
        ms.is_finite().then_some(ms.round() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(step: &str, window_ms: i64, ms: f64) -> StepTiming {
        StepTiming {
            step: step.into(),
            window_ms,
            ms,
        }
    }

    #[test]
    fn summaries_are_quantiles_in_reading_order() {
        let mut durations = Durations::default();
        for ms in 1..=101 {
            durations.note(&[
                timing("forecast", 0, 5.0),
                timing("statistics", 7, f64::from(ms)),
                timing("statistics", 3, 1.0),
            ]);
        }
        durations.note(&[timing("dance", 0, 1.0), timing("extract", 0, f64::NAN)]);
        let summaries = durations.summaries();
        let keys: Vec<_> = summaries.iter().map(|s| (s.step.as_str(), s.window_ms)).collect();
        assert_eq!(keys, [("statistics", 3), ("statistics", 7), ("forecast", 0)]);
        let wide = &summaries[1];
        assert_eq!(
            (wide.p50_ms, wide.p95_ms, wide.max_ms, wide.series),
            (51.0, 96.0, 101.0, 101)
        );
    }

    #[test]
    fn the_estimate_starts_from_the_past_and_ends_at_zero() {
        let remaining = Remaining {
            total: 100,
            ended: 0,
            elapsed_ms: 0.0,
            past_ms_per_series: None,
        };
        assert_eq!(remaining.estimate_ms(), None);
        let past = Remaining {
            past_ms_per_series: Some(10.0),
            ..remaining
        };
        assert_eq!(past.estimate_ms(), Some(1_000));
        let begun = Remaining {
            ended: 50,
            elapsed_ms: 1_000.0,
            ..past
        };
        assert_eq!(begun.estimate_ms(), Some(1_000), "20 ms a series by now");
        let end = Remaining {
            ended: 100,
            elapsed_ms: 2_000.0,
            ..past
        };
        assert_eq!(end.estimate_ms(), Some(0));
    }
}
