//! What the parts of the role share.

use std::sync::{Arc, Mutex};

use sla_domain::Clock;
use sla_proto::Peer;
use sla_runtime::Shutdown;
use tokio::sync::Notify;

use crate::book::Book;
use crate::channel::{Carrier, Channels};
use crate::linking::Links;
use crate::metrics::NotifyMetrics;
use crate::options::NotifyOptions;
use crate::pace::Pace;

/// Shared by reader, sender and calls.
pub(crate) struct Core {
    pub(crate) options: NotifyOptions,
    pub(crate) peer: Peer,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    pub(crate) channels: Channels,
    /// Takes messages to where they go.
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) book: Book,
    pub(crate) pace: Pace,
    pub(crate) metrics: NotifyMetrics,
    /// Something was written to the outbox.
    pub(crate) posted: Notify,
    /// Codes by which chats become channels.
    pub(crate) links: Mutex<Links>,
    /// A code was given.
    pub(crate) linking: Notify,
    /// Channels or marks have changed.
    pub(crate) changed: Notify,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}

impl Core {
    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
