//! A series on a grid of minutes.

use sla_domain::Samples;
use sla_proto::retrieval::v1::Column;

/// A value holds for so many times the usual spacing, as in the evaluation.
const HOLDS: i64 = 2;

/// The mean of the finite samples of each bin of `bin_ms` from `from_ms` on, (from + k·bin, from + (k+1)·bin]; a bin without one
/// carries the value before it while that holds, else it is NaN.
pub(crate) fn minutes(samples: &Samples, from_ms: i64, bin_ms: i64, count: usize, spacing_ms: i64) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_u32); count];
    let until_ms = from_ms.saturating_add(bin_ms.saturating_mul(count as i64));
    let (times, values) = samples.between(from_ms, until_ms);
    for (&time, &value) in times.iter().zip(values).filter(|(_, value)| value.is_finite()) {
        let at = usize::try_from((time - from_ms - 1).div_euclid(bin_ms)).unwrap_or(0);
        if let Some((sum, n)) = sums.get_mut(at) {
            *sum += value;
            *n += 1;
        }
    }
    let reach = usize::try_from(spacing_ms.max(1).saturating_mul(HOLDS).div_euclid(bin_ms)).unwrap_or(0);
    let mut last: Option<(usize, f64)> = None;
    sums.iter()
        .enumerate()
        .map(|(at, &(sum, n))| {
            if n > 0 {
                let mean = sum / f64::from(n);
                last = Some((at, mean));
                return mean;
            }
            last.filter(|(seen, _)| at - seen <= reach)
                .map_or(f64::NAN, |(_, value)| value)
        })
        .collect()
}

/// Bins as columns to draw.
pub(crate) fn drawn(bins: &[f64]) -> Vec<Column> {
    let column = |bin: &f64| {
        let known = bin.is_finite().then_some(*bin);
        Column {
            min: known,
            max: known,
            last: known,
            ..Column::default()
        }
    };
    bins.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_means_and_carry_what_still_holds() {
        let samples = Samples::from_columns(vec![10, 20, 100, 401], vec![1.0, 3.0, f64::NAN, 8.0]);
        let got = minutes(&samples, 0, 100, 6, 100);
        assert_eq!(got[..3], [2.0, 2.0, 2.0], "the value holds for twice the spacing");
        assert!(got[3].is_nan() && got[4] == 8.0);
        let got = minutes(&samples, 0, 20, 2, 1);
        assert_eq!(got[0], 2.0, "a sample on an edge belongs to the bin that ends there");
        assert!(got[1].is_nan());
        assert!(
            minutes(&Samples::default(), 0, 100, 2, 1)
                .iter()
                .all(|bin| bin.is_nan())
        );
        assert_eq!(drawn(&[1.0, f64::NAN])[1].min, None);
    }
}
