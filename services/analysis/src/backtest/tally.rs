//! Sums of one method over the origins.

use super::methods::Said;
use super::plan::Method;
use super::report::MethodRow;
use crate::pool::LEVELS;
use crate::scoring::{CALIBRATION_BINS, brier, calibration_error, calibration_table, covers, pinball};

/// Sums of one method.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    answered: usize,
    pub(super) declined: usize,
    scaled_error: f64,
    scaled: usize,
    pinball: f64,
    values: usize,
    inside: usize,
    banded: usize,
    pairs: Vec<(f64, bool)>,
    spent_ns: u64,
}

impl Tally {
    pub(super) fn take(&mut self, said: &Said, future: &[f64], outcomes: &[bool], scale: Option<f64>, spent_ns: u64) {
        self.answered += 1;
        self.spent_ns += spent_ns;
        self.pairs
            .extend(said.probability.iter().copied().zip(outcomes.iter().copied()));
        for (j, value) in future.iter().copied().enumerate().filter(|(_, v)| v.is_finite()) {
            if let Some(scale) = scale {
                self.scaled_error += (value - said.point[j]).abs() / scale;
                self.scaled += 1;
            }
            self.values += 1;
            if let Some(bands) = &said.bands {
                self.pinball += mean_pinball(bands, j, value);
                self.banded += 1;
                self.inside += usize::from(covers(bands[0][j], bands[LEVELS.len() - 1][j], value));
            } else {
                let sum: f64 = LEVELS.iter().map(|&level| pinball(level, said.point[j], value)).sum();
                self.pinball += sum / LEVELS.len() as f64;
            }
        }
    }

    pub(super) fn row(&self, method: Method) -> MethodRow {
        let mean = |sum: f64, count: usize| (count > 0 && sum.is_finite()).then(|| sum / count as f64);
        let calibration = calibration_table(&self.pairs, CALIBRATION_BINS);
        MethodRow {
            method,
            answered: self.answered,
            declined: self.declined,
            mase: mean(self.scaled_error, self.scaled),
            pinball: mean(self.pinball, self.values),
            brier: mean(
                self.pairs.iter().map(|&(p, left)| brier(p, left)).sum(),
                self.pairs.len(),
            ),
            calibration_error: (!calibration.is_empty()).then(|| calibration_error(&calibration)),
            calibration,
            coverage: mean(self.inside as f64, self.banded),
            cost_ms: mean(self.spent_ns as f64 / 1e6, self.answered),
        }
    }
}

pub(super) fn mean_pinball(bands: &[Vec<f64>], j: usize, value: f64) -> f64 {
    let sum: f64 = LEVELS
        .iter()
        .zip(bands)
        .map(|(&level, row)| pinball(level, row[j], value))
        .sum();
    sum / LEVELS.len() as f64
}
