//! What the pool has learned about one series, as plain numbers that a caller can store.

use super::correction::{Correction, NUMBERS};
use super::experts::EXPERTS;
use super::question::Told;
use super::terrain::Known;

/// Weights before anything was learned about the series, in the order of [`super::NAMES`], where the history is long against the horizon.
/// Fitted once to the squared error over some hundred server series, never to one series.
pub const PRIOR_LONG: [f64; EXPERTS] = [
    0.03, 0.13, 0.07, 0.05, 0.06, 0.03, 0.03, 0.03, 0.03, 0.04, 0.02, 0.24, 0.07, 0.14, 0.04,
];
/// The same where the history is hardly longer than the horizon.
pub const PRIOR_SHORT: [f64; EXPERTS] = [
    0.03, 0.05, 0.04, 0.05, 0.04, 0.04, 0.04, 0.03, 0.01, 0.01, 0.06, 0.27, 0.11, 0.06, 0.16,
];
/// History length in horizons at which both priors count half.
const HALF_WAY: f64 = 10.0;
/// Learning rate of the exponential weights, per unit of squared error.
pub const LEARNING_RATE: f64 = 2.6;
/// Share of what was learned that is forgotten at every outcome, so that an expert can come back (fixed share in the
/// logarithm; Herbster & Warmuth 1998).
pub const FORGETTING: f64 = 0.02;
/// Limit of a learned gain, so that no expert is ever out of reach.
const MOST_GAIN: f64 = 12.0;
/// Coverage that the outer bands aim at.
const BAND_COVERAGE: f64 = 0.95;
/// How fast the width of the bands follows their coverage: a hundred forecasts that never miss narrow them by a third.
const BAND_RATE: f64 = 0.08;
/// Limits of the learned factor on the width.
const NARROWEST: f64 = 0.6;
const WIDEST: f64 = 1.5;
/// Version of the flat form.
const FORMAT: f64 = 5.0;

/// The shipped weights for a history of `history_ms` and a horizon of `horizon_ms`; sum 1.
pub fn prior(history_ms: f64, horizon_ms: f64) -> [f64; EXPERTS] {
    let ratio = (history_ms / horizon_ms.max(1.0)).max(0.0);
    let long = ratio / (ratio + HALF_WAY);
    let mut weights = [0.0; EXPERTS];
    for (weight, (l, s)) in weights.iter_mut().zip(PRIOR_LONG.iter().zip(PRIOR_SHORT)) {
        *weight = long * l + (1.0 - long) * s;
    }
    normalised(weights)
}

/// What was learned at one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct HorizonRecord {
    /// Horizon in ms.
    pub horizon_ms: i64,
    /// Logarithm of each expert's weight over its prior weight, up to a constant.
    pub gain: [f64; EXPERTS],
    /// Outcomes scored so far (futures; several thresholds on one future count as one).
    pub scored: f64,
    /// Sum of squared errors per expert over these outcomes.
    pub loss: [f64; EXPERTS],
    /// What was learned about all experts together.
    pub correction: Correction,
}

impl HorizonRecord {
    /// Nothing learned yet.
    pub fn new(horizon_ms: i64) -> Self {
        Self {
            horizon_ms,
            gain: [0.0; EXPERTS],
            scored: 0.0,
            loss: [0.0; EXPERTS],
            correction: Correction::default(),
        }
    }

    /// One outcome: what each expert had said (NaN: nothing) and whether the threshold was left. `importance` is the share of this
    /// outcome in its future: 1 / (number of thresholds asked about it).
    pub fn observe(&mut self, probabilities: &[f64; EXPERTS], violated: bool, importance: f64) {
        let outcome = f64::from(u8::from(violated));
        let losses = probabilities.map(|p| (p - outcome) * (p - outcome));
        let (sum, count) = losses
            .iter()
            .filter(|loss| loss.is_finite())
            .fold((0.0, 0.0), |(s, c), l| (s + l, c + 1.0));
        if count == 0.0 || !importance.is_finite() {
            return;
        }
        let mean = sum / count;
        let importance = importance.clamp(0.0, 1.0);
        self.scored += importance;
        for ((gain, total), loss) in self.gain.iter_mut().zip(&mut self.loss).zip(losses) {
            // An expert that said nothing is as good as the average.
            let loss = if loss.is_finite() { loss } else { mean };
            *total += loss * importance;
            let kept = *gain * (1.0 - FORGETTING * importance);
            *gain = (kept - LEARNING_RATE * importance * (loss - mean)).clamp(-MOST_GAIN, MOST_GAIN);
        }
    }

    /// One outcome of a forecast: of what was told, and whether the threshold was left.
    pub fn learn(&mut self, told: &Told, violated: bool, importance: f64) {
        self.observe(&told.experts, violated, importance);
        self.correction.observe(told.said, violated, importance);
    }

    /// Weight per expert, sum 1, for a history of `history_ms`.
    pub fn weights(&self, history_ms: f64) -> [f64; EXPERTS] {
        let mut weights = prior(history_ms, self.horizon_ms as f64);
        for (weight, gain) in weights.iter_mut().zip(self.gain) {
            *weight *= libm::exp(gain.clamp(-MOST_GAIN, MOST_GAIN));
        }
        normalised(weights)
    }
}

