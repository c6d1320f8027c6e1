//! Parameters, states and forecasts of the model.

use crate::degenerate::Degenerate;
use crate::forecast::Forecast;

/// Longest season in steps; beyond it the normal equations of the initial states would cost more than they are worth.
pub const MAX_SEASON: usize = 60;
/// Longest forecast in steps.
pub const MAX_HORIZON: usize = 100_000;

/// Smoothing parameters, without unit: what the last run learned and the next one starts from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Smoothing of the level, 0…1.
    pub alpha: f64,
    /// Smoothing of the trend relative to the level's change (β*), 0…1.
    pub beta: f64,
    /// Smoothing of the season, 0…1 − α.
    pub gamma: f64,
}

impl Parameters {
    /// # Errors
    /// [`Degenerate::BadParameter`] outside 0 ≤ α, β*, γ ≤ 1 or for NaN.
    pub fn check(&self) -> Result<(), Degenerate> {
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta), ("gamma", self.gamma)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Degenerate::BadParameter { name });
            }
        }
        Ok(())
    }
}

/// Level, trend per step and season, in the unit of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// l: the level before the next step.
    pub level: f64,
    /// b: the change per step.
    pub trend: f64,
    /// s: one season; the first entry belongs to the next step.
    pub season: Vec<f64>,
}

impl State {
    /// The value expected `step` ≥ 1 steps ahead.
    fn ahead(&self, step: usize) -> f64 {
        self.level + step as f64 * self.trend + self.season[(step - 1) % self.season.len()]
    }
}

/// What a pass over the series with given parameters and start leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Filtered {
    /// Σ eₜ², unit squared.
    pub sse: f64,
    /// One-step errors eₜ, one per value.
    pub residuals: Vec<f64>,
    /// The state after the last value.
    pub end: State,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The smoothing parameters that minimise the squared one-step errors.
    pub parameters: Parameters,
    /// The state before the first value.
    pub start: State,
    /// The state after the last value.
    pub end: State,
    /// Σ eₜ², unit squared.
    pub sse: f64,
    /// Residual standard deviation, √(SSE / (n − m − 4)) with at least one degree of freedom.
    pub residual_sd: f64,
    /// Values seen.
    pub n: usize,
}

impl Fit {
    /// Forecast of the next `horizon` steps (at most [`MAX_HORIZON`]).
    ///
    /// Standard errors: σ² (1 + Σ cⱼ²) with cⱼ = α (1 + j β*) + γ \[j a multiple of m\] (Hyndman et al. 2008, table 6.2).
    pub fn forecast(&self, horizon: usize) -> Forecast {
        let horizon = horizon.min(MAX_HORIZON);
        let Parameters { alpha, beta, gamma } = self.parameters;
        let m = self.end.season.len();
        let mean = (1..=horizon).map(|h| self.end.ahead(h)).collect();
        let mut growth = 1.0;
        let standard_error = (1..=horizon)
            .map(|h| {
                if h > 1 {
                    let j = h - 1;
                    let c = alpha * (1.0 + j as f64 * beta) + if j.is_multiple_of(m) { gamma } else { 0.0 };
                    growth += c * c;
                }
                self.residual_sd * growth.sqrt()
            })
            .collect();
        Forecast { mean, standard_error }
    }
}

/// The forecast of the next `horizon` steps from a state: level + h · trend + season.
pub fn extrapolate(end: &State, horizon: usize) -> Vec<f64> {
    if end.season.is_empty() {
        return Vec::new();
    }
    (1..=horizon.min(MAX_HORIZON)).map(|h| end.ahead(h)).collect()
}

pub(super) fn check_season(m: usize, max: usize) -> Result<(), Degenerate> {
    if m < 1 || m > max {
        return Err(Degenerate::BadOrder {
            name: "season length",
            value: m,
            min: 2,
            max,
        });
    }
    Ok(())
}
