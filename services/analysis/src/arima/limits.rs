//! How far the models go: small enough that arrays on the stack hold every lag.

/// Largest p and q.
pub const MAX_LAGS: usize = 8;
/// Largest d.
pub const MAX_DIFFERENCES: usize = 2;
/// Longest forecast in steps.
pub const MAX_HORIZON: usize = 10_000;
