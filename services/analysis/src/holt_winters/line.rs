//! What remains where no noise is: a constant or a straight line goes on as it was.

/// Distance from the line, relative to the range of the values, that is no bend.
const STRAIGHT: f64 = 1e-9;
/// And in units of the last place of the largest value.
const UNITS: f64 = 4.0;

/// A series without noise, for which [`super::fit`] says [`Constant`](crate::Degenerate::Constant) or [`ExactFit`](crate::Degenerate::ExactFit).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// The last value.
    pub last: f64,
    /// Change per step.
    pub slope: f64,
}

impl Line {
    /// The line through `values` (equal spacing); `None` when they bend, are none, or are not all finite.
    pub fn through(values: &[f64]) -> Option<Self> {
        let (first, last) = (*values.first()?, *values.last()?);
        let slope = (last - first) / (values.len() - 1).max(1) as f64;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            low = low.min(*value);
            high = high.max(*value);
        }
        let tolerance = STRAIGHT * (high - low) + UNITS * f64::EPSILON * high.abs().max(low.abs());
        let straight = values
            .iter()
            .enumerate()
            .all(|(k, value)| (value - (first + slope * k as f64)).abs() <= tolerance);
        straight.then_some(Self { last, slope })
    }

    /// The value `step` ≥ 1 steps after the last.
    pub fn ahead(&self, step: usize) -> f64 {
        self.last + self.slope * step as f64
    }
}
