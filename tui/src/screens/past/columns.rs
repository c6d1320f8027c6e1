//! The columns of the ledger.

use crate::say::heads;
use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static LEDGER_COLUMNS: [Column; 9] = [
    Column::new("START", heads::start, 14, 0, Align::Left, 9),
    Column::new("END", heads::end, 8, 0, Align::Left, 6),
    Column::new("DURATION", heads::duration, 8, 0, Align::Right, 8),
    Column::new("SIDE", heads::side, 5, 0, Align::Left, 7),
    Column::new("WORST", heads::worst, 7, 0, Align::Right, 5),
    Column::new("EXCESS", heads::excess, 7, 0, Align::Right, 4),
    Column::new("SAMPLES", heads::samples, 7, 0, Align::Right, 3),
    Column::new("SERIES", heads::series, 13, 2, Align::Ends, 2),
    Column::new("NOTE", heads::note, 12, 0, Align::Left, 1),
];
