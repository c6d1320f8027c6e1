//! Additive decomposition: a centred moving average as trend, the phase means of the rest as season.

use crate::degenerate::Degenerate;
use crate::products::dot;
use crate::scaling::{Scaled, standardise};

/// Length to which a season is repeated, at least.
const TILE: usize = 256;
/// Deviations below this, in standard deviations of the series, are rounding.
const ROUNDING: f64 = 1e-13;

/// Trend, season and remainder of a series, in its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// Steps of one season.
    pub period: usize,
    /// One season, mean zero; the first entry belongs to the first value of the series.
    pub season: Vec<f64>,
    /// Trend of the values `margin` … n − 1 − `margin`; the moving average does not reach the ends.
    pub trend: Vec<f64>,
    /// Remainder at the same positions.
    pub remainder: Vec<f64>,
    /// Values at each end without trend: period / 2.
    pub margin: usize,
    /// Strength of the season, 0…1: max(0, 1 − Var(R) / Var(S + R)) (Wang, Smith & Hyndman 2006).
    pub seasonal_strength: f64,
    /// Strength of the trend, 0…1: max(0, 1 − Var(R) / Var(T + R)).
    pub trend_strength: f64,
}

/// Decomposes `values` (equal spacing, at least two seasons of them) with season length `period` ≥ 2. O(n).
///
/// The trend is the 2×m moving average for an even period, the plain one for an odd; the season the centred phase means of
/// what is left (Kendall & Stuart 1983).
///
/// # Errors
/// [`Degenerate`]: gaps, a period below 2, fewer than two seasons, constant, overflow.
pub fn decompose(values: &[f64], period: usize) -> Result<Decomposition, Degenerate> {
    if period < 2 {
        return Err(Degenerate::BadOrder {
            name: "period",
            value: period,
            min: 2,
            max: values.len().max(4) / 2,
        });
    }
    let Scaled { values, centre, scale } = standardise(values, period.saturating_mul(2))?;
    let n = values.len();
    let margin = period / 2;
    let inner = n - 2 * margin;
    let mut trend = Vec::with_capacity(inner);
    moving_average(&values, period, &mut trend);
    // `remainder` holds the values without trend first.
    let mut remainder: Vec<f64> = values[margin..].iter().zip(&trend).map(|(y, t)| y - t).collect();
    let mut season = phase_means(&remainder, period, margin);
    // One season from the first inner value on, repeated so that the inner loop is long.
    let cycles = TILE.div_ceil(period).min(inner.div_ceil(period));
    let tile: Vec<f64> = season
        .iter()
        .cycle()
        .skip(margin % period)
        .take(cycles * period)
        .copied()
        .collect();
    let with_season = sum_of_squares(&remainder);
    for chunk in remainder.chunks_mut(tile.len()) {
        for (r, s) in chunk.iter_mut().zip(&tile) {
            *r -= s;
        }
    }
    let rest = sum_of_squares(&remainder);
    let (sum_trend, sum_rest) = (sum(&trend), sum(&remainder));
    let cross = dot(&trend, &remainder) - sum_trend * sum_rest / inner as f64;
    let with_trend = sum_of_squares(&trend) + 2.0 * cross + rest;
    // Below this a variance is the rounding of the values themselves.
    let nothing = n as f64 * (ROUNDING * (1.0 + centre.abs() / scale * f64::EPSILON)).powi(2);
    let strength = |whole: f64| {
        if whole > nothing {
            (1.0 - rest / whole).clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let (seasonal_strength, trend_strength) = (strength(with_season), strength(with_trend));
    for t in &mut trend {
        *t = *t * scale + centre;
    }
    for x in season.iter_mut().chain(&mut remainder) {
        *x *= scale;
    }
    Ok(Decomposition {
        period,
        season,
        trend,
        remainder,
        margin,
        seasonal_strength,
        trend_strength,
    })
}

/// Centred moving averages, by a running sum that starts afresh every few hundred steps.
fn moving_average(values: &[f64], period: usize, out: &mut Vec<f64>) {
    /// Steps after which the running sum is formed anew: rounding does not pile up.
    const AFRESH: usize = 256;
    let even = period.is_multiple_of(2);
    let width = if even { period + 1 } else { period };
    let inverse = 1.0 / period as f64;
    let count = values.len() + 1 - width;
    let afresh = AFRESH.max(period);
    let mut start = 0;
    while start < count {
        let end = (start + afresh).min(count);
        // The sum of `period` values from `start` on; an even period shares the two outermost half and half.
        let mut sum: f64 = values[start..start + period].iter().sum();
        if even {
            for (leaving, entering) in values[start..end].iter().zip(&values[start + period..]) {
                let next = sum + (entering - leaving);
                out.push((sum + next) * (0.5 * inverse));
                sum = next;
            }
        } else {
            out.push(sum * inverse);
            for (leaving, entering) in values[start..end - 1].iter().zip(&values[start + period..]) {
                sum += entering - leaving;
                out.push(sum * inverse);
            }
        }
        start = end;
    }
}

/// Mean of each phase of the inner values, less the mean of those means; phase 0 is the first value of the series.
fn phase_means(inner: &[f64], period: usize, margin: usize) -> Vec<f64> {
    let mut sums = vec![0.0; period];
    let mut whole = inner.chunks_exact(period);
    let mut cycles = 0_usize;
    for chunk in &mut whole {
        cycles += 1;
        for (s, x) in sums.iter_mut().zip(chunk) {
            *s += x;
        }
    }
    let rest = whole.remainder();
    for (s, x) in sums.iter_mut().zip(rest) {
        *s += x;
    }
    for (i, s) in sums.iter_mut().enumerate() {
        let count = cycles + usize::from(i < rest.len());
        *s /= count.max(1) as f64;
    }
    let mean = sums.iter().sum::<f64>() / period as f64;
    for s in &mut sums {
        *s -= mean;
    }
    // Entry i belongs to position margin + i.
    sums.rotate_right(margin % period);
    sums
}

/// Σ (x − x̄)² of values that lie around zero.
fn sum_of_squares(values: &[f64]) -> f64 {
    let total = sum(values);
    dot(values, values) - total * total / values.len() as f64
}

fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let mut chunks = values.chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f64>() + chunks.remainder().iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_season_on_a_line_is_found_exactly() {
        for period in [4, 5] {
            let season: Vec<f64> = (0..period).map(|i| i as f64 - (period - 1) as f64 / 2.0).collect();
            let values: Vec<f64> = (0..40).map(|i| 100.0 + 0.5 * i as f64 + season[i % period]).collect();
            let got = decompose(&values, period).unwrap();
            assert_eq!((got.margin, got.trend.len()), (2, 36));
            for (a, b) in got.season.iter().zip(&season) {
                assert!((a - b).abs() < 1e-10, "{a} {b}");
            }
            assert!(got.seasonal_strength > 0.999_999 && got.trend_strength > 0.999_999);
            assert!(got.remainder.iter().all(|r| r.abs() < 1e-10));
        }
    }

    #[test]
    fn too_few_seasons_are_refused() {
        assert_eq!(
            decompose(&[1.0, 2.0, 3.0], 2),
            Err(Degenerate::TooShort { have: 3, need: 4 })
        );
        assert!(matches!(
            decompose(&[1.0, 2.0, 3.0], 1),
            Err(Degenerate::BadOrder { .. })
        ));
        assert!(matches!(
            decompose(&[1.0, 2.0, 3.0], usize::MAX),
            Err(Degenerate::TooShort { .. })
        ));
    }
}
