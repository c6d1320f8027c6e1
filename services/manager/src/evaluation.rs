//! Reading, judging and telling, again and again.

pub mod cadence;
pub mod judge;
pub mod memory;
pub mod reader;
pub mod snapshot;
pub mod spacings;
pub mod status;
pub mod what_if;
