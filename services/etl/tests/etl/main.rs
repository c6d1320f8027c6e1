//! The role `etl` as a whole: one binary, so that it is linked once.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may end where it stands")]

mod reading;
mod restart;
mod runs;
mod scene;
mod sources;
mod truth;
