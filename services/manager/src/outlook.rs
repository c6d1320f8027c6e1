//! Violations to come: probabilities, bands, predicted points, and how far they can be trusted.

pub mod absence;
pub mod backtest;
pub(crate) mod backtests;
pub mod board;
pub(crate) mod case;
pub mod classic;
pub mod drawings;
pub(crate) mod expecting;
pub(crate) mod foretold;
pub(crate) mod histories;
pub(crate) mod keeping;
pub mod message;
pub mod predicted;
pub mod probability;
pub mod replay;
pub mod rounds;
pub mod store;
pub mod track_record;
pub(crate) mod tracked;
