//! A sparkline: one cell a column, a cell with a violation is marked by colour and, in mono, by shape.

use super::canvas::Canvas;
use crate::theme::Role;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One column: lowest and highest value. Single precision: thousands of rows are kept, and eight levels are drawn. Rounding
/// keeps order, so a value inside its bounds is never drawn outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SparkCell {
    /// NaN where no sample fell into the column.
    low: f32,
    high: f32,
}

impl SparkCell {
    const HOLE: Self = Self {
        low: f32::NAN,
        high: f32::NAN,
    };

    pub(crate) fn new(extent: Option<(f64, f64)>) -> Self {
        extent.map_or(Self::HOLE, |(low, high)| Self {
            low: low as f32,
            high: high as f32,
        })
    }

    fn extent(self) -> Option<(f64, f64)> {
        (!self.low.is_nan() && !self.high.is_nan()).then(|| (f64::from(self.low), f64::from(self.high)))
    }
}

/// Draws `cells` in `width` columns at (x, y); each drawn cell shows its highest value, so no peak is lost.
/// `bounds`: the allowed range; a cell that leaves it is marked.
pub(crate) fn draw(
    canvas: &mut Canvas<'_>,
    x: u16,
    y: u16,
    width: u16,
    cells: &[SparkCell],
    bounds: (Option<f64>, Option<f64>),
) {
    let folded = fold(cells, usize::from(width));
    let rounded = |bound: Option<f64>| bound.map(|bound| f64::from(bound as f32));
    let bounds = (rounded(bounds.0), rounded(bounds.1));
    let finite = || folded.iter().flatten().filter(|(l, h)| l.is_finite() && h.is_finite());
    let low = finite().map(|c| c.0).fold(f64::INFINITY, f64::min);
    let high = finite().map(|c| c.1).fold(f64::NEG_INFINITY, f64::max);
    let offset = width - (folded.len() as u16).min(width);
    for (at, cell) in folded.iter().enumerate() {
        let Some((cell_low, cell_high)) = cell else { continue };
        let outside = bounds.0.is_some_and(|min| *cell_low < min) || bounds.1.is_some_and(|max| *cell_high > max);
        // A violation of the lower bound must not hide behind the cell's peak.
        let shown = if bounds.0.is_some_and(|min| *cell_low < min) {
            *cell_low
        } else {
            *cell_high
        };
        let role = if outside { Role::Violated } else { Role::Line };
        canvas.glyph(x + offset + at as u16, y, level(shown, low, high), role);
    }
}

fn level(value: f64, low: f64, high: f64) -> char {
    let share = value / 2.0 - low / 2.0;
    let span = high / 2.0 - low / 2.0;
    if span.is_nan() || span <= 0.0 || !share.is_finite() {
        return LEVELS[1];
    }
    LEVELS[((share / span * 7.0).round() as usize).min(7)]
}

fn fold(cells: &[SparkCell], width: usize) -> Vec<Option<(f64, f64)>> {
    if cells.len() <= width || width == 0 {
        let shown = &cells[cells.len() - cells.len().min(width)..];
        return shown.iter().map(|cell| cell.extent()).collect();
    }
    let mut out = vec![None; width];
    for (at, cell) in cells.iter().enumerate() {
        let into: &mut Option<(f64, f64)> = &mut out[at * width / cells.len()];
        *into = match (*into, cell.extent()) {
            (Some((l, h)), Some((low, high))) => Some((l.min(low), h.max(high))),
            (have, new) => have.or(new),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::picture;
    use crate::theme::caps::Caps;

    #[test]
    fn shape_follows_values_and_holes_stay_holes() {
        let cells = [Some((0.0, 0.0)), Some((1.0, 1.0)), None, Some((2.0, 2.0))].map(SparkCell::new);
        let lines = picture(6, 1, Caps::default(), |c| draw(c, 0, 0, 6, &cells, (None, None)));
        assert_eq!(lines[0], "  ▁▅ █");
    }

    #[test]
    fn folding_keeps_the_peak() {
        let mut cells = vec![SparkCell::new(Some((0.0, 0.0))); 100];
        cells[55] = SparkCell::new(Some((0.0, 9.0)));
        assert!(fold(&cells, 10).iter().flatten().any(|c| c.1 == 9.0));
    }

    #[test]
    fn a_value_on_its_bound_is_not_outside() {
        // 0.1 is larger in single precision.
        let cells = [SparkCell::new(Some((0.1, 0.1)))];
        let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 1, 1));
        let theme = crate::theme::Theme::new(Caps::default());
        draw(
            &mut Canvas::new(&mut buffer, &mut crate::widget::marks::Marks::default(), &theme),
            0,
            0,
            1,
            &cells,
            (Some(0.1), Some(0.1)),
        );
        assert_eq!(buffer[(0, 0)].style().fg, theme.style(Role::Line).fg);
        assert_ne!(theme.style(Role::Line).fg, theme.style(Role::Violated).fg);
    }

    #[test]
    fn wild_values_do_not_panic() {
        let cells = [
            Some((f64::NAN, f64::NAN)),
            Some((f64::MIN, f64::MAX)),
            Some((f64::NEG_INFINITY, 1.0)),
            None,
        ]
        .map(SparkCell::new);
        picture(3, 1, Caps::default(), |c| {
            draw(c, 0, 0, 3, &cells, (Some(0.0), Some(1.0)));
        });
    }
}
