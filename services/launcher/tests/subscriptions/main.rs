//! Many people and their cities: one instance with all roles between a provider of weather and the ends of channels.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall fail where it stands"
)]

mod bench;
mod house;
mod people;
mod registering;
mod sky;
mod small;
