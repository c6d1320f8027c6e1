//! What else moved: series ranked by how they changed around an instant, each measured against its own past.
//!
//! All series lie on one grid of bins (NaN where nothing is known). At the instant the bins after it are held against those
//! before it, in four ways ([`Kind`]); the same is done at many places of the series' own past (blocks of the same series, so
//! nothing is assumed about how its samples depend on each other), and what is usual there is the measure. A series that
//! repeats is looked at less what it was one period before. What then is surprising is read off the pooled measures of all
//! series with like tails at all those places, so heavy tails and rare steps count as often as they really come. Many series
//! are corrected for (Benjamini & Hochberg 1995), so "nothing else changed" is an answer.
//!
//! It says what moved with the instant, never what caused it.

/// How often the list is right, measured on seeded incidents (docs/around.md).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proven {
    /// The share of incidents whose culprit stood among the first three.
    pub first_three: f64,
    /// Among the first five.
    pub first_five: f64,
}

/// What `dev/bench-around` has shown; a test holds a smaller run against it.
pub const PROVEN: Proven = Proven {
    first_three: 0.77,
    first_five: 0.8,
};

mod frame;
mod lag;
mod pool;
mod profile;
mod rank;
mod repeating;
mod tails;
mod usual;
mod window;

pub use frame::{AFTER_MIN, Frame, Kind, PLACES_MIN, SERIES_MAX};
pub use lag::{Lag, best_lag};
pub use profile::{Change, Profile, profile};
pub use rank::{Moved, Ranking, rank};
