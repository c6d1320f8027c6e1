//! What is asked of the pool and what it answers.

use super::correction::Said;
use super::experts::EXPERTS;
use thiserror::Error;

/// Longest horizon, in the caller's steps: 6 h at 1 s.
pub const MAX_HORIZON_STEPS: usize = 21_600;
/// Most horizons in one question.
pub const MAX_HORIZONS: usize = 8;
/// Most thresholds in one question.
pub const MAX_THRESHOLDS: usize = 64;
/// Levels of the quantile bands, ascending.
pub const LEVELS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975];

/// Why no forecast can be made. Every case is decided before any model runs.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Times and values differ in length.
    #[error("{times} times for {values} values: give one time per value")]
    LengthMismatch {
        /// Number of times given.
        times: usize,
        /// Number of values given.
        values: usize,
    },
    /// Too few finite samples.
    #[error(
        "too few finite samples ({samples}): at least {needed} are needed; wait for more history or widen the window"
    )]
    TooShort {
        /// Finite samples present.
        samples: usize,
        /// Finite samples needed.
        needed: usize,
    },
    /// The question is outside its limits.
    #[error("{field} is {value}: {rule}")]
    BadQuestion {
        /// Name of the field.
        field: &'static str,
        /// The value given, as text.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
}

/// The side on which a threshold is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A sample above the value is a violation (strictly: bounds are inclusive).
    Upper,
    /// A sample below the value is a violation.
    Lower,
}

/// One bound of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Which side violates.
    pub side: Side,
    /// The bound, in the units of the series; must not be NaN.
    pub value: f64,
}

impl Threshold {
    /// An upper bound.
    pub fn upper(value: f64) -> Self {
        Self {
            side: Side::Upper,
            value,
        }
    }

    /// A lower bound.
    pub fn lower(value: f64) -> Self {
        Self {
            side: Side::Lower,
            value,
        }
    }

    /// The bound in a unit of this many units of the series.
    pub(crate) fn divided_by(self, unit: f64) -> Self {
        Self {
            side: self.side,
            value: self.value / unit,
        }
    }

    /// Whether `value` violates the bound; bounds are inclusive.
    pub fn is_left_by(&self, value: f64) -> bool {
        match self.side {
            Side::Upper => value > self.value,
            Side::Lower => value < self.value,
        }
    }
}

/// What to forecast: horizons in the caller's steps, thresholds in the units of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Horizons in steps of the caller's samples, each 1…[`MAX_HORIZON_STEPS`], any order.
    pub horizons_steps: Vec<usize>,
    /// Bounds whose violation is asked for; may be empty when only bands are wanted.
    pub thresholds: Vec<Threshold>,
}

impl Question {
    /// A question for probabilities and all bands.
    pub fn new(horizons_steps: Vec<usize>, thresholds: Vec<Threshold>) -> Self {
        Self {
            horizons_steps,
            thresholds,
        }
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// [`PoolError::BadQuestion`] names the field, the value and the rule.
    pub fn check(&self) -> Result<(), PoolError> {
        let bad = |field, value: String, rule| Err(PoolError::BadQuestion { field, value, rule });
        if self.horizons_steps.is_empty() || self.horizons_steps.len() > MAX_HORIZONS {
            return bad(
                "horizons_steps",
                format!("{} entries", self.horizons_steps.len()),
                "1 to 8 horizons are allowed",
            );
        }
        if let Some(steps) = self
            .horizons_steps
            .iter()
            .find(|&&steps| steps == 0 || steps > MAX_HORIZON_STEPS)
        {
            return bad("horizons_steps", steps.to_string(), "a horizon is 1 to 21600 steps");
        }
        if self.thresholds.len() > MAX_THRESHOLDS {
            return bad(
                "thresholds",
                format!("{} entries", self.thresholds.len()),
                "at most 64 thresholds are allowed",
            );
        }
        if self.thresholds.iter().any(|threshold| threshold.value.is_nan()) {
            return bad("thresholds", "NaN".to_owned(), "a threshold is a number");
        }
        Ok(())
    }
}

/// Bands of one quantity over the horizon: one row per entry of [`LEVELS`], one column per entry of `steps`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bands {
    /// `rows[level][step index]`, in the units of the series; non-decreasing in the level.
    pub rows: Vec<Vec<f64>>,
}

/// When a threshold is first left.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstCrossing {
    /// `(step, probability that the threshold was left at or before this step)`, both non-decreasing, at the forecast's knots.
    pub cumulative: Vec<(usize, f64)>,
    /// Median step of the first crossing among the paths that cross; `None` when none does.
    pub median_step: Option<usize>,
}

/// What was said about one threshold within one horizon: kept with the forecast until the outcome is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// By each expert, NaN where it had nothing to say.
    pub experts: [f64; EXPERTS],
    /// By all together.
    pub said: Said,
}

/// The pool's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolForecast {
    /// `probability[horizon][threshold]` that any sample of the next horizon steps leaves the threshold; inside (0, 1).
    pub probability: Vec<Vec<f64>>,
    /// `told[horizon][threshold]`, from which it was made: store it with the forecast, and give it to [`super::PoolState::observe`] when the
    /// outcome is known.
    pub told: Vec<Vec<Told>>,
    /// One per threshold.
    pub first_crossing: Vec<FirstCrossing>,
    /// Steps of the caller's samples at which the bands stand: ascending, from 1 to the longest horizon.
    pub steps: Vec<usize>,
    /// Quantiles of the value at each step.
    pub value: Bands,
    /// History too short (under 1 h), constant, too short for the horizon, or lately changed: show no percentage to two digits.
    pub low_confidence: bool,
    /// Time (as the history's) since which the series behaves otherwise than ever before in the history: what was learned before may not hold.
    pub changed_ms: Option<i64>,
    /// Every sample of the history has the same value: nothing can be learned about change.
    pub constant: bool,
    /// Which experts made the number, heaviest first: `pool: level-24h .31 near-24h .22 …`.
    pub method: String,
}

impl PoolForecast {
    /// The value's quantiles at every step from 1 to the longest horizon (linear between the knots): one row per entry of [`LEVELS`].
    pub fn value_per_step(&self) -> Vec<Vec<f64>> {
        self.value.rows.iter().map(|row| per_step(&self.steps, row)).collect()
    }

    /// Mean over the levels of `bands` at `index`: a point forecast as the median row.
    pub fn median(bands: &Bands, index: usize) -> Option<f64> {
        bands.rows.get(LEVELS.len() / 2).and_then(|row| row.get(index)).copied()
    }
}

/// Linear between knots, for steps 1..=last knot.
fn per_step(steps: &[usize], row: &[f64]) -> Vec<f64> {
    let last = steps.last().copied().unwrap_or(0);
    let mut out = Vec::with_capacity(last);
    let mut right = 0;
    for step in 1..=last {
        while steps[right] < step {
            right += 1;
        }
        let value = if steps[right] == step || right == 0 {
            row[right]
        } else {
            let share = (step - steps[right - 1]) as f64 / (steps[right] - steps[right - 1]) as f64;
            row[right - 1] * (1.0 - share) + row[right] * share
        };
        out.push(value);
    }
    out
}
