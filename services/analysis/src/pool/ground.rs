//! What an answer needs to know of the series, besides the paths.

use super::history::History;
use super::question::Threshold;
use super::terrain::{Terrain, Walls};

/// The series in few numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground {
    /// Values of the terrain × this are values of the series.
    pub(crate) unit: f64,
    /// Bounds, in units of the terrain.
    pub(crate) walls: Walls,
    /// No value was ever another.
    pub(crate) constant: bool,
    pub(crate) slots: usize,
    pub(crate) step_ms: i64,
    pub(crate) steps_per_slot: f64,
    pub(crate) span_s: f64,
}

impl Ground {
    pub(crate) fn new(terrain: &Terrain, history: &History) -> Self {
        let walls = terrain.walls;
        Self {
            unit: terrain.unit,
            walls,
            constant: walls.ceiling <= walls.floor || terrain.x.iter().all(|v| v.is_nan() || *v == terrain.x[0]),
            slots: terrain.x.len(),
            step_ms: history.step_ms,
            steps_per_slot: history.steps_per_slot,
            span_s: history.span_s(),
        }
    }

    /// 1 for a value inside the seen range, a half where it lies half that range beyond, then falling with the square of the distance.
    pub(crate) fn nearness(&self, value: f64) -> f64 {
        let Walls { low, high, .. } = self.walls;
        let beyond = (value - high).max(low - value).max(0.0);
        let distance = beyond / (0.5 * (high - low)).max(f64::MIN_POSITIVE);
        1.0 / (1.0 + distance * distance)
    }

    /// A threshold in units of the terrain.
    pub(crate) fn scaled(&self, threshold: Threshold) -> Threshold {
        threshold.divided_by(self.unit)
    }

    /// Steps of the caller's samples in so many slots, at least 1.
    pub(crate) fn steps_of(&self, slots: usize) -> usize {
        ((slots as f64 * self.steps_per_slot).round() as usize).max(1)
    }

    /// Length of the history in ms.
    pub(crate) fn history_ms(&self) -> f64 {
        self.span_s * 1000.0
    }
}
