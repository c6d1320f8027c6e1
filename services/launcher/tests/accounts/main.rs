//! People: who may what, over the doors of an instance (promise 14 of docs/guide/people.md), what a token is good for, and
//! that a storm of wrong passwords is nobody else's trouble.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

mod house;
mod life;
mod secrets;
mod storm;
mod table;
mod tokens;
