//! Conversions between the contract's messages and the words of the domain. Each says which field is wrong.

mod forecast;
mod objective;
mod series;
mod time;

pub use forecast::forecast_summary;
pub use objective::{
    NEW_ID, missing, missing_message, objective, objective_message, query, query_message, range, range_message, set,
    set_message,
};
pub use series::{labels, query_text, series_id, series_message};
pub use time::{duration, duration_ms, millis, timestamp};
