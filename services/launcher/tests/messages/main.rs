//! Messages: what other ends answer and what becomes of it, who may what, and that a killed process loses none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

mod away;
mod killed;
mod linking;
mod others;
mod people;
mod place;
mod real;
