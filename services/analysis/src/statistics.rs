//! Statistics of a window: moments and percentiles of the finite samples; what is not finite is counted and left out.

use crate::degenerate::Degenerate;
use crate::products::{compensated_sum, two_sum};

/// Beyond this magnitude sums and squares are formed from values scaled by a power of two.
const LARGE: f64 = 1e140;
/// Below this spread squares would lose digits; they are formed from scaled values.
const SMALL: f64 = 1e-140;
/// Lanes of the moment sums.
const LANES: usize = 8;

/// Count, extremes, mean and sample standard deviation, in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Samples given.
    pub n: usize,
    /// Finite samples: all fields below speak of these.
    pub n_finite: usize,
    /// NaN samples (the other non-finite ones are ±Inf).
    pub n_nan: usize,
    /// Smallest finite sample.
    pub min: f64,
    /// Largest finite sample.
    pub max: f64,
    /// Arithmetic mean, correctly rounded in nearly all cases.
    pub mean: f64,
    /// Sample standard deviation (ddof = 1); 0 for one sample and where the spread is sub-normal.
    pub std: f64,
}

/// [`Moments`] with the percentiles that the product shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// Count, extremes, mean, standard deviation.
    pub moments: Moments,
    /// 50th percentile (type 7).
    pub median: f64,
    /// 95th percentile (type 7).
    pub p95: f64,
    /// 99th percentile (type 7).
    pub p99: f64,
}

/// Moments of the finite samples: a compensated mean, then a shifted second pass (Chan, Golub, LeVeque 1983).
///
/// Relative error at most 1e-12 even for 1e15 ± 100. A single sample has `std` 0.
///
/// # Errors
/// [`Degenerate::Empty`], [`Degenerate::AllNonFinite`].
pub fn moments(values: &[f64]) -> Result<Moments, Degenerate> {
    if values.is_empty() {
        return Err(Degenerate::Empty);
    }
    let (min, max, odd) = extremes(values);
    if odd == 0 {
        return Ok(moments_of_finite(values, values.len(), 0, min, max));
    }
    let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    if finite.is_empty() {
        return Err(Degenerate::AllNonFinite);
    }
    let n_nan = values.iter().filter(|x| x.is_nan()).count();
    let (min, max, _) = extremes(&finite);
    Ok(moments_of_finite(&finite, values.len(), n_nan, min, max))
}

/// [`moments`] and the percentiles 50, 95, 99 (linear interpolation, Hyndman & Fan 1996 type 7). O(n).
///
/// Percentiles are about ranks: +Inf ranks above and −Inf below every finite sample; one that falls among them is given as the
/// largest or smallest finite sample.
///
/// # Errors
/// [`Degenerate::Empty`], [`Degenerate::AllNonFinite`].
pub fn statistics(values: &[f64]) -> Result<Statistics, Degenerate> {
    let moments = moments(values)?;
    let [p99, p95, median] = quantiles(values, [0.99, 0.95, 0.5])?;
    Ok(Statistics {
        moments,
        median,
        p95,
        p99,
    })
}

/// The quantile at `probability` (clamped to 0…1), type 7, infinities ranked as in [`statistics`]. O(n).
///
/// # Errors
/// [`Degenerate::Empty`], [`Degenerate::AllNonFinite`], [`Degenerate::BadParameter`] for a NaN probability.
pub fn quantile(values: &[f64], probability: f64) -> Result<f64, Degenerate> {
    quantiles(values, [probability]).map(|[q]| q)
}

/// Several quantiles of one series at once, as [`quantile`] gives them one by one.
///
/// # Errors
/// As [`quantile`].
pub fn quantiles<const N: usize>(values: &[f64], probabilities: [f64; N]) -> Result<[f64; N], Degenerate> {
    let moments = moments(values)?;
    if probabilities.iter().any(|p| p.is_nan()) {
        return Err(Degenerate::BadParameter { name: "probability" });
    }
    let mut ranked: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    Ok(probabilities.map(|p| select_quantile(&mut ranked, p).clamp(moments.min, moments.max)))
}

