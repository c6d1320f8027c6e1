//! The adapter without a broker: records go straight to `apply` of the storage, with positions of our own stream.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sla_proto::Peer;
use sla_proto::result::v1::Record;
use sla_proto::storage::v1::{
    ApplyBatchRequest, ApplyBatchResponse, GetPositionRequest, GetPositionResponse, StreamRecord,
};
use tokio::sync::Semaphore;
use tonic::{Code, Status};

use crate::batch;
use crate::error::StreamError;
use crate::stream::{Receipt, ResultStream};

/// The stream's name in the storage.
pub const STREAM: &str = "local";
/// It has one partition.
const PARTITION: u32 = 0;
/// How often one request is tried before the publisher is told.
pub const MAX_ATTEMPTS: u32 = 8;
/// Pause before the second attempt; doubles with every further one.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between two attempts.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The two calls of `storage.v1` that a stream needs.
#[async_trait]
pub trait ResultSink: Send + Sync + 'static {
    /// The next offset of a stream.
    async fn position(&self, request: GetPositionRequest) -> Result<GetPositionResponse, Status>;
    /// Applies records and moves the position.
    async fn apply(&self, request: ApplyBatchRequest) -> Result<ApplyBatchResponse, Status>;
}

/// The storage as a role reaches it, embedded or over TCP.
pub struct PeerSink(pub Peer);

#[async_trait]
impl ResultSink for PeerSink {
    async fn position(&self, request: GetPositionRequest) -> Result<GetPositionResponse, Status> {
        Ok(self.0.results().get_position(request).await?.into_inner())
    }

    async fn apply(&self, request: ApplyBatchRequest) -> Result<ApplyBatchResponse, Status> {
        Ok(self.0.results().apply_batch(request).await?.into_inner())
    }
}

/// Where the stream stands, as far as we know.
#[derive(Debug, Default)]
struct Position {
    /// The next offset; unknown before the first answer of the storage and after a refusal.
    next: Option<u64>,
    /// A request whose fate is unknown. It is repeated unchanged before anything else: a late copy of it may still be on its
    /// way, and would make the storage skip other records that carry its offsets.
    unsettled: Option<ApplyBatchRequest>,
}

/// Publishes through `ApplyBatch`. One batch at a time; publishers wait for their turn.
pub struct DirectStream<S = PeerSink> {
    sink: S,
    position: Mutex<Position>,
    turn: Semaphore,
}

impl DirectStream<PeerSink> {
    /// The stream to the storage that `peer` reaches.
    pub fn to(peer: Peer) -> Self {
        Self::over(PeerSink(peer))
    }
}

impl<S: ResultSink> DirectStream<S> {
    /// The stream over any sink.
    pub fn over(sink: S) -> Self {
        Self {
            sink,
            position: Mutex::new(Position::default()),
            turn: Semaphore::new(1),
        }
    }

    fn position(&self) -> std::sync::MutexGuard<'_, Position> {
        // The state is written in single assignments: a panic elsewhere cannot leave it half done.
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the request that is noted as unsettled until its fate is known.
    async fn settle(&self, request: ApplyBatchRequest, receipt: &mut Receipt) -> Result<(), StreamError> {
        let records = request.records.len();
        let end = request.records.last().map_or(0, |record| record.offset + 1);
        self.position().unsettled = Some(request.clone());
        let answer = self.repeat(records, receipt, || self.sink.apply(request.clone())).await;
        let mut position = self.position();
        match answer {
            Ok(answer) => {
                position.unsettled = None;
                position.next = Some(answer.next_offset);
                if answer.next_offset != end {
                    return Err(StreamError::Fenced {
                        stream: STREAM.to_owned(),
                        expected: end,
                        found: answer.next_offset,
                    });
                }
                Ok(())
            }
            Err(error) => {
                if matches!(error, StreamError::Refused { .. }) {
                    // It was looked at and not applied; where the stream stands has to be asked again.
                    position.unsettled = None;
                    position.next = None;
                }
                Err(error)
            }
        }
    }

    /// Repeats `call` while the storage is away.
    async fn repeat<T, F>(&self, records: usize, receipt: &mut Receipt, call: impl Fn() -> F) -> Result<T, StreamError>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut attempts = 0;
        loop {
            attempts += 1;
            receipt.requests += 1;
            let status = match call().await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            if !may_repeat(status.code()) {
                return Err(StreamError::Refused {
                    records,
                    cause: Arc::new(status),
                });
            }
            if attempts >= MAX_ATTEMPTS {
                return Err(StreamError::Unavailable {
                    records,
                    attempts,
                    cause: Arc::new(status),
                });
            }
            tracing::debug!(attempts, code = ?status.code(), "the storage is away, trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn next_offset(&self, receipt: &mut Receipt) -> Result<u64, StreamError> {
        let known = self.position().next;
        if let Some(next) = known {
            return Ok(next);
        }
        let request = GetPositionRequest {
            source: STREAM.to_owned(),
            partition: PARTITION,
        };
        let next = self
            .repeat(0, receipt, || self.sink.position(request.clone()))
            .await?
            .next_offset;
        self.position().next = Some(next);
        Ok(next)
    }
}

/// Whether the same request may be sent again: the storage is away, or did not answer in time. Applying twice is safe.
fn may_repeat(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted
    )
}

#[async_trait]
impl<S: ResultSink> ResultStream for DirectStream<S> {
    async fn publish(&self, records: &[Record]) -> Result<Receipt, StreamError> {
        let batches = batch::cut(records)?;
        let mut receipt = Receipt::default();
        // The semaphore is never closed: without a permit nothing is sent.
        let Ok(_turn) = self.turn.acquire().await else {
            return Err(StreamError::Closed { records: records.len() });
        };
        let unsettled = self.position().unsettled.clone();
        if let Some(request) = unsettled {
            self.settle(request, &mut receipt).await?;
        }
        for bodies in batches {
            let first = self.next_offset(&mut receipt).await?;
            let (count, bytes) = (bodies.len(), bodies.iter().map(Vec::len).sum::<usize>());
            let records = (first..)
                .zip(bodies)
                .map(|(offset, body)| StreamRecord { offset, body })
                .collect();
            let request = ApplyBatchRequest {
                source: STREAM.to_owned(),
                partition: PARTITION,
                after: first,
                records,
            };
            self.settle(request, &mut receipt).await?;
            receipt.records += count;
            receipt.bytes += bytes;
        }
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests;
