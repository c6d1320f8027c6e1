//! The role `account`: users with their ranks, passwords, sessions and service tokens, and the answer to "who calls?" that the
//! doors of an instance ask for each call. Off until the first user was added.
//!
//! Invariant: what is written is durable before it counts; no password and no token is ever stored, logged or answered, but
//! for a new token, once, to the one who asked for it.

mod admission;
mod backoff;
mod book;
mod error;
mod grpc;
mod hashing;
mod keeper;
mod options;
mod password;
mod people;
mod secret;
mod service;
mod sessions;

pub use options::{AccountOptions, Registration};
pub use service::{AccountService, StartError};
