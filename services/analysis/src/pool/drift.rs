//! ARIMA(1,1,1) for the expert that simulates it: every pair of a grid of coefficients is run over the history, and a path draws its pair
//! by likelihood, so that coefficients which few samples cannot tell apart all have their say.

use super::random::Random;

/// Autoregressive coefficients of the change.
const AR: [f64; 5] = [-0.3, 0.0, 0.3, 0.6, 0.85];
/// Moving-average coefficients of the change; −0.9 smooths slowly, above 0 the series goes on as it moved.
const MA: [f64; 6] = [-0.9, -0.7, -0.45, -0.2, 0.0, 0.35];
/// Pairs of coefficients.
const PAIRS: usize = AR.len() * MA.len();
/// Likelihoods are noted this often over the history, each from what lay before only.
const CHECKPOINTS: usize = 8;
/// Share of the likelihood that is forgotten with every slot: the last thousand slots count.
const FORGETTING: f64 = 1e-3;
/// Slots replayed before an origin to know its latest errors: 0.9⁹⁶ is nothing.
const REPLAY: usize = 96;
/// Fewest changes from which a likelihood is taken.
const FEWEST: f64 = 6.0;

/// One value per pair of coefficients.
type Lanes = [f64; PAIRS];

/// What was known up to a slot.
#[derive(Debug, Clone)]
struct Checkpoint {
    slot: usize,
    /// Squared errors.
    losses: Lanes,
    /// Changes they stand for.
    count: f64,
}

/// The grid run over the history.
#[derive(Debug)]
pub(crate) struct Drift {
    checkpoints: Vec<Checkpoint>,
}

/// A pair of coefficients with its state at an origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    ar: f64,
    ma: f64,
    /// Standard deviation of the shocks.
    sigma: f64,
    change: f64,
    error: f64,
}

impl Drift {
    pub(crate) fn fit(x: &[f64]) -> Self {
        let n = x.len();
        let (mut errors, mut losses) = ([0.0; PAIRS], [0.0; PAIRS]);
        let (mut count, mut before) = (0.0_f64, 0.0);
        let mut checkpoints = Vec::with_capacity(CHECKPOINTS);
        for t in 1..n {
            let change = x[t] - x[t - 1];
            if change.is_finite() {
                step(&mut errors, change, before);
                for (loss, error) in losses.iter_mut().zip(&errors) {
                    *loss += error * error - FORGETTING * *loss;
                }
                count += 1.0 - FORGETTING * count;
                before = change;
            } else {
                errors = [0.0; PAIRS];
                before = 0.0;
            }
            if (t + 1) * CHECKPOINTS / n != t * CHECKPOINTS / n && count >= FEWEST {
                checkpoints.push(Checkpoint { slot: t, losses, count });
            }
        }
        Self { checkpoints }
    }

    /// `walks` pairs for paths from `origin`, drawn by likelihood, and their shocks' size with its uncertainty; empty while too little is known.
    pub(crate) fn draw(&self, x: &[f64], origin: usize, walks: usize, random: &mut Random, out: &mut Vec<Walk>) {
        out.clear();
        let at = self.checkpoints.partition_point(|c| c.slot <= origin);
        let Some(known) = at.checked_sub(1).map(|at| &self.checkpoints[at]) else {
            return;
        };
        let least = known.losses.iter().copied().fold(f64::INFINITY, f64::min);
        if least.is_nan() || least <= 0.0 {
            return;
        }
        let likelihood = known
            .losses
            .map(|loss| libm::exp(-0.5 * known.count * libm::log(loss / least)));
        let total: f64 = likelihood.iter().sum();
        let (mut errors, mut before) = ([0.0; PAIRS], 0.0);
        for t in origin.saturating_sub(REPLAY).max(1)..=origin {
            let change = x[t] - x[t - 1];
            if change.is_finite() {
                step(&mut errors, change, before);
                before = change;
            } else {
                (errors, before) = ([0.0; PAIRS], 0.0);
            }
        }
        let offset = random.unit();
        let (mut pair, mut reached) = (0, likelihood[0]);
        for i in 0..walks {
            let target = (i as f64 + offset) / walks as f64 * total;
            while reached < target && pair + 1 < PAIRS {
                pair += 1;
                reached += likelihood[pair];
            }
            // The variance has an inverse χ² distribution (cube-root normal, Wilson & Hilferty 1931).
            let spread = 2.0 / (9.0 * known.count);
            let root = (1.0 - spread + random.bell() * spread.sqrt()).max(0.3);
            out.push(Walk {
                ar: AR[pair / MA.len()],
                ma: MA[pair % MA.len()],
                sigma: (known.losses[pair] / known.count / (root * root * root)).sqrt(),
                change: before,
                error: errors[pair],
            });
        }
    }
}

impl Walk {
    /// The next change, after a shock of `z` standard deviations.
    pub(crate) fn advance(&mut self, z: f64) -> f64 {
        let error = z * self.sigma;
        self.change = self.ar * self.change + error + self.ma * self.error;
        self.error = error;
        self.change
    }
}

/// The errors of all pairs at the next change.
fn step(errors: &mut Lanes, change: f64, before: f64) {
    for (a, ar) in AR.iter().enumerate() {
        let rest = change - ar * before;
        for (error, ma) in errors[a * MA.len()..][..MA.len()].iter_mut().zip(&MA) {
            *error = rest - ma * *error;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes with coefficients `ar`, `ma` and normal shocks.
    fn simulated(ar: f64, ma: f64, n: usize) -> Vec<f64> {
        let mut random = Random::new(5, 1);
        let mut walk = Walk {
            ar,
            ma,
            sigma: 1.0,
            change: 0.0,
            error: 0.0,
        };
        let mut x = vec![0.0];
        for t in 1..n {
            let z = random.bell();
            x.push(x[t - 1] + walk.advance(z));
        }
        x
    }

    #[test]
    fn the_likelihood_finds_the_coefficients() {
        for (ar, ma) in [(0.6, 0.0), (0.0, -0.7), (0.0, 0.35), (0.85, -0.2)] {
            let x = simulated(ar, ma, 3_000);
            let mut walks = Vec::new();
            Drift::fit(&x).draw(&x, x.len() - 1, 16, &mut Random::new(1, 1), &mut walks);
            assert_eq!(walks.len(), 16);
            for walk in walks {
                assert!(
                    (walk.ar - ar).abs() <= 0.31 && (walk.ma - ma).abs() <= 0.36,
                    "{walk:?}, not {ar} {ma}"
                );
                assert!((walk.sigma - 1.0).abs() < 0.15, "{walk:?}");
            }
        }
    }

    #[test]
    fn few_samples_leave_the_coefficients_open() {
        let x = simulated(0.3, -0.2, 24);
        let mut walks = Vec::new();
        Drift::fit(&x).draw(&x, 23, 32, &mut Random::new(1, 1), &mut walks);
        let first = (walks[0].ar, walks[0].ma);
        assert!(walks.iter().any(|walk| (walk.ar, walk.ma) != first));
    }

    #[test]
    fn a_constant_series_has_no_walk() {
        let mut walks = Vec::new();
        Drift::fit(&[4.0; 50]).draw(&[4.0; 50], 49, 8, &mut Random::new(1, 1), &mut walks);
        assert!(walks.is_empty());
    }
}
