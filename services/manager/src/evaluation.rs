//! Reading, judging and telling, again and again.

pub mod asked;
pub mod cadence;
mod due;
pub mod judge;
pub mod snapshot;
pub(crate) mod sources;
pub mod status;
pub mod tracks;
pub mod what_if;