/// The quantile of an ascending, non-empty slice of finite numbers, type 7; `probability` is clamped to 0…1.
///
/// An empty slice gives `None`.
pub fn quantile_of_sorted(sorted: &[f64], probability: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let (index, fraction) = position(last, probability);
    Some(between(sorted[index], sorted[(index + 1).min(last)], fraction))
}

fn position(last: usize, probability: f64) -> (usize, f64) {
    let h = last as f64 * probability.clamp(0.0, 1.0);
    let index = (h.floor() as usize).min(last);
    (index, h - index as f64)
}

fn select_quantile(values: &mut [f64], probability: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let (index, fraction) = position(last, probability);
    let (_, low, rest) = values.select_nth_unstable_by(index, f64::total_cmp);
    let low = *low;
    if fraction == 0.0 || rest.is_empty() {
        return low;
    }
    let high = rest.iter().copied().fold(f64::INFINITY, f64::min);
    between(low, high, fraction)
}

/// Linear interpolation that neither overshoots nor overflows.
fn between(low: f64, high: f64, fraction: f64) -> f64 {
    let width = high - low;
    if low.is_infinite() || high.is_infinite() {
        return if fraction < 0.5 { low } else { high };
    }
    if !width.is_finite() {
        return low * (1.0 - fraction) + high * fraction;
    }
    if fraction < 0.5 {
        low + width * fraction
    } else {
        high - width * (1.0 - fraction)
    }
}

/// Minimum and maximum, and how many values are not finite (then the extremes mean nothing).
fn extremes(values: &[f64]) -> (f64, f64, usize) {
    let mut low = [f64::INFINITY; LANES];
    let mut high = [f64::NEG_INFINITY; LANES];
    // x·0 is 0 for finite x and NaN otherwise, so one vector addition watches for both NaN and ±Inf.
    let mut odd = [0.0_f64; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for k in 0..LANES {
            low[k] = if chunk[k] < low[k] { chunk[k] } else { low[k] };
            high[k] = if chunk[k] > high[k] { chunk[k] } else { high[k] };
            odd[k] += chunk[k] * 0.0;
        }
    }
    let mut min = low.iter().copied().fold(f64::INFINITY, f64::min);
    let mut max = high.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut watch: f64 = odd.iter().sum();
    for &x in chunks.remainder() {
        min = min.min(x);
        max = max.max(x);
        watch += x * 0.0;
    }
    let odd = if watch == 0.0 {
        0
    } else {
        values.iter().filter(|x| !x.is_finite()).count()
    };
    (min, max, odd)
}

fn moments_of_finite(finite: &[f64], n: usize, n_nan: usize, min: f64, max: f64) -> Moments {
    let count = finite.len() as f64;
    let far = min.abs().max(max.abs());
    // 2^-600 keeps the sum of 2^64 values of 1e308 finite.
    let mean = if far > LARGE {
        let shrink = 2_f64.powi(-600);
        let (sum, error) = compensated_sum(finite.iter().map(|x| x * shrink));
        divide(sum, error, count) / shrink
    } else {
        let (sum, error) = long_sum(finite);
        divide(sum, error, count)
    };
    let mean = mean.clamp(min, max);
    let std = if finite.len() < 2 || min == max {
        0.0
    } else {
        deviation(finite, mean, (max - mean).max(mean - min))
    };
    Moments {
        n,
        n_finite: finite.len(),
        n_nan,
        min,
        max,
        mean,
        std,
    }
}

/// Neumaier sum in eight interleaved lanes: the branch-free form vectorises.
fn long_sum(values: &[f64]) -> (f64, f64) {
    let mut high = [0.0_f64; LANES];
    let mut low = [0.0_f64; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for k in 0..LANES {
            let (s, e) = two_sum(high[k], chunk[k]);
            high[k] = s;
            low[k] += e;
        }
    }
    let mut sum = 0.0;
    let mut error = 0.0;
    for x in high.iter().chain(chunks.remainder()) {
        let (s, e) = two_sum(sum, *x);
        sum = s;
        error += e;
    }
    (sum, error + low.iter().sum::<f64>())
}

