//! The columns of the tables.

use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 12] = [
    Column::new("SERIES", 16, 3, Align::Ends, 9),
    Column::new("LABELS", 15, 3, Align::Ends, 6),
    Column::new("LAST", 7, 0, Align::Right, 8),
    Column::new("WINDOW", 8, 4, Align::Left, 5),
    Column::new("MIN", 6, 0, Align::Right, 3),
    Column::new("MEAN", 6, 0, Align::Right, 4),
    Column::new("MAX", 6, 0, Align::Right, 3),
    Column::new("MRK", 3, 0, Align::Left, 2),
    Column::new("S", 1, 0, Align::Left, 9),
    Column::new("STATE", 8, 0, Align::Left, 1),
    Column::new("STD", 6, 0, Align::Right, 0),
    Column::new("SEEN", 8, 0, Align::Right, 0),
];

pub(super) const NAME_COLUMNS: [Column; 4] = [
    Column::new("NAME", 30, 2, Align::Left, 9),
    Column::new("SERIES", 7, 0, Align::Right, 8),
    Column::new("TYPE", 9, 0, Align::Left, 5),
    Column::new("HELP", 20, 3, Align::Left, 2),
];
