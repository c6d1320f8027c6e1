//! Numerics on slices: statistics, metadata, forecasts; pure.
