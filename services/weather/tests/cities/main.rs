//! The role against stubs that speak the providers' languages, and against roles that only remember.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on shall fail where it stands"
)]

mod faults;
mod load;
mod people;
mod scene;
mod turns;
