//! Upright bars: autocorrelation with its 95 % band, one season, a histogram.

use sla_domain::{Unit, quantity};

use super::canvas::{Align, Canvas};
use crate::theme::Role;

/// The widest a lag is drawn, columns.
const LAG_WIDTH_MAX: usize = 3;

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Autocorrelation: lag 0 at the left, one column a lag; a lag outside its band is drawn strongly.
/// `acf` and `band` have the same length; values in [-1, 1].
pub(crate) fn draw_acf(canvas: &mut Canvas<'_>, acf: &[f64], band: &[f64]) {
    let (width, height) = (canvas.width(), canvas.height());
    if width < 8 || height < 3 || acf.is_empty() {
        return;
    }
    let axis = height / 2;
    canvas.field(0, 0, 4, "1", Align::Right, Role::Dim);
    canvas.field(0, axis, 4, "0", Align::Right, Role::Dim);
    canvas.field(0, height - 1, 4, "-1", Align::Right, Role::Dim);
    let plot = usize::from(width - 5);
    canvas.run(5, axis, width - 5, '─', Role::Border);
    // Few lags are drawn wide enough to be told apart.
    let each = (plot / acf.len()).clamp(1, LAG_WIDTH_MAX);
    for (lag, value) in acf.iter().take(plot / each).enumerate() {
        if !value.is_finite() {
            continue;
        }
        let x = 5 + (lag * each) as u16;
        let limit = band.get(lag).copied().unwrap_or(0.0);
        let significant = lag > 0 && value.abs() > limit;
        let role = if significant { Role::Accent } else { Role::Band80 };
        let cells = (value.abs().min(1.0) * f64::from(axis)).round() as u16;
        // Shape as well as colour: inside the band it is only a line of dots.
        let ink = if significant { '█' } else { '·' };
        for step in 1..=cells {
            let y = if *value >= 0.0 {
                axis.saturating_sub(step)
            } else {
                (axis + step).min(height - 1)
            };
            canvas.glyph(x, y, ink, role);
        }
        if lag > 0 && limit > 0.0 {
            let edge = (limit.min(1.0) * f64::from(axis)).round() as u16;
            for y in [axis.saturating_sub(edge), (axis + edge).min(height - 1)] {
                if edge > 0 && cells < edge {
                    canvas.glyph(x, y, '┄', Role::Bound);
                }
            }
        }
    }
}

/// One period of a season, or any row of values, as bars from the lowest to the highest.
pub(crate) fn draw_profile(canvas: &mut Canvas<'_>, values: &[f64], unit: Unit) {
    let (width, height) = (canvas.width(), canvas.height());
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (
        finite().fold(f64::INFINITY, f64::min),
        finite().fold(f64::NEG_INFINITY, f64::max),
    );
    if width < 10 || height == 0 || low > high {
        return;
    }
    canvas.field(0, 0, 7, &quantity::within(high, unit, 7), Align::Right, Role::Dim);
    if height > 1 {
        canvas.field(
            0,
            height - 1,
            7,
            &quantity::within(low, unit, 7),
            Align::Right,
            Role::Dim,
        );
    }
    let plot = usize::from(width - 8);
    let columns = values.len().min(plot);
    let span = (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
    for column in 0..columns {
        let from = column * values.len() / columns;
        let to = ((column + 1) * values.len() / columns).max(from + 1);
        let peak = values[from..to]
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .fold(f64::NEG_INFINITY, f64::max);
        if !peak.is_finite() {
            continue;
        }
        let share = ((peak / 2.0 - low / 2.0) / span).clamp(0.0, 1.0);
        let eighths = (share * f64::from(height * 8 - 1)) as u16 + 1;
        for step in 0..height {
            let level = eighths.saturating_sub(step * 8).min(8);
            if level > 0 {
                canvas.glyph(
                    8 + column as u16,
                    height - 1 - step,
                    EIGHTHS[usize::from(level - 1)],
                    Role::Line,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::picture;
    use crate::theme::caps::Caps;

    #[test]
    fn significant_lags_differ_in_shape() {
        let lines = picture(20, 7, Caps::default(), |c| {
            draw_acf(c, &[1.0, 0.9, 0.05, -0.6], &[0.0, 0.2, 0.4, 0.4]);
        });
        let text = lines.join("\n");
        assert!(text.contains('█') && text.contains('┄'), "{text}");
        let below = lines[5].clone() + &lines[4];
        assert!(below.contains('█'), "a negative lag hangs below the axis: {text}");
    }

    #[test]
    fn a_profile_spans_its_height() {
        let lines = picture(20, 3, Caps::default(), |c| {
            draw_profile(c, &[0.0, 1.0, 2.0, 3.0, f64::NAN], Unit::PLAIN);
        });
        assert!(lines[0].contains('█') && lines[2].contains('▁'), "{lines:?}");
        picture(20, 3, Caps::default(), |c| {
            draw_profile(c, &[f64::MAX, f64::MIN], Unit::PLAIN);
        });
        picture(3, 1, Caps::default(), |c| draw_profile(c, &[], Unit::PLAIN));
    }
}
