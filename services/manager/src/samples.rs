//! The samples of what is watched: read from the role that owns them, kept between two evaluations.

pub(crate) mod clocks;
pub(crate) mod feed;
pub mod memory;
pub mod reader;
pub mod series;
pub mod spacings;
pub mod wanted;
