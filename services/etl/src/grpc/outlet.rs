//! The sending end of an answer stream: bounded, and cut when the reader does not read.

use std::sync::Arc;

use sla_runtime::status::{Problem, reason};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::metrics::{EtlMetrics, add};
use crate::options::{STREAM_QUEUE, STUCK_READER};

/// What an rpc answers with.
pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// The reader is gone, stuck, or the process goes down: stop producing.
#[derive(Debug)]
pub(super) struct Closed;

/// Sends answers.
pub(super) struct Outlet<T> {
    answers: mpsc::Sender<Result<T, Status>>,
    token: CancellationToken,
    metrics: Arc<EtlMetrics>,
}

/// A stream and its sending end.
pub(super) fn outlet<T>(token: &CancellationToken, metrics: &Arc<EtlMetrics>) -> (Outlet<T>, Answers<T>) {
    let (answers, stream) = mpsc::channel(STREAM_QUEUE);
    (
        Outlet {
            answers,
            token: token.clone(),
            metrics: metrics.clone(),
        },
        ReceiverStream::new(stream),
    )
}

impl<T> Outlet<T> {
    /// Sends one answer, as soon as there is room.
    pub(super) async fn send(&self, answer: T) -> Result<(), Closed> {
        tokio::select! {
            // The end comes first: room in the queue is no reason to go on.
            biased;
            () = self.token.cancelled() => {
                let ending = Problem::new(Code::Unavailable, reason::UNAVAILABLE, "the process is going down");
                // A full queue means that nobody would read it anyway.
                let _ = self.answers.try_send(Err(ending.status()));
                Err(Closed)
            }
            sent = tokio::time::timeout(STUCK_READER, self.answers.send(Ok(answer))) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(Closed),
                Err(_) => {
                    add(&self.metrics.cut_streams, 1);
                    tracing::info!(after_s = STUCK_READER.as_secs(), "a stream was cut: its reader does not read");
                    Err(Closed)
                }
            },
        }
    }

    /// Falls when the reader is gone or the process goes down.
    pub(super) async fn closed(&self) {
        tokio::select! {
            () = self.token.cancelled() => {}
            () = self.answers.closed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_does_not_read_is_cut() {
        let (token, metrics) = (CancellationToken::new(), Arc::default());
        let (outlet, stream) = outlet::<u32>(&token, &metrics);
        for k in 0..STREAM_QUEUE as u32 {
            outlet.send(k).await.unwrap();
        }
        outlet.send(99).await.unwrap_err();
        assert_eq!(metrics.snapshot().cut_streams, 1);
        drop(stream);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_process_ends_the_stream_with_a_word() {
        let (token, metrics) = (CancellationToken::new(), Arc::default());
        let (outlet, mut stream) = outlet::<u32>(&token, &metrics);
        outlet.send(1).await.unwrap();
        token.cancel();
        outlet.send(2).await.unwrap_err();
        drop(outlet);
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
        assert!(stream.next().await.is_none());
    }
}
