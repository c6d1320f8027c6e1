//! The words of the product and their rules: series, windows, objectives, evaluation, states, runs.
//!
//! Invariant: synchronous and pure. No IO, no async; time comes in as an argument or as [`Clock`].

pub mod clock;
pub mod sample;
pub mod series;
pub mod window;

pub use clock::{Clock, ManualClock, SystemClock};
pub use sample::{STALE_NAN_BITS, Samples, is_stale};
pub use series::{Labels, METRIC_NAME, SeriesId, SourceId};
pub use window::Window;
