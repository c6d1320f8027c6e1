//! Raw samples for the other roles: which series a query means, their new tail from the source, the rest from memory.

mod backfill;
pub mod clip;
mod cost;
mod derived;
mod expressions;
mod kept_looks;
mod known_looks;
mod long_look;
mod membership;
mod memory;
mod reader;
mod reading;
mod roster;
mod tail;

pub use cost::Cost;
pub use long_look::{LOOK_LIMIT, LongLooks, LookedAt, MOST_AT_ONCE};
pub use reader::SampleReader;
pub use reading::{FailedSeries, QueryProblem, ReadPlan, SampleReading, SeriesReading};
pub use roster::{Enlisted, Roster};
