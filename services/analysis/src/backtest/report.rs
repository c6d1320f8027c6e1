//! What a backtest answers.

use super::plan::Method;
use crate::pool::PoolState;
use crate::scoring::{CalibrationBin, TrackRecord};

/// How one method did.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRow {
    /// The method.
    pub method: Method,
    /// Origins at which it had an answer.
    pub answered: usize,
    /// Origins at which it had none (too short, degenerate).
    pub declined: usize,
    /// Mean absolute error of the point forecast over the mean absolute change of one step in the training part; `None` without a scale.
    pub mase: Option<f64>,
    /// Mean pinball loss over the levels of [`crate::pool::LEVELS`] and all steps, in the units of the series; a method without bands is
    /// charged its point at every level.
    pub pinball: Option<f64>,
    /// Mean Brier score over origins and thresholds.
    pub brier: Option<f64>,
    /// Reliability of the probabilities, equal counts a bin.
    pub calibration: Vec<CalibrationBin>,
    /// Expected calibration error of that table.
    pub calibration_error: Option<f64>,
    /// Share of values inside the 95 % band; `None` for a method without bands.
    pub coverage: Option<f64>,
    /// Cost of one forecast in ms, fitting included, by the caller's clock.
    pub cost_ms: Option<f64>,
}

/// The outcome of a backtest.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Origins used.
    pub origins: usize,
    /// Horizon in ms.
    pub horizon_ms: i64,
    /// Outcomes (origins × thresholds) and how many of them left their threshold.
    pub outcomes: usize,
    /// Of these, left.
    pub violations: usize,
    /// One row per method of the plan.
    pub rows: Vec<MethodRow>,
    /// Our record: what a new objective starts with.
    pub record: TrackRecord,
    /// The pool's learned weights at the end, to be stored.
    pub state: PoolState,
}

impl Report {
    /// The row of a method.
    pub fn row(&self, method: Method) -> Option<&MethodRow> {
        self.rows.iter().find(|row| row.method == method)
    }
}
