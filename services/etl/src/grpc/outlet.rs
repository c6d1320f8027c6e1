//! The sending end of an answer stream: bounded in answers and bytes, and cut when the reader does not read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use prost::Message;
use sla_runtime::status::{Problem, reason};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::metrics::EtlMetrics;
use crate::options::{STREAM_QUEUE, STREAM_QUEUE_BYTES, STUCK_READER};

/// An answer on its way, with its place in the queue.
struct Queued<T> {
    answer: Result<T, Status>,
    _bytes: Option<OwnedSemaphorePermit>,
}

/// The end that is read. Both ends can take it away: a stream that was cut keeps nothing for a reader that does not read.
type Queue<T> = Arc<Mutex<Option<mpsc::Receiver<Queued<T>>>>>;

fn taken<T>(queue: &Queue<T>) -> Option<mpsc::Receiver<Queued<T>>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What an rpc answers with.
pub(crate) struct Answers<T> {
    queue: Queue<T>,
    ended: bool,
}

impl<T> Drop for Answers<T> {
    fn drop(&mut self) {
        taken(&self.queue);
    }
}

impl<T> Stream for Answers<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match &mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(queue) => match queue.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(next) => next.map(|queued| queued.answer),
            },
            None => Some(Err(Problem::new(
                Code::DeadlineExceeded,
                reason::TOO_SLOW,
                format!("the stream was cut: nothing was read for {} s", STUCK_READER.as_secs()),
            )
            .hint("read faster, or ask for less at once")
            .status())),
        };
        self.ended = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}

/// The reader is gone, stuck, or the process goes down: stop producing.
#[derive(Debug)]
pub(super) struct Closed;

/// Sends answers.
pub(super) struct Outlet<T> {
    answers: mpsc::Sender<Queued<T>>,
    queue: Queue<T>,
    bytes: Arc<Semaphore>,
    token: CancellationToken,
    metrics: EtlMetrics,
}

/// A stream and its sending end.
pub(super) fn outlet<T>(token: &CancellationToken, metrics: &EtlMetrics) -> (Outlet<T>, Answers<T>) {
    let (answers, receiver) = mpsc::channel(STREAM_QUEUE);
    let queue = Arc::new(Mutex::new(Some(receiver)));
    let outlet = Outlet {
        answers,
        queue: queue.clone(),
        bytes: Arc::new(Semaphore::new(STREAM_QUEUE_BYTES)),
        token: token.clone(),
        metrics: metrics.clone(),
    };
    (outlet, Answers { queue, ended: false })
}

impl<T: Message> Outlet<T> {
    /// Sends one answer, as soon as there is room.
    pub(super) async fn send(&self, answer: T) -> Result<(), Closed> {
        tokio::select! {
            // The end comes first: room in the queue is no reason to go on.
            biased;
            () = self.token.cancelled() => {
                let ending = Problem::new(Code::Unavailable, reason::UNAVAILABLE, "the process is going down");
                // A full queue means that nobody would read it anyway.
                let _ = self.answers.try_send(Queued { answer: Err(ending.status()), _bytes: None });
                Err(Closed)
            }
            sent = tokio::time::timeout(STUCK_READER, self.enqueue(answer)) => sent.unwrap_or_else(|_| Err(self.cut())),
        }
    }

    fn cut(&self) -> Closed {
        self.metrics.cut_streams.inc();
        tracing::info!(
            after_s = STUCK_READER.as_secs(),
            "a stream was cut: its reader does not read"
        );
        taken(&self.queue);
        Closed
    }

    async fn enqueue(&self, answer: T) -> Result<(), Closed> {
        // One answer above the limit goes alone.
        let size = answer.encoded_len().clamp(1, STREAM_QUEUE_BYTES) as u32;
        let bytes = tokio::select! {
            // The semaphore is never closed.
            bytes = self.bytes.clone().acquire_many_owned(size) => bytes.map_err(|_| Closed)?,
            () = self.answers.closed() => return Err(Closed),
        };
        let queued = Queued {
            answer: Ok(answer),
            _bytes: Some(bytes),
        };
        self.answers.send(queued).await.map_err(|_| Closed)
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
    use sla_proto::series::v1::SampleChunk;

    use super::*;

    fn answer(bytes: usize) -> SampleChunk {
        SampleChunk {
            xor: vec![7; bytes].into(),
            ..SampleChunk::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_does_not_read_is_cut_and_nothing_is_kept_for_it() {
        let (token, metrics) = (CancellationToken::new(), EtlMetrics::default());
        let (outlet, mut stream) = outlet::<SampleChunk>(&token, &metrics);
        for _ in 0..STREAM_QUEUE {
            outlet.send(answer(1)).await.unwrap();
        }
        let free = outlet.bytes.available_permits();
        assert!(free < STREAM_QUEUE_BYTES);
        outlet.send(answer(1)).await.unwrap_err();
        assert_eq!(metrics.cut_streams.get(), 1);
        assert_eq!(
            outlet.bytes.available_permits(),
            STREAM_QUEUE_BYTES,
            "the queue is empty"
        );
        outlet.closed().await;
        let told = stream.next().await.unwrap().unwrap_err();
        assert_eq!(told.code(), Code::DeadlineExceeded);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn large_answers_wait_for_room_in_bytes() {
        let (token, metrics) = (CancellationToken::new(), EtlMetrics::default());
        let (outlet, mut stream) = outlet::<SampleChunk>(&token, &metrics);
        // Above the limit: alone.
        outlet.send(answer(3 * STREAM_QUEUE_BYTES)).await.unwrap();
        let second = outlet.send(answer(1));
        let mut second = std::pin::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(stream.next().await.unwrap().unwrap().xor.len(), 3 * STREAM_QUEUE_BYTES);
        second.await.unwrap();
        drop(stream);
        outlet.closed().await;
        outlet.send(answer(1)).await.unwrap_err();
        assert_eq!(metrics.cut_streams.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_process_ends_the_stream_with_a_word() {
        let (token, metrics) = (CancellationToken::new(), EtlMetrics::default());
        let (outlet, mut stream) = outlet::<SampleChunk>(&token, &metrics);
        outlet.send(answer(1)).await.unwrap();
        token.cancel();
        outlet.send(answer(2)).await.unwrap_err();
        drop(outlet);
        assert_eq!(stream.next().await.unwrap().unwrap(), answer(1));
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
        assert!(stream.next().await.is_none());
    }
}
