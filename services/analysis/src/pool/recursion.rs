//! An autoregression of the next change on the state, fitted as the history grows, for the expert that simulates it.

use super::track::{ENOUGH_SAMPLES, Track};

/// Regressors: deviation from the mean, from the short mean, differences of means over 4, 16 and 64 slots, the last two changes, and the
/// change that came at this time yesterday.
const TERMS: usize = 7;
/// Coefficients are refitted this often over the history, each time from what lay before only.
const CHECKPOINTS: usize = 8;
/// Ridge, relative to the diagonal, per sample of a history of this many samples: short histories stay near a random walk.
const RIDGE_SAMPLES: f64 = 4.0;

/// The fitted autoregression.
#[derive(Debug)]
pub(crate) struct Recursion {
    /// Slot from which on a set of coefficients holds, ascending.
    coefficients: Vec<(usize, [f64; TERMS])>,
    /// Errors of the newest coefficients at each slot, NaN where not defined.
    pub(crate) errors: Vec<f64>,
    mean: f64,
    day: usize,
}

impl Recursion {
    pub(crate) fn fit(x: &[f64], mean: f64, day: usize) -> Self {
        let n = x.len();
        let mut gram = [[0.0_f64; TERMS]; TERMS];
        let mut right = [0.0_f64; TERMS];
        let stride = n / (2 * ENOUGH_SAMPLES) + 1;
        let mut used = 0.0_f64;
        let mut coefficients = vec![(0, [0.0; TERMS])];
        let mut rows: Vec<([f64; TERMS], f64)> = Vec::with_capacity(n);
        let mut track = Track::start(x);
        for t in 0..n {
            let mut change = f64::NAN;
            if x[t].is_finite() {
                track.advance(x[t]);
                if t + 1 < n {
                    change = x[t + 1] - x[t];
                }
            }
            let row = terms(&track, mean, yesterday(x, t, day));
            if change.is_finite() && t % stride == 0 {
                for i in 0..TERMS {
                    for j in 0..=i {
                        gram[i][j] += row[i] * row[j];
                    }
                    right[i] += row[i] * change;
                }
                used += 1.0;
            }
            rows.push((row, change));
            if (t + 1) * CHECKPOINTS / n != t * CHECKPOINTS / n && used > 2.0 * TERMS as f64 {
                // The coefficients use changes up to slot t + 1.
                coefficients.push((t + 1, solve(&gram, &right, used)));
            }
        }
        let newest = coefficients[coefficients.len() - 1].1;
        let mut errors = Vec::with_capacity(n);
        errors.push(f64::NAN);
        for (row, change) in rows.iter().take(n - 1) {
            errors.push(change - product(row, &newest));
        }
        Self {
            coefficients,
            errors,
            mean,
            day,
        }
    }

    /// Coefficients known at `origin`.
    pub(crate) fn at(&self, origin: usize) -> &[f64; TERMS] {
        let at = self.coefficients.partition_point(|(from, _)| *from <= origin);
        &self.coefficients[at.saturating_sub(1)].1
    }

    /// Expected change after the state of `track` at slot `t` (which may lie `ahead` slots beyond the origin).
    pub(crate) fn expect(&self, coefficients: &[f64; TERMS], track: &Track, x: &[f64], t: usize) -> f64 {
        product(&terms(track, self.mean, yesterday(x, t, self.day)), coefficients)
    }
}

/// The change after slot `t` one day before, 0 when unknown.
fn yesterday(x: &[f64], t: usize, day: usize) -> f64 {
    if t < day || t + 1 - day >= x.len() {
        return 0.0;
    }
    let change = x[t + 1 - day] - x[t - day];
    if change.is_finite() { change } else { 0.0 }
}

fn terms(track: &Track, mean: f64, yesterday: f64) -> [f64; TERMS] {
    [
        track.last - mean,
        track.last - track.mean4,
        track.mean4 - track.mean16,
        track.mean16 - track.mean64,
        track.change,
        track.change_before,
        yesterday,
    ]
}

fn product(a: &[f64; TERMS], b: &[f64; TERMS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Cholesky with a ridge; zeros where the matrix is singular.
fn solve(gram: &[[f64; TERMS]; TERMS], right: &[f64; TERMS], used: f64) -> [f64; TERMS] {
    let mut l = *gram;
    let ridge = 1e-8 + RIDGE_SAMPLES / used;
    for (i, row) in l.iter_mut().enumerate() {
        row[i] *= 1.0 + ridge;
        if row[i] <= 0.0 {
            row[i] = 1.0; // a regressor that never moved gets the coefficient 0
        }
    }
    let mut y = [0.0; TERMS];
    for i in 0..TERMS {
        for j in 0..=i {
            let done: f64 = l[i][..j].iter().zip(&l[j][..j]).map(|(a, b)| a * b).sum();
            let rest = l[i][j] - done;
            if i == j {
                if rest <= 0.0 || !rest.is_finite() {
                    return [0.0; TERMS];
                }
                l[i][i] = rest.sqrt();
            } else {
                l[i][j] = rest / l[j][j];
            }
        }
        y[i] = (right[i] - product(&l[i], &y)) / l[i][i];
    }
    for i in (0..TERMS).rev() {
        let done: f64 = (i + 1..TERMS).map(|k| l[k][i] * y[k]).sum();
        y[i] = (y[i] - done) / l[i][i];
    }
    if y.iter().all(|v| v.is_finite()) {
        y
    } else {
        [0.0; TERMS]
    }
}
