//! The columns of the table.

use crate::widget::canvas::Align;
use crate::widget::table::Column;

/// Title of the lane's column.
pub(super) const LANE: &str = "12h ◂ now ▸ 10m";

pub(super) static COLUMNS: [Column; 8] = [
    Column::new("S", 1, 0, Align::Left, 9),
    Column::new("WHAT", 13, 2, Align::Ends, 9),
    Column::new("WHERE", 9, 2, Align::Ends, 8),
    Column::new("NOW", 7, 0, Align::Right, 9),
    Column::new("LIMIT", 9, 0, Align::Left, 5),
    Column::new("SINCE", 12, 0, Align::Left, 8),
    Column::new(LANE, 15, 4, Align::Left, 6),
    Column::new("P", 6, 0, Align::Right, 7),
];
