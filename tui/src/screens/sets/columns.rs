//! The columns of the table.

use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 7] = [
    Column::new("OBJECTIVE", 16, 3, Align::Ends, 9),
    Column::new("MIN", 8, 0, Align::Right, 6),
    Column::new("MAX", 8, 0, Align::Right, 6),
    Column::new("NOW", 9, 0, Align::Left, 9),
    Column::new("LAST 12h WITH THIS", 23, 1, Align::Left, 8),
    Column::new("P", 6, 0, Align::Right, 4),
    Column::new("TARGET", 7, 0, Align::Right, 1),
];
