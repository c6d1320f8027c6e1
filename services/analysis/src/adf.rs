//! Stationarity: the augmented Dickey–Fuller test with a constant, the lag chosen by AIC.
//!
//! The series is centred and scaled first; without that a small variance on a large offset drowns in rounding.

mod gram;
mod mackinnon;
mod orthogonal;
mod regression;

use crate::degenerate::Degenerate;
use crate::scaling::standardise;

/// Samples below which the regressions are solved by QR at once: it costs nothing there and is exact.
const SMALL_SAMPLE: usize = 64;
/// Fewest samples for one regression without lags and one degree of freedom.
const MIN_SAMPLES: usize = 4;

/// The test's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DickeyFuller {
    /// t-statistic of the lagged level; the more negative, the less likely a unit root.
    pub statistic: f64,
    /// P(statistic this small | unit root), MacKinnon 1994.
    pub p_value: f64,
    /// Lagged differences in the final regression.
    pub used_lag: usize,
    /// Observations in the final regression.
    pub n_observations: usize,
    /// Critical values at 1, 5 and 10 % for this number of observations (MacKinnon 2010).
    pub critical: [f64; 3],
    /// The AIC that won, of the standardised series (mean 0, sample standard deviation 1).
    pub best_aic: f64,
}

impl DickeyFuller {
    /// Whether a unit root is rejected at `level` (0.05: yes when p < 0.05).
    pub fn is_stationary(&self, level: f64) -> bool {
        self.p_value < level
    }
}

/// Augmented Dickey–Fuller test of `values` (equal spacing): Δyₜ on 1, yₜ₋₁, Δyₜ₋₁ … Δyₜ₋ₗ.
///
/// The lag l minimises AIC up to ⌈12 (n/100)^¼⌉ (Schwert 1989), at most n/2 − 2, on the sample common to all lags; the final
/// regression uses the larger sample that l allows (Said & Dickey 1984). O(n · lags): one sliding Gram matrix and one Cholesky
/// factorisation serve all nested lags; ill-conditioned and short series go through Householder QR.
///
/// # Errors
/// [`Degenerate`]: empty, gaps, shorter than 4, constant, [`Degenerate::ExactFit`] when a regression leaves no residual.
pub fn augmented_dickey_fuller(values: &[f64]) -> Result<DickeyFuller, Degenerate> {
    let scaled = standardise(values, MIN_SAMPLES)?;
    let rounding = scaled.rounding();
    let z = scaled.values;
    let max_lag = largest_lag(z.len());
    let differences: Vec<f64> = z.windows(2).map(|w| w[1] - w[0]).collect();
    let by_gram = if z.len() < SMALL_SAMPLE {
        None
    } else {
        gram::search(&z, &differences, max_lag)
    };
    let found = match by_gram {
        Some(found) => found,
        None => orthogonal::search(&z, &differences, max_lag, rounding)?,
    };
    if !found.statistic.is_finite() || !found.best_aic.is_finite() {
        return Err(Degenerate::ExactFit);
    }
    let n_observations = differences.len() - found.lag;
    Ok(DickeyFuller {
        statistic: found.statistic,
        p_value: mackinnon::p_value(found.statistic),
        used_lag: found.lag,
        n_observations,
        critical: mackinnon::critical_values(n_observations),
        best_aic: found.best_aic,
    })
}

/// Schwert's rule, capped so that every regression keeps a degree of freedom. `n` ≥ 4.
fn largest_lag(n: usize) -> usize {
    let schwert = (12.0 * (n as f64 / 100.0).powf(0.25)).ceil() as usize;
    schwert.min((n / 2).saturating_sub(2))
}
