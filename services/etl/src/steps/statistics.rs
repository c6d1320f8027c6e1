//! Statistics of one window.

use sla_analysis::statistics::statistics;
use sla_domain::{Samples, is_stale};
use sla_proto::result::v1::WindowStatistics;

/// Statistics of the samples in (`at_ms` − `window_ms`, `at_ms`]. `n` counts finite samples, `n_nan` the NaN and infinite ones;
/// stale markers are neither. Numbers that do not exist (no finite sample; the deviation of a single one) are absent.
pub fn of_window(samples: &Samples, at_ms: i64, window_ms: i64) -> WindowStatistics {
    let (times, values) = samples.between(at_ms.saturating_sub(window_ms), at_ms);
    let stale = values.iter().filter(|&&value| is_stale(value)).count();
    let mut out = WindowStatistics {
        window_ms,
        ..WindowStatistics::default()
    };
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        out.spanned_ms = last - first;
    }
    // Percentiles rank infinite values; a figure of ours is of finite samples only.
    let kept: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    match statistics(&kept) {
        Ok(found) => {
            let moments = found.moments;
            out.n = moments.n_finite as u64;
            out.n_nan = (values.len() - moments.n_finite - stale) as u64;
            // Samples near the largest number may have a spread beyond it: such a figure does not exist.
            let finite = |number: f64| number.is_finite().then_some(number);
            out.mean = finite(moments.mean);
            out.min = finite(moments.min);
            out.max = finite(moments.max);
            out.std = finite(moments.std).filter(|_| moments.n_finite > 1);
            out.median = finite(found.median);
            out.p95 = finite(found.p95);
            out.p99 = finite(found.p99);
        }
        Err(_) => out.n_nan = (values.len() - stale) as u64,
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sla_domain::STALE_NAN_BITS;

    use super::*;

    fn samples(pairs: &[(i64, f64)]) -> Samples {
        Samples::from_columns(pairs.iter().map(|p| p.0).collect(), pairs.iter().map(|p| p.1).collect())
    }

    #[test]
    fn the_window_is_open_on_the_left_and_closed_on_the_right() {
        let all = samples(&[(0, 1.0), (1_000, 2.0), (60_000, 3.0), (60_001, 4.0)]);
        let found = of_window(&all, 60_000, 60_000);
        assert_eq!((found.n, found.min, found.max), (2, Some(2.0), Some(3.0)));
        assert_eq!((found.spanned_ms, found.window_ms), (59_000, 60_000));
    }

    #[test]
    fn nan_and_infinity_are_counted_and_stale_markers_are_not() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let all = samples(&[(1, 1.0), (2, f64::NAN), (3, f64::INFINITY), (4, stale), (5, 4.0)]);
        let found = of_window(&all, 10, 10);
        assert_eq!((found.n, found.n_nan), (2, 2));
        assert_eq!((found.mean, found.min, found.max), (Some(2.5), Some(1.0), Some(4.0)));
        assert_eq!(found.median, Some(2.5));
        let none = of_window(&samples(&[(2, f64::NAN), (4, stale)]), 10, 10);
        assert_eq!((none.n, none.n_nan, none.mean), (0, 1, None));
        let empty = of_window(&Samples::default(), 10, 10);
        assert_eq!((empty.n, empty.n_nan, empty.spanned_ms), (0, 0, 0));
    }

    #[test]
    fn one_sample_has_no_deviation() {
        let found = of_window(&samples(&[(5, 7.0)]), 10, 10);
        assert_eq!((found.n, found.mean, found.std), (1, Some(7.0), None));
    }

    proptest! {
        /// The oracle of the fixture: exact sums. Integers below 2^20 sum exactly in i128.
        #[test]
        fn moments_equal_exact_arithmetic(
            values in proptest::collection::vec(-1_000_000_i64..1_000_000, 2..400),
            nan_at in proptest::collection::vec(0_usize..400, 0..10),
        ) {
            let times: Vec<i64> = (0..values.len() as i64).map(|k| 1 + k * 15_000).collect();
            let mut column: Vec<f64> = values.iter().map(|&v| v as f64).collect();
            for at in nan_at {
                if at < column.len() { column[at] = f64::NAN; }
            }
            let kept: Vec<i128> = column.iter().filter(|v| v.is_finite()).map(|&v| v as i128).collect();
            let end = *times.last().unwrap();
            let all = Samples::from_columns(times, column);
            let found = of_window(&all, end, end);
            prop_assert_eq!(found.n as usize, kept.len());
            prop_assert_eq!(found.n_nan as usize, values.len() - kept.len());
            if kept.len() > 1 {
                let n = kept.len() as i128;
                let sum: i128 = kept.iter().sum();
                // n² · variance · (n−1)/n, in whole numbers.
                let scaled: i128 = kept.iter().map(|v| (v * n - sum).pow(2)).sum();
                let std = (scaled as f64 / (n as f64).powi(2) / (n - 1) as f64).sqrt();
                let mean = sum as f64 / n as f64;
                prop_assert!((found.mean.unwrap() - mean).abs() <= 1e-9 * mean.abs().max(1e-3));
                prop_assert!((found.std.unwrap() - std).abs() <= 1e-9 * std.max(1e-3));
                prop_assert_eq!(found.min.unwrap() as i128, *kept.iter().min().unwrap());
                prop_assert_eq!(found.max.unwrap() as i128, *kept.iter().max().unwrap());
            }
        }
    }
}
