//! Order, parameters, and the exact likelihood of a series under them.

use super::innovations::Engine;
use super::order::Order;
use super::polynomial::is_stationary;
use super::tail::Tail;
use crate::degenerate::Degenerate;

/// The parameters of a model; what one run learned and the next one starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Mean of the series, in its unit; 0 when the order has none.
    pub mean: f64,
    /// φ₁ … φₚ.
    pub ar: Vec<f64>,
    /// θ₁ … θ_q.
    pub ma: Vec<f64>,
    /// σ², unit squared.
    pub sigma2: f64,
}

impl Parameters {
    /// From the flat order mean (if the order has one), φ, θ, σ².
    ///
    /// # Errors
    /// [`Degenerate::BadOrder`] when `flat` does not hold exactly [`Order::parameters`] numbers.
    pub fn from_slice(order: Order, flat: &[f64]) -> Result<Self, Degenerate> {
        order.check()?;
        let count = order.parameters();
        if flat.len() != count {
            return Err(Degenerate::BadOrder {
                name: "number of parameters",
                value: flat.len(),
                min: count,
                max: count,
            });
        }
        let (mean, rest) = if order.mean { (flat[0], &flat[1..]) } else { (0.0, flat) };
        let (ar, rest) = rest.split_at(order.ar);
        Ok(Self {
            mean,
            ar: ar.to_vec(),
            ma: rest[..order.ma].to_vec(),
            sigma2: rest[order.ma],
        })
    }

    /// The flat form that [`Self::from_slice`] reads.
    pub fn to_vec(&self, order: Order) -> Vec<f64> {
        let mean = order.mean.then_some(self.mean);
        mean.into_iter()
            .chain(self.ar.iter().copied())
            .chain(self.ma.iter().copied())
            .chain([self.sigma2])
            .collect()
    }

    pub(super) fn check(&self, order: Order) -> Result<(), Degenerate> {
        if self.ar.len() != order.ar || self.ma.len() != order.ma {
            return Err(Degenerate::BadParameter {
                name: "number of coefficients",
            });
        }
        if !self.mean.is_finite() {
            return Err(Degenerate::BadParameter { name: "mean" });
        }
        if !(self.sigma2 >= f64::MIN_POSITIVE && self.sigma2.is_finite()) {
            return Err(Degenerate::BadParameter { name: "sigma2" });
        }
        if self.ma.iter().any(|x| !x.is_finite() || x.abs() > 1e6) {
            return Err(Degenerate::BadParameter { name: "ma" });
        }
        if !is_stationary(&self.ar) {
            return Err(Degenerate::BadParameter { name: "ar" });
        }
        Ok(())
    }
}

/// A model with its likelihood on a series and what a forecast from the series' end needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its order.
    pub order: Order,
    /// Its parameters.
    pub parameters: Parameters,
    /// Exact Gaussian log-likelihood of the differenced series (natural logarithm).
    pub log_likelihood: f64,
    /// Differenced values the likelihood speaks of: n − d.
    pub n_used: usize,
    pub(super) tail: Tail,
}

impl Model {
    /// Akaike's criterion, −2 log L + 2 k.
    pub fn aic(&self) -> f64 {
        2.0 * self.order.parameters() as f64 - 2.0 * self.log_likelihood
    }

    /// Schwarz's criterion, −2 log L + k log n.
    pub fn bic(&self) -> f64 {
        self.order.parameters() as f64 * (self.n_used as f64).ln() - 2.0 * self.log_likelihood
    }
}

/// The exact likelihood of `values` (equal spacing) under given parameters: no optimiser.
///
/// Covariance recursions of Ansley (1979; Brockwell & Davis 1991, §8.6) instead of a state space: O(q²) a value, O(q) once the
/// innovation variance has settled. Equals Harvey's Kalman filter of the differenced series.
///
/// # Errors
/// [`Degenerate`]: a bad order, non-stationary or non-finite parameters, gaps, fewer than d + max(p, q, 1) values, overflow.
pub fn evaluate(values: &[f64], order: Order, parameters: &Parameters) -> Result<Model, Degenerate> {
    order.check()?;
    parameters.check(order)?;
    let odd = values.iter().filter(|x| !x.is_finite()).count();
    if values.is_empty() {
        return Err(Degenerate::Empty);
    }
    if odd > 0 {
        return Err(Degenerate::NonFinite { count: odd });
    }
    let need = order.differences + order.memory().max(1);
    if values.len() < need {
        return Err(Degenerate::TooShort {
            have: values.len(),
            need,
        });
    }
    let centred = differences(values, order.differences, parameters.mean);
    let mut engine = Engine::new(&parameters.ar, &parameters.ma).ok_or(OUTSIDE)?;
    let sums = engine.run::<1>(&centred, &mut Vec::new());
    let n = centred.len() as f64;
    let sigma2 = parameters.sigma2;
    let log_likelihood =
        -0.5 * (n * (std::f64::consts::TAU * sigma2).ln() + sums.log_variance + sums.squares[0][0] / sigma2);
    if !log_likelihood.is_finite() {
        return Err(Degenerate::OutOfRange);
    }
    let tail = Tail::new(values, &centred, order, engine);
    Ok(Model {
        order,
        parameters: parameters.clone(),
        log_likelihood,
        n_used: centred.len(),
        tail,
    })
}

/// Autoregressive parameters for which no finite covariance exists.
const OUTSIDE: Degenerate = Degenerate::BadParameter { name: "ar" };

/// The d-th differences, or the values less their mean when d = 0.
pub(super) fn differences(values: &[f64], d: usize, mean: f64) -> Vec<f64> {
    if d == 0 {
        return values.iter().map(|x| x - mean).collect();
    }
    let mut out: Vec<f64> = values.windows(2).map(|w| w[1] - w[0]).collect();
    for _ in 1..d {
        for i in 1..out.len() {
            out[i - 1] = out[i] - out[i - 1];
        }
        out.pop();
    }
    out
}
