//! The columns of the table.

use crate::say::heads;
use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 7] = [
    Column::new("OBJECTIVE", heads::objective, 10, 3, Align::Ends, 9),
    Column::new("MIN", heads::min, 8, 0, Align::Right, 6),
    Column::new("MAX", heads::max, 8, 0, Align::Right, 6),
    Column::new("NOW", heads::now, 9, 0, Align::Left, 9),
    Column::new("LAST 12h WITH THIS", heads::last_12h_with_this, 23, 1, Align::Left, 8),
    Column::new("P", heads::p, 6, 0, Align::Right, 4),
    Column::new("TARGET", heads::target, 7, 0, Align::Right, 1),
];
