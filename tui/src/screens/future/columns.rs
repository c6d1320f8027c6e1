//! The columns of the table.

use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 8] = [
    Column::new("S", 1, 0, Align::Left, 9),
    Column::new("OBJECTIVE", 15, 3, Align::Left, 9),
    Column::new("LABELS", 12, 2, Align::Ends, 4),
    Column::new("P", 6, 0, Align::Right, 8),
    Column::new("FIRST", 8, 0, Align::Left, 7),
    Column::new("NOW→END", 13, 0, Align::Left, 5),
    Column::new("MEDIAN", 8, 1, Align::Left, 1),
    Column::new("TRACK RECORD", 16, 2, Align::Left, 3),
];
