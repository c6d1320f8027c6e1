//! Whether writes succeed, and since when they do not: what the banner about the storage says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::Clock;
use sla_proto::convert;
use sla_proto::storage::v1::StoreStatus;
use sla_runtime::{reason, status};

use crate::error::StoreError;

/// What to do when the disk is full.
pub(crate) const FREE_SPACE: &str = "free space on the disk of the data directory; writing goes on by itself";
/// What to do when nothing may be written.
pub(crate) const MAKE_WRITABLE: &str = "make the data directory writable; writing goes on by itself";
/// What to do when the file has gone.
pub(crate) const BRING_BACK: &str =
    "bring the data directory back where it was, or start the instance again: what is changed meanwhile is not kept";
/// What to do when the server is away.
pub(crate) const BRING_UP: &str =
    "look whether the database server runs and is reachable from here; writing goes on by itself";
/// What to do about everything else.
pub(crate) const READ_THE_LOG: &str = "the log of the storage role has the cause";

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
pub struct Trouble {
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

    /// The present, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
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
                let Some((reason, hint)) = words(error) else { return };
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

    /// Whether the last write failed because of the database itself.
    pub(crate) fn is_there(&self) -> bool {
        self.failing().is_some()
    }

    /// Whether the last write failed because nobody answers.
    #[cfg(feature = "mysql")]
    pub(crate) fn is_unreachable(&self) -> bool {
        let failing = self.failing();
        failing
            .as_ref()
            .is_some_and(|known| known.reason == reason::STORAGE_UNREACHABLE)
    }

    /// Writes what a banner says about it into `status`; nothing while all is well.
    pub(crate) fn tell(&self, status: &mut StoreStatus) {
        if let Some(failing) = &*self.failing() {
            failing.problem.clone_into(&mut status.problem);
            failing.reason.clone_into(&mut status.problem_reason);
            failing.hint.clone_into(&mut status.hint);
            status.failing_since = Some(convert::timestamp(failing.since_ms));
            status.next_attempt = Some(convert::timestamp(failing.tried_ms + TRY_EVERY_MS));
        }
    }
}

/// Reason word and hint of an error that is about the database rather than the request.
fn words(error: &StoreError) -> Option<(&'static str, &'static str)> {
    match error {
        StoreError::DiskFull(_) => Some((reason::STORAGE_READ_ONLY, FREE_SPACE)),
        StoreError::ReadOnly(_) => Some((reason::STORAGE_READ_ONLY, MAKE_WRITABLE)),
        StoreError::Unreachable { .. } => Some((reason::STORAGE_UNREACHABLE, BRING_UP)),
        StoreError::Gone { .. } => Some((reason::STORAGE_FAILED, BRING_BACK)),
        StoreError::Corrupt { .. } | StoreError::Disk(_) | StoreError::Unfit { .. } => {
            Some((reason::STORAGE_FAILED, READ_THE_LOG))
        }
        _ => None,
    }
}
