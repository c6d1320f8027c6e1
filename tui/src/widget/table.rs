//! A table that is handed only the rows it can show: ten thousand series cost what twenty cost.

use super::canvas::{Align, Canvas};
use crate::say::Text;
use crate::theme::Role;

/// A column. Lower `priority` leaves first when the terminal is narrow; 9 never leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Its name, in any language: what cells are chosen by, and what is remembered.
    pub(crate) title: &'static str,
    pub(crate) head: Text,
    /// Least width in columns.
    pub(crate) width: u16,
    /// Share of what is left over; 0 = fixed.
    pub(crate) grow: u16,
    pub(crate) align: Align,
    pub(crate) priority: u8,
}

impl Column {
    pub(crate) const fn new(
        title: &'static str,
        head: Text,
        width: u16,
        grow: u16,
        align: Align,
        priority: u8,
    ) -> Self {
        Self {
            title,
            head,
            width,
            grow,
            align,
            priority,
        }
    }
}

/// Columns for the cursor mark and the mark of a selected row.
const GUTTER: u16 = 3;
/// Columns up to this priority are only nice to have.
const NICE_MAX: u8 = 1;
/// Between two columns.
const GAP: u16 = 1;

/// Which row is chosen and which are on screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) row: usize,
    top: usize,
}

impl Cursor {
    /// Moves by `by` rows inside 0..`rows`.
    pub(crate) fn step(&mut self, by: isize, rows: usize) {
        self.row = self.row.saturating_add_signed(by).min(rows.saturating_sub(1));
    }

    /// To an exact row.
    pub(crate) fn to(&mut self, row: usize, rows: usize) {
        self.row = row.min(rows.saturating_sub(1));
    }

    /// The first row on screen, such that the chosen one is visible; keeps still where it can.
    pub(crate) fn window(self, rows: usize, height: usize) -> std::ops::Range<usize> {
        if height == 0 {
            return 0..0;
        }
        let row = self.row.min(rows.saturating_sub(1));
        let top = self.top.min(rows.saturating_sub(height));
        let top = if row < top { row } else { top };
        let top = if row >= top + height { row + 1 - height } else { top };
        top..(top + height).min(rows)
    }

    /// Remembers the window that `height` gives, so that scrolling back does not jump. Call it in `update`.
    pub(crate) fn settle(&mut self, rows: usize, height: usize) {
        self.row = self.row.min(rows.saturating_sub(1));
        self.top = self.window(rows, height).start;
    }
}

/// Where each shown column lies: index into the columns given, x, width.
pub(crate) type Placed = Vec<(usize, u16, u16)>;

/// Chooses and places columns in `width` terminal columns.
pub(crate) fn place(columns: &[Column], width: u16) -> Placed {
    place_measured(columns, width, &[])
}

/// The same where the widest content of some columns is known (title, columns wide): they take no more than that, and have
/// what is left before the others grow.
pub(crate) fn place_measured(columns: &[Column], width: u16, contents: &[(&str, u16)]) -> Placed {
    let content = |at: usize| {
        contents
            .iter()
            .find(|c| c.0 == columns[at].title)
            .map(|c| c.1.max(head_width(&columns[at])))
    };
    let least = |at: usize| content(at).map_or(columns[at].width, |c| columns[at].width.min(c));
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let room = width.saturating_sub(GUTTER);
    let sum = |shown: &[usize], of: &dyn Fn(usize) -> u16| -> u16 {
        shown.iter().map(|&at| of(at) + GAP).sum::<u16>().saturating_sub(GAP)
    };
    let need = |shown: &[usize]| sum(shown, &least);
    // What is only nice to have leaves before a name is cut.
    let whole = |shown: &[usize]| sum(shown, &|at| content(at).unwrap_or(0).max(least(at)));
    while shown.len() > 1 {
        let Some(worst) = shown
            .iter()
            .copied()
            .filter(|&at| columns[at].priority < 9)
            .min_by_key(|&at| columns[at].priority)
        else {
            break;
        };
        let too_wide = need(&shown) > room || (columns[worst].priority <= NICE_MAX && whole(&shown) > room);
        if !too_wide {
            break;
        }
        shown.retain(|&at| at != worst);
    }
    let mut left = room.saturating_sub(need(&shown));
    let mut widths: Vec<u16> = shown.iter().map(|&at| least(at)).collect();
    for (place, &at) in shown.iter().enumerate() {
        if let Some(wanted) = content(at) {
            let more = wanted.saturating_sub(widths[place]).min(left);
            widths[place] += more;
            left -= more;
        }
    }
    let shares: u16 = shown
        .iter()
        .filter(|&&at| content(at).is_none())
        .map(|&at| columns[at].grow)
        .sum();
    let mut x = GUTTER;
    let mut placed = Vec::with_capacity(shown.len());
    for (place, &at) in shown.iter().enumerate() {
        let share = if content(at).is_none() { columns[at].grow } else { 0 };
        let extra = (left * share).checked_div(shares).unwrap_or(0);
        let width = (widths[place] + extra).min((GUTTER + room).saturating_sub(x));
        if width > 0 {
            placed.push((at, x, width));
        }
        x += width + GAP;
    }
    placed
}

