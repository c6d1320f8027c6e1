//! ARIMA(p, d, q) by exact maximum likelihood: the d-th differences are a stationary Gaussian ARMA process.
//!
//! wₜ = φ₁ wₜ₋₁ + … + φₚ wₜ₋ₚ + εₜ + θ₁ εₜ₋₁ + … + θ_q εₜ₋_q, εₜ ~ N(0, σ²); with d = 0 the mean may be a parameter.

mod ahead;
mod barrier;
mod fit;
mod innovations;
mod limits;
mod model;
mod order;
mod polynomial;
mod quasi_newton;
mod start;
mod tail;

pub use fit::{fit, warm_fit};
pub use limits::{MAX_DIFFERENCES, MAX_HORIZON, MAX_LAGS};
pub use model::{Model, Parameters, evaluate};
pub use order::Order;
