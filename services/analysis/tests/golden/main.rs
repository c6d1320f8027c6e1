//! The 51 golden files: every quantity at its tolerance. A failure names the file and the key.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acf;
mod adf;
mod arima;
mod decomposition;
mod holt_winters;
mod reference;
mod statistics;