/// Terminal columns that the head of a column takes, in any language.
fn head_width(column: &Column) -> u16 {
    column.title.len().max((column.head)().chars().count()) as u16
}

/// The title of the column at `x`.
pub(crate) fn title_at(columns: &[Column], placed: &Placed, x: u16) -> Option<&'static str> {
    let at = placed
        .iter()
        .find(|(_, from, width)| (*from..from + width).contains(&x));
    at.map(|(column, ..)| columns[*column].title)
}

/// The header row; `sort` is the column sorted by and whether downwards.
pub(crate) fn draw_header(canvas: &mut Canvas<'_>, columns: &[Column], placed: &Placed, sort: Option<(&str, bool)>) {
    for &(at, x, width) in placed {
        let column = &columns[at];
        let mark = match sort {
            Some((title, down)) if title == column.title => {
                if down {
                    "▼"
                } else {
                    "▲"
                }
            }
            _ => "",
        };
        let title = format!("{}{mark}", (column.head)());
        let narrow = title.chars().count() > usize::from(width) && !mark.is_empty();
        let title = if narrow { mark } else { &title };
        canvas.field(x, 0, width, title, column.align, Role::Dim);
    }
}

/// The gutter of one row: `▸` for the cursor, `●` for a selected row.
pub(crate) fn draw_gutter(canvas: &mut Canvas<'_>, y: u16, current: bool, picked: bool) {
    if current {
        canvas.glyph(1, y, '▸', Role::Accent);
    }
    if picked {
        canvas.glyph(0, y, '●', Role::Accent);
    }
}

/// One text cell of a row; the row under the cursor is bold.
pub(crate) fn draw_cell(canvas: &mut Canvas<'_>, y: u16, place: (u16, u16), text: &str, column: &Column, role: Role) {
    canvas.field(place.0, y, place.1, text, column.align, role);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn column(title: &'static str, width: u16, grow: u16, priority: u8) -> Column {
        Column {
            title,
            head: crate::say::heads::series,
            width,
            grow,
            align: Align::Left,
            priority,
        }
    }

    const COLUMNS: [Column; 4] = [
        column("SERIES", 20, 1, 9),
        column("LAST", 8, 0, 8),
        column("MIN", 8, 0, 2),
        column("S", 1, 0, 9),
    ];

    #[test]
    fn the_least_important_column_leaves_first() {
        let titles = |width| {
            place(&COLUMNS, width)
                .iter()
                .map(|p| COLUMNS[p.0].title)
                .collect::<Vec<_>>()
        };
        assert_eq!(titles(80), ["SERIES", "LAST", "MIN", "S"]);
        assert_eq!(titles(40), ["SERIES", "LAST", "S"]);
        assert_eq!(titles(27), ["SERIES", "S"]);
    }

    #[test]
    fn scrolling_keeps_still_until_it_must_move() {
        let mut cursor = Cursor::default();
        cursor.step(12, 100);
        cursor.settle(100, 10);
        assert_eq!(cursor.window(100, 10), 3..13);
        cursor.step(-5, 100);
        cursor.settle(100, 10);
        assert_eq!(cursor.window(100, 10), 3..13, "the row is still visible: nothing moves");
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_visible(rows in 0usize..500, height in 1usize..60, steps in proptest::collection::vec(-600isize..600, 0..20)) {
            let mut cursor = Cursor::default();
            for by in steps {
                cursor.step(by, rows);
                cursor.settle(rows, height);
                let window = cursor.window(rows, height);
                prop_assert!(window.end <= rows && window.len() <= height);
                prop_assert!(rows == 0 || window.contains(&cursor.row));
                prop_assert!(rows < height || window.len() == height, "no blank rows while there is more");
            }
        }

        #[test]
        fn measured_columns_never_overlap_nor_waste(width in 0u16..200, content in 0u16..80) {
            let mut end = 0;
            for (at, x, w) in place_measured(&COLUMNS, width, &[("SERIES", content)]) {
                prop_assert!(x >= end);
                end = x + w;
                prop_assert!(end <= width.max(GUTTER), "{end} of {width}");
                prop_assert!(at != 0 || w <= content.max(6), "no wider than its content");
            }
        }

        #[test]
        fn columns_never_overlap_or_stick_out(width in 0u16..200) {
            let mut end = 0;
            for (_, x, w) in place(&COLUMNS, width) {
                prop_assert!(x >= end);
                end = x + w;
                prop_assert!(end <= width.max(GUTTER), "{end} of {width}");
            }
        }
    }
}
