//! The columns of the table.

use crate::say::heads;
use crate::widget::canvas::Align;
use crate::widget::table::Column;

/// Title of the lane's column.
pub(super) const LANE: &str = "12h ◂ now ▸ 10m";

pub(super) static COLUMNS: [Column; 8] = [
    Column::new("S", heads::s, 1, 0, Align::Left, 9),
    Column::new("WHAT", heads::what, 13, 2, Align::Ends, 9),
    Column::new("WHERE", heads::place, 9, 2, Align::Ends, 8),
    Column::new("NOW", heads::now, 7, 0, Align::Right, 9),
    Column::new("LIMIT", heads::limit, 9, 0, Align::Left, 5),
    Column::new("SINCE", heads::since, 13, 0, Align::Left, 8),
    Column::new(LANE, heads::lane, 15, 4, Align::Left, 6),
    Column::new("P", heads::p, 6, 0, Align::Right, 7),
];