/// Everything learned about one series. Passed in and returned by value; the caller stores it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolState {
    /// Smoothing constant of the exponential smoothing, 0 when not yet chosen.
    pub alpha: f64,
    /// Length of the strongest cycle, 0 when there is none.
    pub cycle_ms: f64,
    /// Factor on the width of the bands around their median; 0 or 1 when nothing was learned.
    pub band_factor: f64,
    /// One record per horizon, ascending.
    pub horizons: Vec<HorizonRecord>,
}

impl PoolState {
    /// Weights for a horizon: learned at the nearest known horizon (in the logarithm of time), else the prior.
    pub fn weights_for(&self, horizon_ms: i64, history_ms: f64) -> [f64; EXPERTS] {
        self.nearest(horizon_ms).map_or_else(
            || prior(history_ms, horizon_ms as f64),
            |record| record.weights(history_ms),
        )
    }

    /// The correction for a horizon, learned as the weights are; none before anything was.
    pub(crate) fn correction_for(&self, horizon_ms: i64) -> Correction {
        self.nearest(horizon_ms)
            .map_or_else(Correction::default, |record| record.correction)
    }

    fn nearest(&self, horizon_ms: i64) -> Option<&HorizonRecord> {
        let wanted = libm::log(horizon_ms.max(1) as f64);
        let distance = |record: &HorizonRecord| (libm::log(record.horizon_ms.max(1) as f64) - wanted).abs();
        self.horizons.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
    }

    /// What need not be searched for again, on a step of `step_ms`.
    pub(crate) fn known(&self, step_ms: i64) -> Known {
        let slots = self.cycle_ms / step_ms as f64;
        Known {
            alpha: self.alpha,
            cycle: (slots >= 2.0).then(|| slots.round() as usize),
        }
    }

    /// Narrows the bands where they prove too wide and widens them where too narrow: `inside` is the share (0…1) of one forecast's values
    /// that fell into its 95 % band (stochastic approximation of the quantile, Robbins & Monro 1951; Gibbs & Candès 2021).
    pub fn observe_band(&mut self, inside: f64) {
        if inside.is_finite() {
            let factor = if self.band_factor > 0.0 { self.band_factor } else { 1.0 };
            let step = BAND_RATE * (BAND_COVERAGE - inside.clamp(0.0, 1.0));
            self.band_factor = (factor * step.exp()).clamp(NARROWEST, WIDEST);
        }
    }

    /// The record of a horizon, or of one within a tenth of it (steps are not always whole parts of a horizon); an empty one when there was none.
    pub fn record_mut(&mut self, horizon_ms: i64) -> &mut HorizonRecord {
        let near = |record: &HorizonRecord| (record.horizon_ms - horizon_ms).abs() <= horizon_ms / 10;
        let at = self.horizons.iter().position(near).unwrap_or_else(|| {
            let at = self.horizons.partition_point(|record| record.horizon_ms < horizon_ms);
            self.horizons.insert(at, HorizonRecord::new(horizon_ms));
            at
        });
        &mut self.horizons[at]
    }

    /// Learns from one stored forecast whose time has come: what had been told about each threshold ([`super::PoolForecast::told`] of that
    /// horizon) and which thresholds were left.
    pub fn observe(&mut self, horizon_ms: i64, told: &[Told], violated: &[bool]) {
        let importance = 1.0 / told.len().max(1) as f64;
        let record = self.record_mut(horizon_ms);
        for (told, &left) in told.iter().zip(violated) {
            record.learn(told, left, importance);
        }
    }

    /// All numbers in a row, for storage.
    pub fn to_flat(&self) -> Vec<f64> {
        let mut flat = vec![FORMAT, EXPERTS as f64, self.alpha, self.band_factor, self.cycle_ms];
        for record in &self.horizons {
            flat.push(record.horizon_ms as f64);
            flat.push(record.scored);
            flat.extend_from_slice(&record.gain);
            flat.extend_from_slice(&record.loss);
            flat.extend_from_slice(&record.correction.to_flat());
        }
        flat
    }

    /// Reads what [`Self::to_flat`] wrote; `None` for another version or damaged numbers (start from nothing then).
    pub fn from_flat(flat: &[f64]) -> Option<Self> {
        let row = 2 + 2 * EXPERTS + NUMBERS;
        let fits = flat.len() >= 5
            && flat[0] == FORMAT
            && flat[1] == EXPERTS as f64
            && (flat.len() - 5).is_multiple_of(row)
            && flat.iter().all(|v| v.is_finite());
        if !fits {
            return None;
        }
        let horizons = flat[5..]
            .chunks_exact(row)
            .map(|chunk| {
                let mut record = HorizonRecord::new(chunk[0] as i64);
                record.scored = chunk[1];
                record.gain.copy_from_slice(&chunk[2..2 + EXPERTS]);
                record.loss.copy_from_slice(&chunk[2 + EXPERTS..2 + 2 * EXPERTS]);
                let last = chunk.last_chunk().map(Correction::from_flat);
                record.correction = last.unwrap_or_default();
                record
            })
            .collect();
        Some(Self {
            alpha: flat[2],
            band_factor: flat[3],
            cycle_ms: flat[4],
            horizons,
        })
    }
}

/// Weights with sum 1.
fn normalised(weights: [f64; EXPERTS]) -> [f64; EXPERTS] {
    let total: f64 = weights.iter().sum();
    weights.map(|weight| weight / total)
}
