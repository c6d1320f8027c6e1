//! Stretches of a grid without a gap, for methods that need equal spacing.

use serde_json::{Value, json};

/// Values without a NaN between them, and where they stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch<'a> {
    /// The values; infinities stay.
    pub(super) values: &'a [f64],
    /// Index of the first one in the grid.
    pub(super) first: usize,
    /// Length of the grid.
    of: usize,
}

impl Stretch<'_> {
    /// Says in a quantity's object which values it is about, where these are not all.
    pub(super) fn note_in(&self, quantity: &mut Value) {
        if self.values.len() < self.of {
            quantity["values_used"] = json!({ "first": self.first, "n": self.values.len() });
        }
    }
}

/// The longest stretch, of several the latest.
pub(super) fn longest(grid: &[f64]) -> Stretch<'_> {
    let (mut best, mut start) = (0..0, 0);
    for end in 0..=grid.len() {
        if end == grid.len() || grid[end].is_nan() {
            if end - start >= best.len() {
                best = start..end;
            }
            start = end + 1;
        }
    }
    Stretch {
        first: best.start,
        values: &grid[best],
        of: grid.len(),
    }
}

/// The newest stretch; missing values after it are left out.
pub(super) fn latest(grid: &[f64]) -> Stretch<'_> {
    let end = grid.iter().rposition(|value| !value.is_nan()).map_or(0, |at| at + 1);
    let first = grid[..end]
        .iter()
        .rposition(|value| value.is_nan())
        .map_or(0, |at| at + 1);
    Stretch {
        first,
        values: &grid[first..end],
        of: grid.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_end_at_gaps() {
        let nan = f64::NAN;
        let grid = [nan, 1.0, 2.0, 3.0, nan, nan, 4.0, 5.0, nan];
        assert_eq!((longest(&grid).first, longest(&grid).values), (1, &grid[1..4]));
        assert_eq!((latest(&grid).first, latest(&grid).values), (6, &grid[6..8]));
        for empty in [&[][..], &[nan][..], &[nan, nan][..]] {
            assert!(longest(empty).values.is_empty() && latest(empty).values.is_empty());
        }
        assert_eq!(longest(&[1.0, 2.0]).values, [1.0, 2.0]);
        assert_eq!(longest(&[f64::INFINITY, 2.0]).values.len(), 2, "infinities are no gaps");
    }
}
