//! Raw samples for the other roles: which series a query means, their new tail from the source, the rest from memory.

mod backfill;
pub mod clip;
mod cost;
mod derived;
mod expressions;
mod membership;
mod reader;
mod reading;

pub use cost::Cost;
pub use reader::SampleReader;
pub use reading::{QueryProblem, ReadPlan, Reading, SeriesReading};
