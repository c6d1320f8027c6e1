//! Readers that do not read. HTTP/2 lets a client open a stream and never take what is sent on it; what it was promised then
//! waits in our memory. A body that could not hand out its next piece for `PATIENCE` ends its whole connection: the HTTP
//! library has no way to reset one stream from the side of its body, and a client that reads nothing for so long is gone.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// How long a reader may leave a piece untaken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nobody waits for this body's reader.
const READING: u64 = u64::MAX;

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// When a body last handed out a piece that nobody has come back from, milliseconds; or [`READING`].
type Since = AtomicU64;

/// The open bodies of one connection. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    bodies: Arc<Mutex<Vec<Weak<Since>>>>,
}

impl Pace {
    /// A body whose reader is watched.
    pub fn watch<B>(&self, body: B) -> Paced<B> {
        let since = Arc::new(Since::new(READING));
        self.open().push(Arc::downgrade(&since));
        Paced { body, since }
    }

    /// Whether a reader has left a piece untaken for too long.
    pub fn is_stuck(&self) -> bool {
        let now = now_ms();
        let mut open = self.open();
        open.retain(|body| body.strong_count() > 0);
        open.iter()
            .filter_map(Weak::upgrade)
            .map(|since| since.load(Ordering::Relaxed))
            .any(|since| since != READING && now.saturating_sub(since) >= PATIENCE.as_millis() as u64)
    }

    fn open(&self) -> MutexGuard<'_, Vec<Weak<Since>>> {
        // A list of times, each written by its body.
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_ms() -> u64 {
    BEGUN.elapsed().as_millis() as u64
}

/// A body that remembers when its reader last came for more.
#[derive(Debug)]
pub struct Paced<B> {
    body: B,
    since: Arc<Since>,
}

impl<B: Body + Unpin> Body for Paced<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let since = match &frame {
            Poll::Ready(Some(_)) => now_ms(),
            _ => READING,
        };
        self.since.store(since, Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn next(body: &mut Paced<tonic::body::Body>) -> bool {
        poll_fn(|context| Pin::new(&mut *body).poll_frame(context))
            .await
            .is_some()
    }

    fn body() -> tonic::body::Body {
        tonic::body::Body::new("piece".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_back_is_stuck_and_who_reads_is_not() {
        let pace = Pace::default();
        let mut read = pace.watch(body());
        while next(&mut read).await {}
        let mut gone = pace.watch(body());
        assert!(next(&mut gone).await);
        drop(gone);
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert!(!pace.is_stuck(), "one has read all, the other is closed");

        let mut unread = pace.watch(body());
        assert!(next(&mut unread).await);
        tokio::time::sleep(PATIENCE.saturating_sub(Duration::from_secs(1))).await;
        assert!(!pace.is_stuck());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(pace.is_stuck());
    }
}
