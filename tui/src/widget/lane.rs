//! A lane of time: what was, on the left, up to now, and what is expected, on the right. The last hour has half of the past's room,
//! the time before it gets shorter the older it is.

use super::canvas::Canvas;
use crate::theme::Role;

/// The part of the past that is drawn to scale, milliseconds.
const NEAR_MS: i64 = 3_600_000;
/// The least and the greatest room of what is to come, columns.
const FUTURE_MIN: u16 = 2;
const FUTURE_MAX: u16 = 12;

/// What a cell says; of several things the greatest is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// Nothing was outside, or is expected to be.
    Good,
    /// Outside is less likely than not.
    Possible,
    /// Outside is more likely than not.
    Likely,
    Unknown,
    /// Outside.
    Bad,
    /// In and out again.
    Flapping,
    /// Outside, and still so.
    Open,
}

impl Cell {
    pub(crate) fn look(self) -> (char, Role) {
        match self {
            Self::Good => ('·', Role::Dim),
            Self::Possible => ('░', Role::Dim),
            Self::Likely => ('▒', Role::AtRisk),
            Self::Unknown => ('?', Role::NoData),
            Self::Bad => ('▓', Role::Bound),
            Self::Flapping => ('▪', Role::Bound),
            Self::Open => ('█', Role::Violated),
        }
    }
}

/// Which column is which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
    /// How far back and how far ahead, milliseconds.
    pub(crate) past_ms: i64,
    pub(crate) horizon_ms: i64,
    /// Columns of the past; then one for now; then those to come.
    pub(crate) past: u16,
    pub(crate) future: u16,
}

impl Axis {
    pub(crate) fn new(now_ms: i64, past_ms: i64, horizon_ms: i64, width: u16) -> Self {
        let future = (width / 6).clamp(FUTURE_MIN, FUTURE_MAX).min(width);
        Self {
            now_ms,
            past_ms: past_ms.max(1),
            horizon_ms,
            past: width.saturating_sub(future + 1),
            future,
        }
    }

    /// Columns in all.
    pub(crate) fn width(&self) -> u16 {
        self.past + 1 + self.future
    }

    /// Age of the left edge of a column of the past, milliseconds.
    fn age(&self, column: u16) -> i64 {
        let share = f64::from(column) / f64::from(self.past.max(1));
        if self.past_ms <= NEAR_MS {
            return ((1.0 - share) * self.past_ms as f64) as i64;
        }
        let near = NEAR_MS as f64;
        let age = if share >= 0.5 {
            near * (2.0 - 2.0 * share)
        } else {
            near * (self.past_ms as f64 / near).powf(1.0 - 2.0 * share)
        };
        age as i64
    }

    /// The time of a column, (after, until]; that of the column of now is now itself.
    pub(crate) fn span(&self, column: u16) -> (i64, i64) {
        match column.checked_sub(self.past) {
            None => (self.now_ms - self.age(column), self.now_ms - self.age(column + 1)),
            Some(0) => (self.now_ms, self.now_ms),
            Some(ahead) => {
                let at = |n: u16| self.now_ms + self.horizon_ms * i64::from(n) / i64::from(self.future.max(1));
                (at(ahead - 1), at(ahead))
            }
        }
    }

    /// The column of a time; what is older stands in the first.
    pub(crate) fn column(&self, time_ms: i64) -> u16 {
        let holds = |column: &u16| time_ms <= self.span(*column).1;
        (0..self.width()).find(holds).unwrap_or(self.width().saturating_sub(1))
    }

    /// Draws cells, one a column, with the line of now between what was and what comes.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, x: u16, y: u16, cells: &[Cell], cursor: Option<u16>) {
        for (column, cell) in (0..self.width()).zip(cells) {
            let (glyph, role) = match (column == self.past, cell) {
                (true, Cell::Open) => ('▌', Role::Violated),
                (true, _) => ('┊', Role::Now),
                _ => cell.look(),
            };
            let role = if cursor == Some(column) { Role::Cursor } else { role };
            canvas.glyph(x + column, y, glyph, role);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn the_last_hour_has_half_of_the_past_and_columns_meet() {
        let axis = Axis::new(100 * HOUR, 12 * HOUR, 600_000, 60);
        assert_eq!(axis.width(), 60);
        assert_eq!(axis.span(0).0, 88 * HOUR);
        assert_eq!(axis.column(99 * HOUR + 1), axis.past / 2);
        for column in 1..axis.width() {
            assert_eq!(axis.span(column - 1).1, axis.span(column).0, "{column}");
        }
        assert_eq!(axis.span(axis.width() - 1).1, 100 * HOUR + 600_000);
    }

    #[test]
    fn a_time_is_found_in_its_own_column_at_any_width() {
        for width in [0, 1, 3, 10, 47, 200] {
            let axis = Axis::new(100 * HOUR, 12 * HOUR, 600_000, width);
            for column in 0..axis.width() {
                assert!(axis.column(axis.span(column).1) <= column, "{column} of {width}");
            }
        }
    }
}
