//! What both ways to solve the regressions share: their result, and the choice of the lag.

/// Residual over total sum of squares below which the fit counts as exact.
const EXACT: f64 = 1e-20;
/// The final regression: its lag, the AIC that chose it, and the level's t-statistic.
pub(super) struct Regression {
    pub(super) lag: usize,
    pub(super) best_aic: f64,
    pub(super) statistic: f64,
}

/// Whether a residual sum of squares over `n` rows is nothing but rounding, of root mean square `rounding` a value.
pub(super) fn is_exact(residual: f64, total: f64, n: usize, rounding: f64) -> bool {
    residual < EXACT * total || residual < rounding * rounding * n as f64
}

/// Akaike's criterion of a Gaussian regression with `n` observations and `k` coefficients.
fn aic(residual: f64, n: usize, k: usize) -> f64 {
    let n = n as f64;
    n * ((std::f64::consts::TAU * residual / n).ln() + 1.0) + 2.0 * k as f64
}

/// The lag with the smallest AIC (the smaller lag on a tie) from the residual sums of squares and the ranks of lags 0, 1, ….
pub(super) fn best(residuals: &[f64], n: usize, rank: impl Fn(usize) -> usize) -> (usize, f64) {
    let mut found = (0, f64::INFINITY);
    for (lag, &residual) in residuals.iter().enumerate() {
        let value = aic(residual, n, rank(lag));
        if value < found.1 {
            found = (lag, value);
        }
    }
    found
}
