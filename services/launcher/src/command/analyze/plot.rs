//! Plots in characters: a braille curve with its axis, and bars around zero.

use std::fmt::Write as _;

/// Dots of a braille cell.
const DOTS_WIDE: usize = 2;
const DOTS_HIGH: usize = 4;
/// Bit of each dot, `[row][column]` (Unicode 16, chapter 21.1).
const BITS: [[u32; DOTS_WIDE]; DOTS_HIGH] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
const EMPTY_CELL: u32 = 0x2800;

/// A curve of `values` in `columns` × `rows` cells, `label` naming the heights on the left. Each dot column holds everything from
/// the smallest to the largest of its values; non-numbers are gaps.
pub(super) fn curve(values: &[f64], columns: usize, rows: usize, label: impl Fn(f64) -> String) -> String {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let low = finite.clone().fold(f64::INFINITY, f64::min);
    let high = finite.fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return "no finite values\n".to_owned();
    }
    let (wide, tall) = ((columns * DOTS_WIDE).min(values.len().max(1)), rows * DOTS_HIGH);
    // Halved before the difference: the range may be wider than the largest number.
    let height = (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
    let row_of = |value: f64| {
        let share = (value / 2.0 - low / 2.0) / height;
        ((1.0 - share) * (tall - 1) as f64).round() as usize
    };
    let mut cells = vec![vec![EMPTY_CELL; columns]; rows];
    let mut before: Option<(usize, usize)> = None;
    for x in 0..wide {
        let part = &values[x * values.len() / wide..((x + 1) * values.len() / wide).max(x * values.len() / wide + 1)];
        let numbers = part.iter().copied().filter(|value| value.is_finite());
        let (top, bottom) = numbers.fold((usize::MAX, 0), |(top, bottom), value| {
            let row = if high > low { row_of(value) } else { tall / 2 };
            (top.min(row), bottom.max(row))
        });
        if top == usize::MAX {
            before = None;
            continue;
        }
        // Joined to its neighbour, so that a jump is a line.
        let (from, to) = match before {
            Some((_, last_bottom)) if last_bottom < top => (last_bottom + 1, bottom),
            Some((last_top, _)) if last_top > bottom => (top, last_top - 1),
            _ => (top, bottom),
        };
        for y in from..=to {
            cells[y / DOTS_HIGH][x / DOTS_WIDE] |= BITS[y % DOTS_HIGH][x % DOTS_WIDE];
        }
        before = Some((top, bottom));
    }
    let labels: Vec<String> = (0..rows)
        .map(|row| match row {
            0 => label(high),
            _ if row + 1 == rows => label(low),
            _ => String::new(),
        })
        .collect();
    let margin = labels.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (text, row) in labels.iter().zip(&cells) {
        let _ = write!(out, "{text:>margin$} ┤");
        let line: String = row.iter().filter_map(|cell| char::from_u32(*cell)).collect();
        out.push_str(line.trim_end_matches('\u{2800}'));
        out.push('\n');
    }
    out
}

/// A bar from zero in the middle of `columns` cells for a value in −1…1, with dots where ±`band` ends.
pub(super) fn bar(value: f64, band: f64, columns: usize) -> String {
    let half = (columns / 2) as f64;
    let place = |value: f64| (half + value.clamp(-1.0, 1.0) * half).round() as usize;
    let (zero, end) = (place(0.0), place(value));
    let mut cells = vec![' '; columns + 1];
    cells[zero.min(end)..=zero.max(end)].fill('█');
    for edge in [-band, band] {
        let at = place(edge);
        if cells[at] == ' ' {
            cells[at] = '┊';
        }
    }
    cells[zero] = '│';
    cells.into_iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_climbs_from_the_lower_left_to_the_upper_right() {
        let ramp: Vec<f64> = (0..80).map(f64::from).collect();
        let text = curve(&ramp, 40, 5, |value| format!("{value:.0}"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with("79 ┤") && lines[4].starts_with(" 0 ┤"));
        let first = |line: &str| line.chars().skip(4).position(|cell| cell != '\u{2800}').unwrap();
        assert!(first(lines[0]) > first(lines[2]) && first(lines[2]) > first(lines[4]));
        assert_eq!(lines[0].chars().count(), 44);
    }

    #[test]
    fn strange_values_are_drawn_or_left_out() {
        let label = |value: f64| format!("{value:e}");
        assert_eq!(curve(&[f64::NAN], 10, 3, label), "no finite values\n");
        assert_eq!(curve(&[], 10, 3, label), "no finite values\n");
        for values in [
            &[5.0, 5.0][..],
            &[f64::MIN, f64::MAX],
            &[1.0, f64::INFINITY, 2.0],
            &[0.0],
        ] {
            assert_eq!(curve(values, 10, 3, label).lines().count(), 3);
        }
    }

    #[test]
    fn bars_leave_zero_on_their_own_side() {
        assert_eq!(bar(1.0, 0.5, 8), "  ┊ │████");
        assert_eq!(bar(-0.5, 0.25, 8), "  ██│┊");
        assert_eq!(bar(0.0, 0.5, 8), "  ┊ │ ┊");
    }
}
