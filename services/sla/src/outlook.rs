//! Violations to come: probabilities, bands, predicted points, and how far they can be trusted.

pub mod board;
