//! Conversions between the contract's messages and the words of the domain. Each says which field is wrong.

mod series;
mod time;

pub use series::{labels, query_text, series_id, series_message};
pub use time::{duration, duration_ms, millis, timestamp};
