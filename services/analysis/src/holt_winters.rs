//! Holt–Winters with additive trend and season (Holt 1957, Winters 1960; notation of Hyndman, Koehler, Ord, Snyder 2008).
//!
//! eₜ = yₜ − (lₜ₋₁ + bₜ₋₁ + sₜ₋ₘ), lₜ = lₜ₋₁ + bₜ₋₁ + α eₜ, bₜ = bₜ₋₁ + α β* eₜ, sₜ = sₜ₋ₘ + γ eₜ.

mod basis;
mod fit;
mod line;
mod model;
mod recursion;

pub use fit::{fit, warm_fit};
pub use line::Line;
pub use model::{Filtered, Fit, MAX_HORIZON, MAX_SEASON, Parameters, State, extrapolate};
pub use recursion::filter;
