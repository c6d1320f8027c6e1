//! The loop from the bus to the store. The position of each partition is kept by the store, in the transaction of the
//! records: what is delivered again has no effect, and whoever takes a partition over goes on where its rows end.

use std::time::Duration;

use async_trait::async_trait;
use sla_bus::{Batch, FeedError, FeedEvent, ResultFeed};
use sla_runtime::status::chain;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::port::{Applied, ResultStore};

/// Pause before something is tried again; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The two calls of a store that reading needs.
#[async_trait]
pub trait Sink: Send + Sync {
    /// As [`ResultStore::apply`].
    async fn apply(&self, batch: Batch) -> Result<Applied, StoreError>;
    /// As [`ResultStore::position`].
    async fn position(&self, source: &str, partition: u32) -> Result<u64, StoreError>;
}

#[async_trait]
impl<S: ResultStore> Sink for S {
    async fn apply(&self, batch: Batch) -> Result<Applied, StoreError> {
        ResultStore::apply(self, batch).await
    }

    async fn position(&self, source: &str, partition: u32) -> Result<u64, StoreError> {
        ResultStore::position(self, source, partition).await
    }
}

/// Why reading a stream has stopped. It needs a word of an operator, or a new reader.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The stream refuses us, or no longer holds the place at which we must go on.
    #[error("the stream of results cannot be read")]
    Feed(#[from] FeedError),
    /// The store refuses what was read: another reader has taken over, or records are missing.
    #[error("what was read from the stream cannot be applied")]
    Store(#[from] StoreError),
}

/// Reads `feed` into `store` until `token` falls. While one of them is away it waits and goes on.
pub async fn run<S: Sink>(feed: &mut dyn ResultFeed, store: &S, token: &CancellationToken) -> Result<(), IntakeError> {
    let mut patience = Patience::default();
    loop {
        let event = tokio::select! {
            () = token.cancelled() => return Ok(()),
            event = feed.poll() => event,
        };
        match event {
            Ok(event) => {
                patience.reset();
                tokio::select! {
                    () = token.cancelled() => return Ok(()),
                    done = take(feed, store, event) => done?,
                }
            }
            Err(error @ FeedError::Unavailable { .. }) => patience.wait(&error).await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn take<S: Sink>(feed: &mut dyn ResultFeed, store: &S, event: FeedEvent) -> Result<(), IntakeError> {
    match event {
        FeedEvent::Assigned(partitions) => {
            for partition in partitions {
                let position = position(store, feed.source(), partition).await?;
                match feed.start(partition, position).await {
                    // It went to another reader while the store was asked.
                    Ok(()) | Err(FeedError::NotOurs { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        FeedEvent::Batch(batch) => {
            let partition = batch.partition;
            let applied = apply(store, batch).await?;
            feed.applied(partition, applied.next_offset).await?;
        }
        FeedEvent::Revoked(partitions) => tracing::info!(?partitions, "partitions went to another reader"),
        FeedEvent::Idle => {}
    }
    Ok(())
}

/// Where a partition goes on; `None` when nothing of it was applied yet.
async fn position<S: Sink>(store: &S, source: &str, partition: u32) -> Result<Option<u64>, StoreError> {
    let mut patience = Patience::default();
    loop {
        match store.position(source, partition).await {
            Ok(0) => return Ok(None),
            Ok(position) => return Ok(Some(position)),
            Err(error) if will_pass(&error) => patience.wait(&error).await,
            Err(error) => return Err(error),
        }
    }
}

/// The same batch again until the store has taken or refused it: applying twice is applying once.
async fn apply<S: Sink>(store: &S, batch: Batch) -> Result<Applied, StoreError> {
    let mut patience = Patience::default();
    loop {
        match store.apply(batch.clone()).await {
            Err(error) if will_pass(&error) => patience.wait(&error).await,
            done => return done,
        }
    }
}

/// Whether it is the state of the database rather than the batch.
fn will_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Busy { .. }
            | StoreError::Overtaken
            | StoreError::Unreachable { .. }
            | StoreError::Unfit { .. }
            | StoreError::DiskFull(_)
            | StoreError::ReadOnly(_)
            | StoreError::Disk(_)
    )
}

/// Pauses that grow, and one line in the log for all of them.
struct Patience {
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE }
    }
}

impl Patience {
    fn reset(&mut self) {
        *self = Self::default();
    }

    async fn wait(&mut self, error: &(dyn std::error::Error + Send + Sync)) {
        if self.pause == FIRST_PAUSE {
            tracing::warn!(error = chain(error), "results wait in the stream");
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}
