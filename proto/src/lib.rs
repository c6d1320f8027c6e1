//! The contract: generated messages and clients, conversions to the words of the domain, [`Peer`], the one client,
//! requests of the right size, and sets as files.
//!
//! Invariant: everything that crosses a process boundary is defined in `proto/sla/`; nothing here does IO of its own
//! beyond carrying a call.

pub mod codec;
pub mod conflict;
pub mod convert;
pub mod generated;
pub mod lag;
pub mod lease;
pub mod lists;
pub mod peer;
pub mod pieces;
pub mod remembering;
pub mod samples;
pub mod set_file;
pub mod stored_sets;
pub mod words;

pub use generated::*;
pub use peer::{LateRoutes, Peer, PeerChannel, PeerError};

/// Grows when an older console can no longer talk to a newer instance, or the other way round.
pub const API_LEVEL: u32 = 1;
