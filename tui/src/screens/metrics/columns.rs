//! The columns of the tables.

use crate::say::heads;
use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 12] = [
    Column::new("SERIES", heads::series, 16, 3, Align::Ends, 9),
    Column::new("LABELS", heads::labels, 15, 3, Align::Ends, 6),
    Column::new("LAST", heads::last, 7, 0, Align::Right, 8),
    Column::new("WINDOW", heads::window, 8, 4, Align::Left, 5),
    Column::new("MIN", heads::min, 6, 0, Align::Right, 3),
    Column::new("MEAN", heads::mean, 6, 0, Align::Right, 4),
    Column::new("MAX", heads::max, 6, 0, Align::Right, 3),
    Column::new("MRK", heads::mrk, 3, 0, Align::Left, 2),
    Column::new("S", heads::s, 1, 0, Align::Left, 9),
    Column::new("STATE", heads::state, 8, 0, Align::Left, 1),
    Column::new("STD", heads::std, 6, 0, Align::Right, 0),
    Column::new("SEEN", heads::seen, 8, 0, Align::Right, 0),
];

pub(super) const NAME_COLUMNS: [Column; 4] = [
    Column::new("NAME", heads::name, 30, 2, Align::Left, 9),
    Column::new("SERIES", heads::series, 7, 0, Align::Right, 8),
    Column::new("TYPE", heads::kind, 9, 0, Align::Left, 5),
    Column::new("HELP", heads::help, 20, 3, Align::Left, 2),
];
