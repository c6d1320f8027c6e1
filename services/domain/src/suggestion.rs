//! A range proposed from history: [p0.5 − 10 % IQR, p99.5 + 10 % IQR], rounded outward to 2 significant digits,
//! percentages clipped.

use crate::range::AllowedRange;

/// Fewer values say too little about their tails to propose anything.
pub const MIN_VALUES: usize = 30;

/// How much of the interquartile range is added on both sides.
const MARGIN: f64 = 0.1;

/// Proposes a range from `values` (any order; non-numbers are skipped), clipped to `limits`. `None` below
/// [`MIN_VALUES`] finite values, and for values so large that the range is not finite.
pub fn suggest(values: &[f64], limits: Option<(f64, f64)>) -> Option<AllowedRange> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if sorted.len() < MIN_VALUES {
        return None;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let spread = (quantile(&sorted, 0.75) - quantile(&sorted, 0.25)) * MARGIN;
    clipped(
        quantile(&sorted, 0.005) - spread,
        quantile(&sorted, 0.995) + spread,
        limits,
    )
}

/// Proposes the range of all `values`, widened as [`suggest`] does: what never was outside. `None` where that gives none.
pub fn widest(values: &[f64], limits: Option<(f64, f64)>) -> Option<AllowedRange> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if sorted.len() < MIN_VALUES {
        return None;
    }
    sorted.sort_unstable_by(f64::total_cmp);
    let spread = (quantile(&sorted, 0.75) - quantile(&sorted, 0.25)) * MARGIN;
    clipped(sorted[0] - spread, sorted[sorted.len() - 1] + spread, limits)
}

fn clipped(min: f64, max: f64, limits: Option<(f64, f64)>) -> Option<AllowedRange> {
    let (mut min, mut max) = (rounded(min, f64::floor), rounded(max, f64::ceil));
    if let Some((least, greatest)) = limits {
        min = min.clamp(least, greatest);
        max = max.clamp(least, greatest);
    }
    AllowedRange::new(Some(min), Some(max)).ok()
}

/// Words of names whose values may fall below zero although they were not seen there.
const SIGNED: [&str; 10] = [
    "celsius",
    "fahrenheit",
    "temperature",
    "temp",
    "offset",
    "delta",
    "drift",
    "balance",
    "diff",
    "difference",
];

/// The limits that the unit of a metric sets: those of a share by name (see [`share_limits`]); from 0 up where no value lay
/// below 0, because counts, bytes, seconds and shares never do — unless the name says that they may.
pub fn unit_limits(metric_name: &str, values: &[f64]) -> Option<(f64, f64)> {
    let name = metric_name.to_ascii_lowercase();
    let is_signed = name.split(['_', ':']).any(|part| SIGNED.contains(&part));
    let from_zero = !is_signed && !values.iter().any(|value| *value < 0.0);
    share_limits(metric_name, values).or(from_zero.then_some((0.0, f64::MAX)))
}

/// The limits of a share by the name of its metric: [0, 100] for percentages, [0, 1] for ratios — unless the values
/// themselves go beyond (some CPU percentages do).
pub fn share_limits(metric_name: &str, values: &[f64]) -> Option<(f64, f64)> {
    let name = metric_name.to_ascii_lowercase();
    let has = |words: &[&str]| name.split(['_', ':']).any(|part| words.contains(&part));
    let limits = if has(&["percent", "percentage", "pct"]) {
        (0.0, 100.0)
    } else if has(&["ratio"]) {
        (0.0, 1.0)
    } else {
        return None;
    };
    let beyond = |value: &&f64| value.is_finite() && !(limits.0..=limits.1).contains(*value);
    values.iter().find(beyond).is_none().then_some(limits)
}

/// Quantile of sorted values by linear interpolation (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    // Written so that two huge values of opposite sign do not overflow.
    let share = at - below as f64;
    sorted[below] * (1.0 - share) + sorted[above] * share
}

