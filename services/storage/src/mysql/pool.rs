//! The connections: a bounded number for writing and for reading, all to the node that takes writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Handle;

use super::error::{Failure, Verdict, unreachable};
use super::session::{self, Purpose, Session};
use crate::server_place::ServerPlace;

/// All idle connections, and where the primary was last.
#[derive(Debug)]
pub(super) struct Pool {
    place: ServerPlace,
    handle: Handle,
    /// Index of the node that took writes last.
    primary: AtomicUsize,
    /// Never locked across a wait. As many as there may be users at once, at most.
    idle: Mutex<Vec<(Purpose, Session)>>,
}

impl Pool {
    pub(super) fn new(place: ServerPlace, handle: Handle) -> Self {
        Self {
            place,
            handle,
            primary: AtomicUsize::new(0),
            idle: Mutex::default(),
        }
    }

    /// Where the database is.
    pub(super) fn place(&self) -> &ServerPlace {
        &self.place
    }

    /// The runtime that carries the connections.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Purpose, Session)>> {
        // One push or removal; nothing can be half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection, or a new one. Blocks.
    pub(super) fn take(&self, purpose: Purpose) -> Result<Session, Failure> {
        {
            let mut idle = self.idle();
            if let Some(at) = idle.iter().position(|(of, _)| *of == purpose) {
                return Ok(idle.swap_remove(at).1);
            }
        }
        self.handle.block_on(self.connect(purpose))
    }

    /// For the next one.
    pub(super) fn put(&self, purpose: Purpose, session: Session) {
        self.idle().push((purpose, session));
    }

    /// Drops all idle connections: the node at their other end is gone or takes no writes.
    pub(super) fn forget(&self) {
        let gone = std::mem::take(&mut *self.idle());
        // Dropping a connection tells the runtime.
        let _entered = self.handle.enter();
        drop(gone);
    }

    /// The first node, from the last primary on, that takes writes; else what is most worth telling of all refusals.
    async fn connect(&self, purpose: Purpose) -> Result<Session, Failure> {
        let nodes = &self.place.url.nodes;
        let first = self.primary.load(Ordering::Relaxed);
        let mut worst: Option<Failure> = None;
        for at in (0..nodes.len()).map(|n| (first + n) % nodes.len()) {
            match session::open(&self.place, &nodes[at], purpose).await {
                Ok(session) => {
                    if self.primary.swap(at, Ordering::Relaxed) != at {
                        tracing::info!(node = %nodes[at], "another node of the database takes the writes");
                    }
                    return Ok(session);
                }
                Err(failure) => {
                    if worst.as_ref().is_none_or(|worst| weight(&failure) > weight(worst)) {
                        worst = Some(failure);
                    }
                }
            }
        }
        Err(worst.unwrap_or_else(|| {
            Failure::new(
                Verdict::Final,
                unreachable(&self.place.url.to_string(), "it names no node"),
            )
        }))
    }

    /// Says goodbye on all idle connections.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle());
        for (_, session) in idle {
            // The server notices by itself when this does not arrive.
            let _ = session.conn.disconnect().await;
        }
    }
}

/// What a person can mend by hand is told before what may pass by itself; of that, a node that answered before one that did
/// not.
fn weight(failure: &Failure) -> u8 {
    match failure.verdict {
        Verdict::Final => 2,
        Verdict::Elsewhere | Verdict::Again => 1,
        Verdict::Lost => 0,
    }
}
