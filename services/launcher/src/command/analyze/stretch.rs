//! Stretches of a grid without a gap, for methods that need equal spacing.

use serde_json::{Value, json};

/// Values without a NaN between them, and where they stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch<'a> {
    /// The values; infinities stay.
    pub(crate) values: &'a [f64],
    /// Index of the first one in the grid.
    pub(crate) first: usize,
    /// Length of the grid.
    of: usize,
}

impl<'a> Stretch<'a> {
    /// A grid without any value is given whole: its reason is another than that of no samples.
    fn of(grid: &'a [f64], range: std::ops::Range<usize>) -> Self {
        let range = if range.is_empty() { 0..grid.len() } else { range };
        Self {
            first: range.start,
            values: &grid[range],
            of: grid.len(),
        }
    }

    /// Says in a quantity's object which values it is about, where these are not all.
    pub(crate) fn note_in(&self, quantity: &mut Value) {
        if self.values.len() < self.of {
            quantity["values_used"] = json!({ "first": self.first, "n": self.values.len() });
        }
    }
}

/// The longest stretch, of several the latest.
pub(crate) fn longest(grid: &[f64]) -> Stretch<'_> {
    let (mut best, mut start) = (0..0, 0);
    for end in 0..=grid.len() {
        if end == grid.len() || grid[end].is_nan() {
            if end - start >= best.len() {
                best = start..end;
            }
            start = end + 1;
        }
    }
    Stretch::of(grid, best)
}

/// The newest stretch; missing values after it are left out.
pub(crate) fn latest(grid: &[f64]) -> Stretch<'_> {
    let end = grid.iter().rposition(|value| !value.is_nan()).map_or(0, |at| at + 1);
    let first = grid[..end]
        .iter()
        .rposition(|value| value.is_nan())
        .map_or(0, |at| at + 1);
    Stretch::of(grid, first..end)
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
        for none in [&[][..], &[nan][..], &[nan, nan][..]] {
            assert_eq!(
                (longest(none).values.len(), latest(none).values.len()),
                (none.len(), none.len())
            );
        }
        assert_eq!(longest(&[1.0, 2.0]).values, [1.0, 2.0]);
        assert_eq!(longest(&[f64::INFINITY, 2.0]).values.len(), 2, "infinities are no gaps");
    }
}
