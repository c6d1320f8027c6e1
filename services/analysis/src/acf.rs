//! Autocorrelation by direct sums: at the lags a console shows they beat an FFT and lose no digits.

use crate::degenerate::Degenerate;
use crate::normal;
use crate::products::lagged;
use crate::scaling::standardise;

/// Autocorrelations from lag 0 and their standard errors under Bartlett's formula.
#[derive(Debug, Clone, PartialEq)]
pub struct Autocorrelation {
    /// r₀ = 1, r₁, … up to the largest lag asked for.
    pub acf: Vec<f64>,
    /// Standard error of each rₖ when all correlation ends before lag k (Bartlett 1946); 0 at lag 0.
    pub standard_error: Vec<f64>,
}

impl Autocorrelation {
    /// The two ends of the confidence band of lag `lag` at `level` (0.95: ±1.96 standard errors around rₖ).
    ///
    /// `None` beyond the last lag or for a level outside 0…1.
    pub fn band(&self, lag: usize, level: f64) -> Option<(f64, f64)> {
        if !(0.0..1.0).contains(&level) {
            return None;
        }
        let r = *self.acf.get(lag)?;
        let half = normal::quantile(0.5 + level / 2.0) * self.standard_error.get(lag)?;
        Some((r - half, r + half))
    }
}

/// The usual number of lags: min(⌊10 log₁₀ n⌋, n − 1), and 0 for fewer than two samples.
pub fn default_lags(n: usize) -> usize {
    if n < 2 {
        return 0;
    }
    ((10.0 * (n as f64).log10()).floor() as usize).min(n - 1)
}

/// Autocorrelation rₖ = cₖ / c₀ of `values` (equal spacing) for lags 0…`max_lag`, at most n − 1; `None` takes [`default_lags`].
///
/// Biased covariances (divisor n) as in Box & Jenkins (1976); O(n · lags), one copy of the series.
///
/// # Errors
/// [`Degenerate`] when there are fewer than two samples, a gap, or no spread.
pub fn autocorrelation(values: &[f64], max_lag: Option<usize>) -> Result<Autocorrelation, Degenerate> {
    let z = standardise(values, 2)?.values;
    let n = z.len();
    let lags = max_lag.unwrap_or_else(|| default_lags(n)).min(n - 1);
    let mut acf = vec![0.0; lags + 1];
    // The terms all lags share in one sweep, then the few that only short lags have.
    lagged(&z[lags..], &z, lags, &mut acf);
    for (k, sum) in acf.iter_mut().enumerate() {
        for t in k..lags {
            *sum += z[t] * z[t - k];
        }
    }
    let c0 = acf[0];
    for r in &mut acf {
        *r /= c0;
    }
    acf[0] = 1.0;
    let mut standard_error = vec![0.0; lags + 1];
    let mut squares = 0.0;
    for k in 1..=lags {
        standard_error[k] = ((1.0 + 2.0 * squares) / n as f64).sqrt();
        squares += acf[k] * acf[k];
    }
    Ok(Autocorrelation { acf, standard_error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternating_series_has_alternating_correlation() {
        let x: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let a = autocorrelation(&x, Some(3)).unwrap();
        assert_eq!(a.acf.len(), 4);
        assert!((a.acf[1] + 0.99).abs() < 1e-12 && (a.acf[2] - 0.98).abs() < 1e-12);
        assert_eq!(a.band(0, 0.95), Some((1.0, 1.0)));
        assert_eq!(a.band(9, 0.95), None);
    }

    #[test]
    fn lags_never_reach_beyond_the_series() {
        assert_eq!(default_lags(2880), 34);
        assert_eq!(default_lags(3), 2);
        assert_eq!(autocorrelation(&[1.0, 2.0], Some(50)).unwrap().acf.len(), 2);
        assert_eq!(
            autocorrelation(&[1.0], None),
            Err(Degenerate::TooShort { have: 1, need: 2 })
        );
    }
}
