//! The contract: generated messages and clients, conversions to the words of the domain, and [`Peer`], the one client.
//!
//! Invariant: everything that crosses a process boundary is defined in `proto/sla/`; nothing here does IO of its own
//! beyond carrying a call.

pub mod generated;

pub use generated::*;
