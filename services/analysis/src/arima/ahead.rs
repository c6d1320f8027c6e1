//! Forecasts from the end of the series: means by recursion, variances from the responses to the shocks still to come.

use super::limits::{MAX_DIFFERENCES, MAX_HORIZON, MAX_LAGS};
use super::model::Model;
use crate::forecast::Forecast;

/// Shocks whose responses are followed one by one while the recursion has not settled; later ones take the settled response.
const FOLLOWED: usize = 400;
/// Lags of φ(B)(1 − B)ᵈ.
pub(super) const COMBINED: usize = MAX_LAGS + MAX_DIFFERENCES;

/// One step ahead: how it depends on the shocks before it, in units of the model (σ = 1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Factors of the shocks 1, 2, … steps before.
    pub(super) row: [f64; MAX_LAGS],
    /// Variance of its own shock.
    pub(super) variance: f64,
}

impl Model {
    /// Means and standard errors of the next `horizon` steps (at most [`MAX_HORIZON`]), parameters taken as known.
    pub fn forecast(&self, horizon: usize) -> Forecast {
        let horizon = horizon.min(MAX_HORIZON);
        let steps = self.steps(horizon);
        Forecast {
            mean: self.means(&steps),
            standard_error: self.standard_errors(&steps),
        }
    }

    pub(super) fn steps(&self, horizon: usize) -> Vec<Step> {
        let mut engine = self.tail.engine.clone();
        (0..horizon)
            .map(|_| {
                let (row, variance) = engine.next();
                Step { row, variance }
            })
            .collect()
    }

    pub(super) fn means(&self, steps: &[Step]) -> Vec<f64> {
        let ar = self.tail.engine.ar();
        let errors = self.tail.engine.errors();
        let q = self.order.ma;
        let mut recent = self.tail.recent;
        let [mut level, mut slope] = self.tail.levels;
        steps
            .iter()
            .enumerate()
            .map(|(h, step)| {
                // Shocks of the past still inside the moving average.
                let known: f64 = (h..q).map(|j| step.row[j] * errors[j - h]).sum();
                let w = known + ar.iter().zip(&recent).map(|(phi, x)| phi * x).sum::<f64>();
                recent.rotate_right(1);
                recent[0] = w;
                match self.order.differences {
                    0 => self.parameters.mean + w,
                    1 => {
                        level += w;
                        level
                    }
                    _ => {
                        slope += w;
                        level += slope;
                        level
                    }
                }
            })
            .collect()
    }

    /// φ(B)(1 − B)ᵈ as the coefficients of the earlier values.
    pub(super) fn combined(&self) -> Vec<f64> {
        let ar = self.tail.engine.ar();
        let mut polynomial: Vec<f64> = [1.0].into_iter().chain(ar.iter().map(|phi| -phi)).collect();
        polynomial.resize(1 + ar.len() + self.order.differences, 0.0);
        for _ in 0..self.order.differences {
            for i in (1..polynomial.len()).rev() {
                polynomial[i] -= polynomial[i - 1];
            }
        }
        polynomial[1..].iter().map(|c| -c).collect()
    }

    fn standard_errors(&self, steps: &[Step]) -> Vec<f64> {
        let horizon = steps.len();
        let combined = self.combined();
        let settled: Vec<Step> = match steps.last() {
            Some(last) => vec![*last; MAX_LAGS + 1],
            None => Vec::new(),
        };
        let varies = steps
            .windows(2)
            .any(|w| w[0].variance != w[1].variance || w[0].row != w[1].row);
        let followed = if varies { FOLLOWED.min(horizon) } else { 0 };
        let mut variance = vec![0.0; horizon];
        for i in 0..followed {
            let response = response(&steps[i..], &combined, horizon - i);
            for (v, r) in variance[i..].iter_mut().zip(&response) {
                *v += r * r * steps[i].variance;
            }
        }
        if followed < horizon {
            let response = response(&settled, &combined, horizon - followed);
            let own = settled.first().map_or(1.0, |s| s.variance);
            let mut sum = 0.0;
            for (v, r) in variance[followed..].iter_mut().zip(&response) {
                sum += r * r * own;
                *v += sum;
            }
        }
        variance.iter().map(|v| (v * self.parameters.sigma2).sqrt()).collect()
    }
}

/// Response of the value k = 0, 1, … steps later to one unit of the shock at `steps[0]`.
fn response(steps: &[Step], combined: &[f64], horizon: usize) -> Vec<f64> {
    debug_assert!(combined.len() <= COMBINED);
    let mut out = Vec::with_capacity(horizon);
    for k in 0..horizon {
        let mut value = match k {
            0 => 1.0,
            1..=MAX_LAGS => steps.get(k).map_or(0.0, |s| s.row[k - 1]),
            _ => 0.0,
        };
        for (j, c) in combined.iter().enumerate().take(k) {
            value += c * out[k - 1 - j];
        }
        out.push(value);
    }
    out
}
