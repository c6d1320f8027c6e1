//! What an answer needs to know of the series, besides the paths.

use super::extremes::Extremes;
use super::history::History;
use super::question::Threshold;
use super::regime;
use super::terrain::{Terrain, Walls};

/// The series in few numbers.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// Values of the terrain × this are values of the series.
    pub(crate) unit: f64,
    /// Bounds, in units of the terrain.
    pub(crate) walls: Walls,
    /// Share of a deviation that is left after so many slots.
    persistence: Vec<f64>,
    /// The values themselves, and how far beyond them the series may go.
    x: Vec<f64>,
    pub(crate) extremes: Extremes,
    /// Slots since the series behaves otherwise than before, if it does.
    pub(crate) changed: Option<usize>,
    /// No value was ever another.
    pub(crate) constant: bool,
    pub(crate) slots: usize,
    pub(crate) last_ms: i64,
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
            persistence: terrain.persistence.clone(),
            x: terrain.x.clone(),
            extremes: Extremes::of(&terrain.x),
            changed: regime::since(&terrain.x),
            last_ms: history.last_ms,
            constant: walls.ceiling <= walls.floor || terrain.x.iter().all(|v| v.is_nan() || *v == terrain.x[0]),
            slots: terrain.x.len(),
            step_ms: history.step_ms,
            steps_per_slot: history.steps_per_slot,
            span_s: history.span_s(),
        }
    }

    /// Share of a deviation from the mean that is left after `slots`, 0…1.
    pub(crate) fn lasting(&self, slots: usize) -> f64 {
        self.persistence[slots.min(self.persistence.len() - 1)]
    }

    /// Whether every stretch of `slots` in the history left the scaled threshold: no calm between two violations was as long.
    pub(crate) fn always_left(&self, slots: usize, threshold: Threshold) -> bool {
        let mut calm = 0;
        self.x.iter().all(|v| {
            calm = if threshold.is_left_by(*v) { 0 } else { calm + 1 };
            calm < slots
        })
    }

    /// A threshold in units of the terrain.
    pub(crate) fn scaled(&self, threshold: Threshold) -> Threshold {
        threshold.divided_by(self.unit)
    }

    /// Steps of the caller's samples in so many slots, at least 1.
    pub(crate) fn steps_of(&self, slots: usize) -> usize {
        ((slots as f64 * self.steps_per_slot).round() as usize).max(1)
    }

    /// Time of the first slot of the regime that began lately, in ms.
    pub(crate) fn changed_ms(&self) -> Option<i64> {
        let back = self.changed?.saturating_sub(1) as i64;
        Some(self.last_ms.saturating_sub(back.saturating_mul(self.step_ms)))
    }

    /// Length of the history in ms.
    pub(crate) fn history_ms(&self) -> f64 {
        self.span_s * 1000.0
    }
}