/// `value` at 2 significant digits, by `toward` (floor or ceil). A value that has no more digits stays, whatever
/// rounding errors surround it.
fn rounded(value: f64, toward: fn(f64) -> f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let exponent = value.abs().log10().floor() as i32 - 1;
    // Through decimal text: 29 × 0.01 is not 0.29, "29e-2" is.
    let scaled: f64 = format!("{value:e}")
        .split_once('e')
        .and_then(|(mantissa, power)| {
            let power: i32 = power.parse().ok()?;
            format!("{mantissa}e{}", power - exponent).parse().ok()
        })
        .unwrap_or(value);
    let nearest = scaled.round();
    let digits = if (scaled - nearest).abs() <= 1e-9 * scaled.abs() {
        nearest
    } else {
        toward(scaled)
    };
    format!("{digits}e{exponent}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_are_rounded_outward() {
        for (value, down, up) in [
            (0.0, 0.0, 0.0),
            (3.44, 3.4, 3.5),
            (-3.44, -3.5, -3.4),
            (0.29, 0.29, 0.29),
            (1234.0, 1200.0, 1300.0),
            (99.5, 99.0, 100.0),
            (7e-5, 7e-5, 7e-5),
            (0.1 + 0.2, 0.3, 0.3),
            (1e300, 1e300, 1e300),
            (100.0, 100.0, 100.0),
        ] {
            assert_eq!(rounded(value, f64::floor), down, "{value} down");
            assert_eq!(rounded(value, f64::ceil), up, "{value} up");
        }
    }

    #[test]
    fn the_rule_of_the_product() {
        // 0, 1, …, 1000: p0.5 = 5, p99.5 = 995, IQR = 500.
        let values: Vec<f64> = (0..=1000).map(f64::from).collect();
        let range = suggest(&values, None).unwrap();
        assert_eq!((range.min(), range.max()), (Some(-45.0), Some(1100.0)));
        let clipped = suggest(&values, Some((0.0, 1000.0))).unwrap();
        assert_eq!((clipped.min(), clipped.max()), (Some(0.0), Some(1000.0)));
        let constant = suggest(&[1.0; 40], None).unwrap();
        assert_eq!((constant.min(), constant.max()), (Some(1.0), Some(1.0)));
        assert_eq!(suggest(&[f64::NAN; 40], None), None);
        assert_eq!(suggest(&[1.0; 29], None), None);
    }

    #[test]
    fn bounds_stay_within_what_the_unit_allows() {
        assert_eq!(
            unit_limits("", &[0.01, 0.9]),
            Some((0.0, f64::MAX)),
            "a share without a name, too"
        );
        assert_eq!(unit_limits("queue_length", &[0.0, 3.0]), Some((0.0, f64::MAX)));
        assert_eq!(unit_limits("queue_drift_seconds", &[0.0, 3.0]), None);
        assert_eq!(unit_limits("room_temperature_celsius", &[2.0]), None);
        assert_eq!(unit_limits("altitude", &[-2.0, 5.0]), None);
        assert_eq!(unit_limits("cpu_usage_percent", &[3.0]), Some((0.0, 100.0)));
        let mut values = vec![0.0; 1_000];
        values[500] = 90.0;
        let range = widest(&values, unit_limits("", &values)).unwrap();
        assert_eq!((range.min(), range.max()), (Some(0.0), Some(90.0)));
        assert_eq!(widest(&[1.0; 3], None), None);
    }

    #[test]
    fn shares_are_known_by_name_and_values() {
        assert_eq!(share_limits("cpu_usage_percent", &[3.0, 99.0]), Some((0.0, 100.0)));
        assert_eq!(share_limits("cpu_usage_percent", &[3.0, 240.0]), None);
        assert_eq!(share_limits("cache_hit_ratio", &[0.5, f64::NAN]), Some((0.0, 1.0)));
        assert_eq!(share_limits("node_load1", &[0.5]), None);
    }

    proptest! {
        #[test]
        fn a_suggestion_holds_nearly_all_values(values in proptest::collection::vec(-1e12..1e12_f64, 30..200)) {
            let range = suggest(&values, None).unwrap();
            let outside = values.iter().filter(|v| !range.contains(**v)).count();
            prop_assert!(outside * 100 <= values.len() + 100, "{} of {}", outside, values.len());
        }

        #[test]
        fn any_values_are_survived(values in proptest::collection::vec(any::<f64>(), 0..80)) {
            if let Some(range) = suggest(&values, None) {
                prop_assert!(range.min().unwrap().is_finite() && range.max().unwrap().is_finite());
            }
        }
    }
}
