//! What can be set, and the limits.

use std::time::Duration;

/// Options of the role.
#[derive(Debug, Clone, Default)]
pub struct GatewayOptions {
    /// Words of the roles whose calls are passed on: those that have an address elsewhere.
    pub beyond: Vec<String>,
}

/// The largest request of a stream that many share, in bytes: a filter, no more.
pub(crate) const MAX_FILTER_BYTES: usize = 64 << 10;
/// Streams to the roles that are shared at once: each rpc and filter is one.
pub(crate) const MAX_FEEDS: usize = 256;
/// Messages that a reader may lag behind before it gets the newest snapshot instead.
pub(crate) const RING_MESSAGES: usize = 64;
/// What these messages may hold, bytes: beyond it the same.
pub(crate) const RING_BYTES: usize = 1 << 20;
/// Messages of a run that are kept for those who come later.
pub(crate) const RUN_MESSAGES: usize = 256;
/// How often a stream that nobody reads any more is looked for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The largest body of a request of JSON over HTTP, in bytes; the same as of a message of gRPC.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;
/// The largest headers of such a request together, in bytes.
pub(crate) const MAX_HEADER_BYTES: usize = 16 << 10;
