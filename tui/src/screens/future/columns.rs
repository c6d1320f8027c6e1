//! The columns of the table.

use crate::say::heads;
use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 8] = [
    Column::new("S", heads::s, 1, 0, Align::Left, 9),
    Column::new("OBJECTIVE", heads::objective, 15, 3, Align::Left, 9),
    Column::new("LABELS", heads::labels, 12, 2, Align::Ends, 7),
    Column::new("P", heads::p, 6, 0, Align::Right, 8),
    Column::new("FIRST", heads::first, 8, 0, Align::Left, 6),
    Column::new("NOW→END", heads::now_end, 13, 0, Align::Left, 5),
    Column::new("MEDIAN", heads::median, 8, 1, Align::Left, 1),
    Column::new("TRACK RECORD", heads::track_record, 16, 2, Align::Left, 3),
];
