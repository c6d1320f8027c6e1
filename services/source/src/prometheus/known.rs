//! What is known about a server until it is asked again.

use tokio::time::Instant;

use crate::reply::SourceInfo;

/// What was found out, and when.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) at: Instant,
    pub(super) info: SourceInfo,
    /// Names of the labels that the server adds to remote reads; `None` = it does not tell.
    pub(super) external: Option<Vec<String>>,
    /// Whether a NaN in an answer is a stale marker.
    pub(super) nan_is_stale: bool,
}
