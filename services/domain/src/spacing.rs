//! How far apart a series' samples usually lie, and how long one of them holds (semantics §2).
//!
//! The spacing is taken once, from the longest window at first sight, stored with the series and changed only by a new
//! generation: otherwise history would change under the reader.

use crate::sample::{Samples, is_stale};

/// A sample holds at most this many spacings.
pub const CAP_FACTOR: i64 = 2;

/// Fewer say too little to keep their distance for good: one of two distances may be a gap.
pub const ENOUGH_SAMPLES: usize = 10;

/// Assumed where a series has fewer than two samples: Prometheus' own default scrape interval, in milliseconds.
pub const DEFAULT_SPACING_MS: i64 = 60_000;

/// The median distance of sorted `times_ms`, in milliseconds; of an even number of distances the mean of the middle
/// two, rounded down. `None` below two times.
pub fn median_delta_ms(times_ms: &[i64]) -> Option<i64> {
    let mut deltas: Vec<i64> = times_ms
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    if deltas.is_empty() {
        return None;
    }
    let middle = deltas.len() / 2;
    let even = deltas.len().is_multiple_of(2);
    let (below, upper, _) = deltas.select_nth_unstable(middle);
    let upper = *upper;
    let lower = if even {
        below.iter().copied().max().unwrap_or(upper)
    } else {
        upper
    };
    Some(lower + (upper - lower) / 2)
}

/// The spacing of a series, in milliseconds. Stale markers are no samples: some ways of reading hide them, and the
/// spacing must not depend on the way.
pub fn spacing_ms(samples: &Samples) -> Option<i64> {
    if samples.values.iter().any(|value| is_stale(*value)) {
        let times: Vec<i64> = samples
            .iter()
            .filter(|(_, value)| !is_stale(*value))
            .map(|(time, _)| time)
            .collect();
        median_delta_ms(&times)
    } else {
        median_delta_ms(&samples.times_ms)
    }
}

/// How long a sample holds at most for this spacing, both in milliseconds.
pub fn cap_ms(spacing_ms: i64) -> i64 {
    spacing_ms.saturating_mul(CAP_FACTOR)
}

/// The cap of a series seen for the first time, in milliseconds; with [`DEFAULT_SPACING_MS`] below two samples.
pub fn first_cap_ms(samples: &Samples) -> i64 {
    cap_ms(spacing_ms(samples).unwrap_or(DEFAULT_SPACING_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::STALE_NAN_BITS;

    #[test]
    fn one_gap_does_not_move_the_median() {
        assert_eq!(median_delta_ms(&[0, 60, 120, 180, 600, 660]), Some(60));
        assert_eq!(median_delta_ms(&[0, 10, 30]), Some(15));
        assert_eq!(median_delta_ms(&[0, 10, 31]), Some(15));
        assert_eq!(median_delta_ms(&[5, 20]), Some(15));
        assert_eq!(median_delta_ms(&[5]), None);
        assert_eq!(median_delta_ms(&[]), None);
        assert_eq!(cap_ms(15_000), 30_000);
    }

    #[test]
    fn markers_do_not_count_as_samples() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let seen = Samples::from_columns(vec![0, 20, 25, 40, 45], vec![1.0, 1.0, stale, f64::NAN, stale]);
        assert_eq!(spacing_ms(&seen), Some(20));
        assert_eq!(first_cap_ms(&Samples::default()), 120_000);
    }
}
