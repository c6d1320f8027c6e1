//! The columns of the table.

use crate::say::heads;
use crate::widget::canvas::Align;
use crate::widget::table::Column;

pub(super) static COLUMNS: [Column; 8] = [
    Column::new("CITY", heads::city, 16, 3, Align::Left, 9),
    Column::new("°C", heads::celsius, 6, 0, Align::Right, 9),
    Column::new("RAIN", heads::rain, 5, 0, Align::Right, 8),
    Column::new("SNOW", heads::snow, 5, 0, Align::Right, 8),
    Column::new("LIMITS", heads::limits, 16, 2, Align::Left, 7),
    Column::new("FORECAST °C", heads::forecast_celsius, 11, 1, Align::Left, 5),
    Column::new("WIND", heads::wind, 5, 0, Align::Right, 3),
    Column::new("AT", heads::at, 8, 0, Align::Left, 4),
];
