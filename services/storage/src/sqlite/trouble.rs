//! Whether writes succeed, and since when they do not: what the banner about the storage says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::Clock;
use sla_proto::convert;
use sla_proto::storage::v1::StoreStatus;
use sla_runtime::status;

use super::SqliteStore;
use crate::error::StoreError;

/// While writes fail one is tried at least this often, milliseconds: the banner goes without anybody writing.
pub(crate) const TRY_EVERY_MS: i64 = 5_000;

#[derive(Debug)]
struct Failing {
    problem: String,
    reason: &'static str,
    hint: &'static str,
    since_ms: i64,
    tried_ms: i64,
}

/// What the last writes have met. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trouble {
    failing: Arc<Mutex<Option<Failing>>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trouble").field(&self.failing).finish()
    }
}

impl Trouble {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            failing: Arc::default(),
            clock,
        }
    }

    fn failing(&self) -> MutexGuard<'_, Option<Failing>> {
        // One assignment; nothing can be half done.
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of how a write ended. A request that was refused for its own sake says nothing about the storage.
    pub(crate) fn note<T>(&self, outcome: &Result<T, StoreError>) {
        let mut failing = self.failing();
        match outcome {
            Ok(_) => {
                if let Some(over) = failing.take() {
                    tracing::info!(problem = over.problem, "the database can be written again");
                }
            }
            Err(error) => {
                let Some((reason, hint)) = error.trouble() else { return };
                let now_ms = self.clock.now_ms();
                if failing.is_none() {
                    tracing::error!(
                        error = status::chain(error),
                        "the database cannot be written; reading goes on"
                    );
                }
                let since_ms = failing.as_ref().map_or(now_ms, |known| known.since_ms);
                *failing = Some(Failing {
                    problem: error.to_string(),
                    reason,
                    hint,
                    since_ms,
                    tried_ms: now_ms,
                });
            }
        }
    }
}

impl SqliteStore {
    /// Whether the last write failed because of the file or the disk.
    pub fn is_in_trouble(&self) -> bool {
        self.connections.trouble().failing().is_some()
    }

    /// Writes nothing new, but writes: ends the trouble when it is over.
    pub async fn try_write(&self) -> Result<(), StoreError> {
        self.connections
            // The number in the file's header is not used; setting it writes a page.
            .write(|tx| Ok(tx.pragma_update(None, "user_version", 0)?))
            .await
    }

    /// What the banner says, and what is counted beside it.
    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        let (dead_letters, file_bytes) = self.counts().await?;
        let failing = self.connections.trouble().failing();
        let mut status = StoreStatus {
            dead_letters,
            file_bytes,
            ..StoreStatus::default()
        };
        if let Some(failing) = &*failing {
            failing.problem.clone_into(&mut status.problem);
            failing.reason.clone_into(&mut status.problem_reason);
            failing.hint.clone_into(&mut status.hint);
            status.failing_since = Some(convert::timestamp(failing.since_ms));
            status.next_attempt = Some(convert::timestamp(failing.tried_ms + TRY_EVERY_MS));
        }
        Ok(status)
    }
}