/// (sum + error) / count with the rounding error of the first division put back.
fn divide(sum: f64, error: f64, count: f64) -> f64 {
    let first = sum / count;
    let remainder = (-first).mul_add(count, sum);
    first + (remainder + error) / count
}

fn deviation(finite: &[f64], mean: f64, reach: f64) -> f64 {
    if !reach.is_finite() {
        let shrink = 2_f64.powi(-600);
        return deviation_scaled(finite, mean, shrink);
    }
    if reach > LARGE {
        return deviation_scaled(finite, mean, 2_f64.powi(-600));
    }
    if reach < SMALL {
        let std = deviation_scaled(finite, mean, 2_f64.powi(600));
        return if std < f64::MIN_POSITIVE { 0.0 } else { std };
    }
    let mut squares = [0.0; LANES];
    let mut drift = [0.0; LANES];
    let mut chunks = finite.chunks_exact(LANES);
    for chunk in &mut chunks {
        for k in 0..LANES {
            let d = chunk[k] - mean;
            squares[k] += d * d;
            drift[k] += d;
        }
    }
    let mut square: f64 = squares.iter().sum();
    let mut rest: f64 = drift.iter().sum();
    for x in chunks.remainder() {
        let d = x - mean;
        square += d * d;
        rest += d;
    }
    finish(square, rest, finite.len())
}

fn deviation_scaled(finite: &[f64], mean: f64, by: f64) -> f64 {
    let mut square = 0.0;
    let mut rest = 0.0;
    for x in finite {
        let d = if by < 1.0 { x * by - mean * by } else { (x - mean) * by };
        square += d * d;
        rest += d;
    }
    finish(square, rest, finite.len()) / by
}

/// The second-pass correction: what the rounded mean missed leaves the sum of squares again.
fn finish(square: f64, rest: f64, n: usize) -> f64 {
    let count = n as f64;
    ((square - rest * rest / count).max(0.0) / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_1e15_do_not_hurt() {
        let values: Vec<f64> = (0..1000).map(|i| 1e15 + f64::from(i % 7) * 32.0).collect();
        let plain: Vec<f64> = (0..1000).map(|i| f64::from(i % 7) * 32.0).collect();
        let (a, b) = (moments(&values).unwrap(), moments(&plain).unwrap());
        assert!((a.std / b.std - 1.0).abs() < 1e-12);
        assert_eq!(a.mean, 1e15 + b.mean);
    }

    #[test]
    fn extreme_magnitudes_stay_finite() {
        for scale in [1e300, 1.7e308, 1e-300, 1e-310, f64::MIN_POSITIVE] {
            let m = moments(&[scale, -scale, scale / 2.0, 0.0]).unwrap();
            assert!(m.mean.is_finite() && !m.std.is_nan() && m.std >= 0.0, "{scale} {m:?}");
        }
        let m = moments(&[1e300, -1e300]).unwrap();
        assert!((m.std / (2_f64.sqrt() * 1e300) - 1.0).abs() < 1e-14);
    }

    #[test]
    fn what_is_not_finite_is_counted_and_left_out() {
        let m = moments(&[f64::NAN, 1.0, f64::INFINITY, 3.0]).unwrap();
        assert_eq!(
            (m.n, m.n_finite, m.n_nan, m.min, m.max, m.mean),
            (4, 2, 1, 1.0, 3.0, 2.0)
        );
        assert_eq!(moments(&[]), Err(Degenerate::Empty));
        assert_eq!(moments(&[f64::NAN]), Err(Degenerate::AllNonFinite));
    }

    #[test]
    fn quantiles_are_type_seven() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Ok(2.5));
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 1.0), Ok(4.0));
        assert_eq!(quantile_of_sorted(&[1.0, 2.0, 3.0, 4.0], 0.25), Some(1.75));
        assert_eq!(quantile_of_sorted(&[], 0.25), None);
    }
}
