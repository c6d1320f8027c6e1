//! The columns of the ledger.

use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static LEDGER_COLUMNS: [Column; 9] = [
    Column::new("START", 14, 0, Align::Left, 9),
    Column::new("END", 8, 0, Align::Left, 6),
    Column::new("DURATION", 8, 0, Align::Right, 8),
    Column::new("SIDE", 5, 0, Align::Left, 7),
    Column::new("WORST", 7, 0, Align::Right, 5),
    Column::new("EXCESS", 7, 0, Align::Right, 4),
    Column::new("SAMPLES", 7, 0, Align::Right, 3),
    Column::new("SERIES", 13, 2, Align::Ends, 2),
    Column::new("NOTE", 12, 0, Align::Left, 1),
];
