//! The columns of the table.

use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 8] = [
    Column::new("CITY", 16, 3, Align::Left, 9),
    Column::new("°C", 6, 0, Align::Right, 9),
    Column::new("RAIN", 5, 0, Align::Right, 8),
    Column::new("SNOW", 5, 0, Align::Right, 8),
    Column::new("LIMITS", 16, 2, Align::Left, 7),
    Column::new("FORECAST °C", 11, 1, Align::Left, 5),
    Column::new("WIND", 5, 0, Align::Right, 3),
    Column::new("AT", 8, 0, Align::Left, 4),
];
