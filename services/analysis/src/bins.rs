//! Equal bins of a series: mean, max and min of what fell into each, for models that need equal spacing.

use crate::degenerate::Degenerate;

/// Longest stretch of bins that one call makes.
pub const MAX_BINS: usize = 1_000_000;

/// One bin that holds at least one finite sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Position: the bin covers origin + index · width … origin + (index + 1) · width.
    pub index: u64,
    /// Finite samples inside.
    pub count: usize,
    /// Their mean, in the unit of the series.
    pub mean: f64,
    /// The largest.
    pub max: f64,
    /// The smallest.
    pub min: f64,
}

/// Bins of `width_ms` from the first time on; bins without a finite sample are left out, not filled.
///
/// `times_ms` must be strictly increasing, one per value.
///
/// # Errors
/// [`Degenerate::Empty`], [`Degenerate::LengthMismatch`], [`Degenerate::Unsorted`], [`Degenerate::AllNonFinite`],
/// [`Degenerate::BadOrder`] for a width below 1 ms or more than [`MAX_BINS`] bins.
pub fn bins(times_ms: &[i64], values: &[f64], width_ms: u64) -> Result<Vec<Bin>, Degenerate> {
    if times_ms.len() != values.len() {
        return Err(Degenerate::LengthMismatch {
            times: times_ms.len(),
            values: values.len(),
        });
    }
    let (Some(first), Some(last)) = (times_ms.first(), times_ms.last()) else {
        return Err(Degenerate::Empty);
    };
    if let Some(index) = times_ms.windows(2).position(|w| w[1] <= w[0]) {
        return Err(Degenerate::Unsorted { index: index + 1 });
    }
    let span = last.abs_diff(*first).checked_div(width_ms).unwrap_or(u64::MAX);
    if span >= MAX_BINS as u64 {
        let value = usize::try_from(span).unwrap_or(usize::MAX);
        return Err(Degenerate::BadOrder {
            name: "number of bins",
            value,
            min: 1,
            max: MAX_BINS,
        });
    }
    let mut out: Vec<Bin> = Vec::with_capacity(span as usize + 1);
    let mut sum = 0.0;
    for (time, &value) in times_ms.iter().zip(values) {
        if !value.is_finite() {
            continue;
        }
        let index = time.abs_diff(*first) / width_ms;
        match out.last_mut() {
            Some(bin) if bin.index == index => {
                bin.count += 1;
                sum += value;
                bin.mean = sum / bin.count as f64;
                bin.max = bin.max.max(value);
                bin.min = bin.min.min(value);
            }
            _ => {
                sum = value;
                out.push(Bin {
                    index,
                    count: 1,
                    mean: value,
                    max: value,
                    min: value,
                });
            }
        }
    }
    for bin in &mut out {
        // A sum beyond the largest number: the mean still lies between the extremes.
        bin.mean = bin.mean.clamp(bin.min, bin.max);
    }
    if out.is_empty() {
        Err(Degenerate::AllNonFinite)
    } else {
        Ok(out)
    }
}

/// The latest bins without a gap between them: what a model of equal spacing may use.
pub fn latest_run(bins: &[Bin]) -> &[Bin] {
    let start = bins
        .windows(2)
        .rposition(|w| w[1].index != w[0].index + 1)
        .map_or(0, |at| at + 1);
    &bins[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_left_out_and_the_latest_run_starts_after_them() {
        let times = [1000, 2000, 3000, 9000, 11_000, 12_500];
        let values = [1.0, 3.0, f64::NAN, 5.0, 7.0, 9.0];
        let got = bins(&times, &values, 2000).unwrap();
        let indices: Vec<u64> = got.iter().map(|b| b.index).collect();
        assert_eq!(indices, [0, 4, 5]);
        assert_eq!((got[0].mean, got[0].max, got[0].min, got[0].count), (2.0, 3.0, 1.0, 2));
        assert_eq!(latest_run(&got).len(), 2);
        assert_eq!(latest_run(&[]), &[]);
    }

    #[test]
    fn bad_times_are_named() {
        assert_eq!(bins(&[1, 1], &[0.0, 0.0], 10), Err(Degenerate::Unsorted { index: 1 }));
        assert_eq!(
            bins(&[1], &[0.0, 0.0], 10),
            Err(Degenerate::LengthMismatch { times: 1, values: 2 })
        );
        assert_eq!(bins(&[], &[], 10), Err(Degenerate::Empty));
        assert!(matches!(
            bins(&[0, i64::MAX], &[0.0, 1.0], 1),
            Err(Degenerate::BadOrder { .. })
        ));
        assert!(matches!(
            bins(&[i64::MIN, i64::MAX], &[0.0, 1.0], 0),
            Err(Degenerate::BadOrder { .. })
        ));
    }
}
