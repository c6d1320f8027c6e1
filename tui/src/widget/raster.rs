//! A grid of dots, 2 × 4 a cell, and how it becomes characters.

use crate::theme::Role;

/// Dots of a braille cell, column then row; Unicode 1.1 block U+2800.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Dots in `columns` × `rows` cells.
#[derive(Debug)]
pub(crate) struct Raster {
    columns: u16,
    rows: u16,
    cells: Vec<(u8, Role)>,
}

impl Raster {
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        Self {
            columns,
            rows,
            cells: vec![(0, Role::Text); usize::from(columns) * usize::from(rows)],
        }
    }

    /// Width in dots.
    pub(crate) fn dots_x(&self) -> i32 {
        i32::from(self.columns) * 2
    }

    /// Height in dots.
    pub(crate) fn dots_y(&self) -> i32 {
        i32::from(self.rows) * 4
    }

    /// Sets a dot, (0, 0) is top left; outside is ignored. A later layer gives its role to the cell.
    pub(crate) fn set(&mut self, x: i32, y: i32, role: Role) {
        if x < 0 || y < 0 || x >= self.dots_x() || y >= self.dots_y() {
            return;
        }
        let at = (y / 4) as usize * usize::from(self.columns) + (x / 2) as usize;
        let cell = &mut self.cells[at];
        // A line through a shaded cell shows the line, not the shade.
        if is_shade(cell.1) && !is_shade(role) {
            cell.0 = 0;
        }
        cell.0 |= DOTS[(x % 2) as usize][(y % 4) as usize];
        // What is out of range is never painted over by what is in range.
        if cell.1 != Role::Violated || is_shade(role) {
            cell.1 = role;
        }
    }

    /// A vertical run of dots, both ends included, in either order.
    pub(crate) fn vertical(&mut self, x: i32, from: i32, to: i32, role: Role) {
        let (low, high) = (from.min(to).max(0), from.max(to).min(self.dots_y() - 1));
        for y in low..=high {
            self.set(x, y, role);
        }
    }

    /// A straight line between two dots (Bresenham 1965). Ends far outside are cut first, so that the work is bounded.
    pub(crate) fn line(&mut self, from: (i32, i32), to: (i32, i32), role: Role) {
        let limit = 4 * self.dots_y().max(self.dots_x());
        let clamp = |(x, y): (i32, i32)| (x.clamp(-limit, limit), y.clamp(-limit, limit));
        let ((mut x, mut y), (to_x, to_y)) = (clamp(from), clamp(to));
        let (dx, dy) = ((to_x - x).abs(), -(to_y - y).abs());
        let (step_x, step_y) = ((to_x - x).signum(), (to_y - y).signum());
        let mut error = dx + dy;
        loop {
            self.set(x, y, role);
            if (x, y) == (to_x, to_y) {
                return;
            }
            let twice = 2 * error;
            if twice >= dy {
                error += dy;
                x += step_x;
            }
            if twice <= dx {
                error += dx;
                y += step_y;
            }
        }
    }

    /// Whether the cell holds a dot.
    pub(crate) fn is_set(&self, column: u16, row: u16) -> bool {
        self.cells[usize::from(row) * usize::from(self.columns) + usize::from(column)].0 != 0
    }

    /// Each cell that holds a dot: column, row, character, role.
    pub(crate) fn drawn(&self, unicode: bool) -> impl Iterator<Item = (u16, u16, char, Role)> + '_ {
        self.cells
            .iter()
            .enumerate()
            .filter(|(_, (bits, _))| *bits != 0)
            .map(move |(at, (bits, role))| {
                let column = (at % usize::from(self.columns)) as u16;
                let row = (at / usize::from(self.columns)) as u16;
                let c = if unicode {
                    char::from_u32(0x2800 + u32::from(*bits)).unwrap_or('?')
                } else {
                    ascii_of(*bits, *role)
                };
                (column, row, c, *role)
            })
    }
}

fn is_shade(role: Role) -> bool {
    matches!(
        role,
        Role::Band50 | Role::Band80 | Role::Band95 | Role::Usual | Role::Extent
    )
}

/// In ASCII a cell says in which half the line runs; shades are letters of rising ink.
fn ascii_of(bits: u8, role: Role) -> char {
    match role {
        Role::Usual => return '`',
        Role::Extent => return '"',
        Role::Band95 => return '.',
        Role::Band80 => return ':',
        Role::Band50 => return '%',
        Role::Violated => return '#',
        _ => {}
    }
    let (top, bottom) = (
        bits & (DOTS[0][0] | DOTS[0][1] | DOTS[1][0] | DOTS[1][1]),
        bits & (DOTS[0][2] | DOTS[0][3] | DOTS[1][2] | DOTS[1][3]),
    );
    match (top != 0, bottom != 0) {
        (true, true) => '*',
        (true, false) => '\'',
        _ => ',',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cell_is_a_full_braille_cell() {
        let mut raster = Raster::new(1, 1);
        for x in 0..2 {
            raster.vertical(x, 0, 3, Role::Line);
        }
        assert_eq!(raster.drawn(true).next().unwrap().2, '⣿');
        assert_eq!(raster.drawn(false).next().unwrap().2, '*');
    }

    #[test]
    fn lines_reach_their_ends_and_survive_wild_coordinates() {
        let mut raster = Raster::new(10, 5);
        raster.line((0, 0), (19, 19), Role::Line);
        assert!(raster.is_set(0, 0) && raster.is_set(9, 4));
        raster.line((-2_000_000_000, 5), (2_000_000_000, -2_000_000_000), Role::Line);
    }

    #[test]
    fn a_line_wins_over_a_shade() {
        let mut raster = Raster::new(1, 1);
        raster.vertical(0, 0, 3, Role::Band95);
        raster.set(1, 0, Role::Line);
        assert_eq!(raster.drawn(true).next().unwrap().3, Role::Line);
    }
}
