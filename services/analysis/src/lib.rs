//! Numerics on slices: statistics, metadata and forecasts of a series.
//!
//! Samples come in as `&[f64]` (with `&[i64]` milliseconds where spacing matters), typed results go out; learned parameters are
//! values passed in and returned.
//!
//! Invariant: every public function is pure (same input, same bits), returns a typed [`Degenerate`] reason instead of a NaN,
//! never panics on any input, and its cost is bounded by the length of the input.

pub mod acf;
pub mod adf;
pub mod arima;
pub mod around;
pub mod backtest;
pub mod bins;
pub mod decomposition;
pub mod degenerate;
pub mod forecast;
pub mod holt_winters;
pub mod normal;
pub mod pool;
mod products;
mod scaling;
pub mod scoring;
pub mod seasonality;
pub mod statistics;
mod student;

pub use degenerate::Degenerate;
