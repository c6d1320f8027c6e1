//! What the pool has learned about one series, as plain numbers that a caller can store.

use super::experts::EXPERTS;

/// Weights before anything was learned, in the order of [`super::NAMES`].
pub const PRIOR: [f64; EXPERTS] = [
    0.12, 0.10, 0.12, 0.16, 0.08, 0.10, 0.08, 0.04, 0.05, 0.05, 0.06, 0.04, 0.10,
];
/// Learning rate of the exponential weights, per unit of squared error.
pub const LEARNING_RATE: f64 = 4.0;
/// Share of weight that flows back to the prior at every update, so that an expert can come back (Herbster & Warmuth 1998).
pub const FIXED_SHARE: f64 = 0.02;
/// Version of the flat form.
const FORMAT: f64 = 1.0;

/// Learned weights of one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct HorizonWeights {
    /// Horizon in ms.
    pub horizon_ms: i64,
    /// One weight per expert, non-negative, sum 1.
    pub weights: [f64; EXPERTS],
    /// Outcomes scored so far.
    pub scored: f64,
    /// Sum of squared errors per expert over these outcomes.
    pub loss: [f64; EXPERTS],
}

impl HorizonWeights {
    /// The shipped prior.
    pub fn prior(horizon_ms: i64) -> Self {
        Self {
            horizon_ms,
            weights: PRIOR,
            scored: 0.0,
            loss: [0.0; EXPERTS],
        }
    }

    /// One outcome: what each expert had said (NaN: nothing) and whether the threshold was left. `importance` scales the step,
    /// below 1 where several outcomes come from one and the same future.
    pub fn observe(&mut self, probabilities: &[f64; EXPERTS], violated: bool, importance: f64) {
        let outcome = f64::from(u8::from(violated));
        let mut total = 0.0;
        for i in 0..EXPERTS {
            let p = if probabilities[i].is_finite() {
                probabilities[i]
            } else {
                0.5
            };
            let loss = (p - outcome) * (p - outcome);
            self.loss[i] += loss * importance;
            self.weights[i] *= (-LEARNING_RATE * importance * loss).exp();
            total += self.weights[i];
        }
        self.scored += importance;
        for i in 0..EXPERTS {
            let kept = if total > 0.0 { self.weights[i] / total } else { PRIOR[i] };
            self.weights[i] = (1.0 - FIXED_SHARE * importance) * kept + FIXED_SHARE * importance * PRIOR[i];
        }
    }
}

/// Everything learned about one series. Passed in and returned by value; the caller stores it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolState {
    /// Smoothing constant of the exponential smoothing, 0 when not yet chosen.
    pub alpha: f64,
    /// Factor on the width of the bands around their median, 1 when not yet learned.
    pub band_factor: f64,
    /// Weights per horizon, ascending.
    pub horizons: Vec<HorizonWeights>,
}

impl PoolState {
    /// Weights for a horizon: those of the nearest learned one (in the logarithm of time), else the prior.
    pub fn weights_for(&self, horizon_ms: i64) -> [f64; EXPERTS] {
        let wanted = (horizon_ms.max(1) as f64).ln();
        self.horizons
            .iter()
            .min_by(|a, b| {
                let distance = |h: &HorizonWeights| ((h.horizon_ms.max(1) as f64).ln() - wanted).abs();
                distance(a).total_cmp(&distance(b))
            })
            .map_or(PRIOR, |found| sane(&found.weights))
    }

    /// The entry for a horizon, made from the prior when missing.
    pub fn horizon_mut(&mut self, horizon_ms: i64) -> &mut HorizonWeights {
        let at = self.horizons.partition_point(|h| h.horizon_ms < horizon_ms);
        if self.horizons.get(at).is_none_or(|h| h.horizon_ms != horizon_ms) {
            self.horizons.insert(at, HorizonWeights::prior(horizon_ms));
        }
        &mut self.horizons[at]
    }

    /// All numbers in a row, for storage.
    pub fn to_flat(&self) -> Vec<f64> {
        let mut flat = vec![FORMAT, EXPERTS as f64, self.alpha, self.band_factor];
        for h in &self.horizons {
            flat.push(h.horizon_ms as f64);
            flat.push(h.scored);
            flat.extend_from_slice(&h.weights);
            flat.extend_from_slice(&h.loss);
        }
        flat
    }

    /// Reads what [`Self::to_flat`] wrote; `None` for another version or damaged numbers (start from the prior then).
    pub fn from_flat(flat: &[f64]) -> Option<Self> {
        let row = 2 + 2 * EXPERTS;
        let fits =
            flat.len() >= 4 && flat[0] == FORMAT && flat[1] == EXPERTS as f64 && (flat.len() - 4).is_multiple_of(row);
        if !fits || flat.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let horizons = flat[4..]
            .chunks_exact(row)
            .map(|chunk| {
                let mut h = HorizonWeights::prior(chunk[0] as i64);
                h.scored = chunk[1];
                h.weights.copy_from_slice(&chunk[2..2 + EXPERTS]);
                h.loss.copy_from_slice(&chunk[2 + EXPERTS..]);
                h
            })
            .collect();
        Some(Self {
            alpha: flat[2],
            band_factor: flat[3],
            horizons,
        })
    }
}

/// Non-negative weights with sum 1; the prior when that cannot be.
fn sane(weights: &[f64; EXPERTS]) -> [f64; EXPERTS] {
    let total: f64 = weights.iter().sum();
    if total.is_finite() && total > 0.0 && weights.iter().all(|&w| w >= 0.0) {
        weights.map(|w| w / total)
    } else {
        PRIOR
    }
}
