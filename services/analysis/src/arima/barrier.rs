//! The probability that a path leaves a range at any step of a horizon.

use super::ahead::{COMBINED, Step};
use super::limits::{MAX_HORIZON, MAX_LAGS};
use super::model::Model;
use crate::normal;

/// Paths that walk side by side over a short horizon.
const MOST_PATHS: usize = 640;
/// Paths over the longest horizon.
const FEWEST_PATHS: usize = 128;
/// Paths times steps that one answer may cost.
const BUDGET: usize = 64_000;
/// Surviving probability below which the answer is 1.
const NEGLIGIBLE: f64 = 1e-12;
/// (√5 − 1) / 2: its multiples fill the unit interval most evenly.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// One path so far: how far its values and shocks lie from the point forecast, latest first.
#[derive(Debug, Clone, Copy)]
struct Path {
    deviations: [f64; COMBINED],
    shocks: [f64; MAX_LAGS],
}

/// A path's next step: where its mean lies and how likely it stays inside.
#[derive(Debug, Clone, Copy)]
struct Prospect {
    drift: f64,
    low: f64,
    width: f64,
    path: usize,
}

impl Model {
    /// P(any of the next `horizon` steps lies outside `lower`…`upper`), both inclusive; within about 0.005 of the exact value.
    ///
    /// Array quasi-Monte Carlo (L'Ecuyer, Lécot & Tuffin 2008): the paths step together; at each step they are ranked, the
    /// probability of staying inside is averaged, and the survivors are redrawn by rank. Deterministic; cost bounded.
    pub fn violation_within(&self, horizon: usize, lower: Option<f64>, upper: Option<f64>) -> f64 {
        let horizon = horizon.min(MAX_HORIZON);
        let (low, high) = (lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY));
        if horizon == 0 || (lower.is_none() && upper.is_none()) {
            return 0.0;
        }
        if low.is_nan() || high.is_nan() || low > high {
            return 1.0;
        }
        let steps = self.steps(horizon);
        let means = self.means(&steps);
        let combined = self.combined();
        let sigma = self.parameters.sigma2.sqrt();
        let count = (BUDGET / horizon).clamp(FEWEST_PATHS, MOST_PATHS);
        let mut paths = vec![
            Path {
                deviations: [0.0; COMBINED],
                shocks: [0.0; MAX_LAGS]
            };
            count
        ];
        let mut next = paths.clone();
        let mut prospects: Vec<Prospect> = Vec::with_capacity(count);
        let mut shift = Shifts(0);
        let mut inside = 1.0;
        for (step, mean) in steps.iter().zip(&means) {
            let spread = sigma * step.variance.sqrt();
            prospects.clear();
            prospects.extend(paths.iter().enumerate().map(|(path, p)| {
                let drift = p.drift(step, &combined, self.order.ma);
                let below = normal::cdf((low - mean - drift) / spread);
                let width = (normal::cdf((high - mean - drift) / spread) - below).max(0.0);
                Prospect {
                    drift,
                    low: below,
                    width,
                    path,
                }
            }));
            // In order of drift neighbours are alike: choosing at even distances along them then keeps the spread of the paths, and
            // few paths are enough.
            prospects.sort_unstable_by(|a, b| a.drift.total_cmp(&b.drift).then(a.path.cmp(&b.path)));
            let total: f64 = prospects.iter().map(|p| p.width).sum();
            // No path is thrown away for crossing a bound: each stays inside, and the chance of that is booked here. So a rare
            // crossing is seen as well as a likely one.
            inside *= total / count as f64;
            if inside.is_nan() || inside < NEGLIGIBLE {
                return 1.0;
            }
            let (offset, turn) = (shift.next(), shift.next());
            let (mut at, mut reached) = (0, prospects[0].width);
            for (j, slot) in next.iter_mut().enumerate() {
                let target = (j as f64 + offset) / count as f64 * total;
                while reached < target && at + 1 < count {
                    at += 1;
                    reached += prospects[at].width;
                }
                let chosen = prospects[at];
                // Evenly spread instead of drawn: less noise, and the same answer every time.
                let u = (j as f64 * GOLDEN + turn).fract();
                let z = normal::quantile((chosen.low + u * chosen.width).clamp(1e-300, 1.0 - 1e-16));
                *slot = paths[chosen.path].moved(chosen.drift, z * spread);
            }
            std::mem::swap(&mut paths, &mut next);
        }
        (1.0 - inside).clamp(0.0, 1.0)
    }
}

impl Path {
    /// How far its past moves the mean of the next step.
    fn drift(&self, step: &Step, combined: &[f64], q: usize) -> f64 {
        let moving: f64 = self
            .shocks
            .iter()
            .zip(&step.row[..q.min(MAX_LAGS)])
            .map(|(e, l)| e * l)
            .sum();
        let own: f64 = self.deviations.iter().zip(combined).map(|(x, c)| x * c).sum();
        moving + own
    }

    fn moved(mut self, drift: f64, shock: f64) -> Self {
        self.deviations.rotate_right(1);
        self.deviations[0] = drift + shock;
        self.shocks.rotate_right(1);
        self.shocks[0] = shock;
        self
    }
}

/// A fixed sequence in 0…1 (SplitMix64, Steele, Lea & Flood 2014).
struct Shifts(u64);

impl Shifts {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }
}
