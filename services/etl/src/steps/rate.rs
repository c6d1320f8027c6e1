//! The per-second rate of a counter over a window.

use sla_domain::{Samples, counter};

/// Width of the rate window for a spacing, both milliseconds: 4 × spacing.
pub fn over_ms(spacing_ms: i64) -> i64 {
    counter::rate_over_ms(None, spacing_ms)
}

/// Rates at the samples in (`after_ms`, `until_ms`]; the increase over (t − `over_ms`, t] of the first ones reaches back before
/// `after_ms`, where samples are given.
pub fn of_counter(samples: &Samples, over_ms: i64, after_ms: i64, until_ms: i64) -> Samples {
    let (times, values) = samples.between(after_ms.saturating_sub(over_ms), until_ms);
    let rates = counter::rate(
        &Samples {
            times_ms: times.to_vec(),
            values: values.to_vec(),
        },
        over_ms,
    );
    let from = rates.times_ms.partition_point(|&time| time <= after_ms);
    Samples {
        times_ms: rates.times_ms[from..].to_vec(),
        values: rates.values[from..].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rates_look_back_before_the_window() {
        let samples = Samples::from_columns(
            (0..10).map(|k| k * 15_000).collect(),
            (0..10).map(|k| f64::from(k) * 30.0).collect(),
        );
        let rates = of_counter(&samples, over_ms(15_000), 60_000, 120_000);
        assert_eq!(rates.times_ms, [75_000, 90_000, 105_000, 120_000]);
        assert!(rates.values.iter().all(|&rate| (rate - 2.0).abs() < 1e-12));
        // The same rates as of the whole history: where the window starts changes nothing.
        let whole = counter::rate(&samples, over_ms(15_000));
        assert!(rates.iter().all(|pair| whole.iter().any(|other| other == pair)));
    }
}
