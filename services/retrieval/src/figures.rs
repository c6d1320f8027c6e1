//! The figures of one window in a row of the table.

use sla_analysis::statistics::statistics;
use sla_domain::{Samples, counter, is_stale};
use sla_proto::convert;
use sla_proto::result::v1::WindowStatistics;
use sla_proto::series::v1::{CounterMode, Point, SeriesKind};

/// Statistics of the samples in (`at_ms` − `window_ms`, `at_ms`], by the rules of a run: `n` counts finite samples, `n_nan` NaN and
/// infinite ones, stale markers are neither; numbers that do not exist are absent.
pub fn of_window(samples: &Samples, at_ms: i64, window_ms: i64) -> WindowStatistics {
    let (times, values) = samples.between(at_ms.saturating_sub(window_ms), at_ms);
    let stale = values.iter().filter(|&&value| is_stale(value)).count();
    let finite = |number: f64| number.is_finite().then_some(number);
    let mut out = WindowStatistics {
        window_ms,
        n_nan: (values.len() - stale) as u64,
        spanned_ms: times.first().zip(times.last()).map_or(0, |(first, last)| last - first),
        ..WindowStatistics::default()
    };
    // Percentiles rank infinite values; a figure of ours is of finite samples only.
    let kept: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if let Ok(found) = statistics(&kept) {
        let moments = found.moments;
        out.n = moments.n_finite as u64;
        out.n_nan -= out.n;
        out.mean = finite(moments.mean);
        out.min = finite(moments.min);
        out.max = finite(moments.max);
        out.std = finite(moments.std).filter(|_| moments.n_finite > 1);
        out.median = finite(found.median);
        out.p95 = finite(found.p95);
        out.p99 = finite(found.p99);
    }
    out
}

/// The newest finite sample at or before `at_ms`.
pub fn last(samples: &Samples, at_ms: i64) -> Option<Point> {
    let upto = samples.times_ms.partition_point(|&time| time <= at_ms);
    (0..upto)
        .rev()
        .find(|&at| samples.values[at].is_finite())
        .map(|at| Point {
            time: Some(convert::timestamp(samples.times_ms[at])),
            value: samples.values[at],
        })
}

/// Whether a series of this kind is shown as a per-second rate.
pub fn is_rate(kind: SeriesKind, mode: CounterMode) -> bool {
    match mode {
        CounterMode::Raw => false,
        CounterMode::Rate => true,
        CounterMode::Auto | CounterMode::Unspecified => kind == SeriesKind::Counter,
    }
}

/// What is drawn: the samples, or their per-second rate over 4 × spacing.
pub fn drawn(samples: Samples, spacing_ms: i64, rate: bool) -> Samples {
    if rate {
        counter::rate(&samples, counter::rate_over_ms(None, spacing_ms))
    } else {
        samples
    }
}

#[cfg(test)]
mod tests {
    use sla_domain::STALE_NAN_BITS;

    use super::*;

    #[test]
    fn figures_follow_the_rules_of_a_run() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let samples = Samples::from_columns(
            vec![0, 10, 20, 30, 40, 50, 60],
            vec![100.0, 1.0, f64::NAN, f64::INFINITY, stale, 4.0, 100.0],
        );
        let found = of_window(&samples, 50, 50);
        assert_eq!((found.n, found.n_nan, found.spanned_ms), (2, 2, 40));
        assert_eq!(
            (found.mean, found.min, found.max, found.median),
            (Some(2.5), Some(1.0), Some(4.0), Some(2.5))
        );
        assert!((found.std.unwrap() - 4.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!(of_window(&samples, 10, 10).std, None, "one sample has no deviation");
        let none = of_window(&samples, 40, 20);
        assert_eq!((none.n, none.n_nan, none.mean), (0, 1, None));
        assert_eq!(last(&samples, 45).unwrap().value, 1.0);
        assert!(last(&samples, -1).is_none());
    }

    #[test]
    fn counters_are_rates_unless_asked_otherwise() {
        assert!(is_rate(SeriesKind::Counter, CounterMode::Unspecified));
        assert!(is_rate(SeriesKind::Counter, CounterMode::Auto));
        assert!(!is_rate(SeriesKind::Counter, CounterMode::Raw));
        assert!(!is_rate(SeriesKind::Gauge, CounterMode::Auto));
        assert!(is_rate(SeriesKind::Gauge, CounterMode::Rate));
        let samples = Samples::from_columns(vec![0, 15_000, 30_000], vec![0.0, 30.0, 60.0]);
        assert_eq!(drawn(samples.clone(), 15_000, true).values, [2.0, 2.0]);
        assert_eq!(drawn(samples.clone(), 15_000, false), samples);
    }
}
