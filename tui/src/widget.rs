//! Parts that screens are made of. They know nothing of screens, nor of the wire.

pub(crate) mod apart;
pub(crate) mod bars;
pub(crate) mod canvas;
pub(crate) mod chart;
pub(crate) mod columns;
pub(crate) mod complete;
pub(crate) mod field;
pub(crate) mod lane;
pub(crate) mod marks;
pub(crate) mod progress;
mod raster;
mod scale;
pub(crate) mod spark;
pub(crate) mod table;
mod ticks;
pub(crate) mod wrap;
