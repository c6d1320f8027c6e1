//! The last step of one objective, learned from what came of what was said about it.

/// Standard deviations of the prior around "no shift" and "slope 1": strong, so that a dozen outcomes move little.
const SHIFT_PRIOR: f64 = 0.5;
const SLOPE_PRIOR: f64 = 0.15;
/// Share of what was learned that is forgotten with every independent outcome.
const FORGETTING: f64 = 0.002;
/// Least information of an outcome: one that was all but certain says a little as well.
const LEAST_INFORMATION: f64 = 1e-3;
/// Limits of the slope: a correction keeps the order of probabilities.
const SLOPES: (f64, f64) = (0.3, 3.0);
/// Corrected probabilities stay this far from 0 and 1.
const LEAST: f64 = 0.002;
/// Numbers of the flat form.
pub(crate) const NUMBERS: usize = 6;

/// A probability as the pool says it, and as it would be corrected: both are kept, to be held against what comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// Before the correction.
    pub plain: f64,
    /// After it, whether it was used or not.
    pub corrected: f64,
}

/// Shift and slope of the logarithm of the odds (Platt scaling) by one Newton step an outcome on a Gaussian prior (online Platt scaling,
/// Gupta & Ramdas 2023, with the extended Kalman filter's step). Used only while what was corrected beat what was not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    shift: f64,
    slope: f64,
    /// Information about shift and slope beyond the prior: of the shift, of both, of the slope.
    information: [f64; 3],
    /// Squared error of the plain probabilities less that of the corrected ones, what is old counting less.
    advantage: f64,
}

impl Default for Correction {
    fn default() -> Self {
        Self {
            shift: 0.0,
            slope: 1.0,
            information: [0.0; 3],
            advantage: 0.0,
        }
    }
}

impl Correction {
    /// Both probabilities for a plain one.
    pub(crate) fn of(&self, plain: f64) -> Said {
        let p = plain.clamp(LEAST, 1.0 - LEAST);
        let odds = libm::log(p / (1.0 - p));
        Said {
            plain,
            corrected: logistic(self.shift + self.slope * odds).clamp(LEAST, 1.0 - LEAST),
        }
    }

    /// The one that is told.
    pub(crate) fn told(&self, said: Said) -> f64 {
        if self.advantage > 0.0 {
            said.corrected
        } else {
            said.plain
        }
    }

    /// Learns from one outcome. `importance` is its share of an independent one.
    pub(crate) fn observe(&mut self, said: Said, left: bool, importance: f64) {
        if !(said.plain.is_finite() && said.corrected.is_finite() && importance > 0.0) {
            return;
        }
        let outcome = f64::from(u8::from(left));
        let kept = 1.0 - FORGETTING * importance;
        let loss = |p: f64| (p - outcome) * (p - outcome);
        self.advantage = self.advantage * kept + importance * (loss(said.plain) - loss(said.corrected));
        let p = said.plain.clamp(LEAST, 1.0 - LEAST);
        let odds = libm::log(p / (1.0 - p));
        let expected = logistic(self.shift + self.slope * odds);
        let weight = importance * (expected * (1.0 - expected)).max(LEAST_INFORMATION);
        let [a, b, c] = self.information;
        self.information = [
            a * kept + weight,
            b * kept + weight * odds,
            c * kept + weight * odds * odds,
        ];
        let [a, b, c] = self.information;
        let (a, c) = (
            a + 1.0 / (SHIFT_PRIOR * SHIFT_PRIOR),
            c + 1.0 / (SLOPE_PRIOR * SLOPE_PRIOR),
        );
        let error = importance * (outcome - expected);
        let determinant = a * c - b * b;
        self.shift += error * (c - b * odds) / determinant;
        self.slope = (self.slope + error * (a * odds - b) / determinant).clamp(SLOPES.0, SLOPES.1);
    }

    /// All numbers in a row, for storage.
    pub(crate) fn to_flat(self) -> [f64; NUMBERS] {
        let [a, b, c] = self.information;
        [self.shift, self.slope, a, b, c, self.advantage]
    }

    /// Reads what [`Self::to_flat`] wrote.
    pub(crate) fn from_flat(flat: &[f64; NUMBERS]) -> Self {
        let &[shift, slope, a, b, c, advantage] = flat;
        Self {
            shift,
            slope,
            information: [a, b, c],
            advantage,
        }
    }
}

fn logistic(odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-odds))
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    /// Says `said(truth)` of events that come with probability `truth`; returns the correction and its mean error over the second half.
    fn taught(said: impl Fn(f64) -> f64) -> (Correction, f64) {
        let mut random = Random::new(5, 1);
        let (mut correction, mut error, rounds) = (Correction::default(), 0.0, 4_000);
        for round in 0..rounds {
            let truth = 0.02 + 0.5 * random.unit();
            let said = correction.of(said(truth));
            if round >= rounds / 2 {
                error += (correction.told(said) - truth) * 2.0 / f64::from(rounds);
            }
            correction.observe(said, random.unit() < truth, 1.0);
        }
        (correction, error)
    }

    #[test]
    fn what_is_said_too_low_is_raised_and_what_is_right_is_left_alone() {
        let (_, error) = taught(|truth| truth / 2.0);
        assert!(error.abs() < 0.02, "{error}");
        let (right, error) = taught(|truth| truth);
        assert!(
            error.abs() < 0.02 && right.shift.abs() < 0.2 && (right.slope - 1.0).abs() < 0.15,
            "{right:?}"
        );
    }

    #[test]
    fn a_few_outcomes_move_little_and_one_that_does_worse_is_not_used() {
        let mut correction = Correction::default();
        for _ in 0..3 {
            let said = correction.of(0.2);
            correction.observe(said, true, 1.0);
        }
        let said = correction.of(0.2);
        assert!((0.2..0.45).contains(&said.corrected), "{said:?}");
        assert_eq!(correction.told(said), said.corrected);
        let worse = Correction {
            advantage: -0.1,
            ..correction
        };
        assert_eq!(worse.told(said), 0.2);
        assert_eq!(Correction::from_flat(&correction.to_flat()), correction);
        let before = correction;
        correction.observe(
            Said {
                plain: f64::NAN,
                corrected: 0.5,
            },
            true,
            1.0,
        );
        assert_eq!(correction, before, "what was not said teaches nothing");
    }
}
