//! Readers that do not read. HTTP/2 lets a client open a stream and never take what is sent on it; what it was promised then
//! waits in our memory. A stream makes its next message only when the one before has gone to the socket and its connection holds
//! little; a body whose pieces do not move for `PATIENCE` ends its whole connection: the HTTP library has no way to reset one
//! stream from the side of its body, and a client that reads nothing for so long is gone.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// How long a piece may lie untaken.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest piece: who takes one in `PATIENCE` reads.
const PIECE_BYTES: usize = 16 << 10;
/// Bytes of messages that a connection may hold before its streams make further ones.
const MAX_UNSENT: usize = 128 << 10;
/// The same where roles call each other: a gateway has one connection for all its consoles.
pub(crate) const MAX_ROLE_UNSENT: usize = 32 << 20;

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The open bodies of one connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pace {
    bodies: Arc<Mutex<Vec<Weak<Flight>>>>,
    unsent: Arc<Unsent>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::holding(MAX_UNSENT)
    }
}

impl Pace {
    /// Of a connection whose streams make no further messages while it holds so many bytes.
    pub(crate) fn holding(most: usize) -> Self {
        let unsent = Unsent {
            most,
            bytes: AtomicUsize::new(0),
            waiting: Mutex::default(),
        };
        Self {
            bodies: Arc::default(),
            unsent: Arc::new(unsent),
        }
    }

    /// A body whose reader is watched. Messages of a stream are made one after the other, as they are taken.
    pub fn watch<B>(&self, body: B, is_stream: bool) -> Paced<B> {
        let flight = Arc::new(Flight::default());
        locked(&self.bodies).push(Arc::downgrade(&flight));
        Paced {
            body,
            flight,
            unsent: self.unsent.clone(),
            is_stream,
            rest: None,
        }
    }

    /// Whether a reader has left a piece untaken for too long.
    pub fn is_stuck(&self) -> bool {
        let now = now_ms();
        let mut open = locked(&self.bodies);
        open.retain(|flight| flight.strong_count() > 0);
        open.iter().filter_map(Weak::upgrade).any(|flight| flight.is_stuck(now))
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists, each changed by one whole call.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> u64 {
    BEGUN.elapsed().as_millis() as u64
}

/// Pieces of one body that are handed out and not yet written.
#[derive(Debug, Default)]
struct Flight {
    pieces: AtomicUsize,
    /// Whether more of the message waits to be handed out: where pieces are copied on the way, none is under way then.
    has_rest: AtomicBool,
    /// When one of them was handed out or written last.
    moved_ms: AtomicU64,
    body: AtomicWaker,
}

impl Flight {
    fn is_stuck(&self, now: u64) -> bool {
        let still = now.saturating_sub(self.moved_ms.load(Ordering::Acquire));
        let waits = self.pieces.load(Ordering::Acquire) > 0 || self.has_rest.load(Ordering::Acquire);
        waits && still >= PATIENCE.as_millis() as u64
    }

    fn poll_landed(&self, context: &Context<'_>) -> Poll<()> {
        self.body.register(context.waker());
        match self.pieces.load(Ordering::Acquire) {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

/// What the messages of one connection hold.
#[derive(Debug)]
struct Unsent {
    most: usize,
    bytes: AtomicUsize,
    waiting: Mutex<Vec<Weak<Flight>>>,
}

impl Unsent {
    /// Whether there is room; if not, `flight`, whose body is asked for now, is told when there is.
    fn poll_room(&self, flight: &Arc<Flight>) -> Poll<()> {
        let mut waiting = locked(&self.waiting);
        // Under the lock: who frees bytes looks for those who wait afterwards.
        if self.bytes.load(Ordering::Acquire) < self.most {
            return Poll::Ready(());
        }
        // Streams that were cancelled meanwhile wait no longer: a client can cancel and open for as long as it reads nothing.
        waiting.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(flight)));
        waiting.push(Arc::downgrade(flight));
        Poll::Pending
    }
}

/// A message while a piece of it is there: it is in memory as a whole until the last piece has gone.
#[derive(Debug)]
struct Held {
    bytes: usize,
    unsent: Arc<Unsent>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unsent.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        let waiting = std::mem::take(&mut *locked(&self.unsent.waiting));
        for flight in waiting.iter().filter_map(Weak::upgrade) {
            flight.body.wake();
        }
    }
}

/// A piece on its way; dropped by the HTTP library when the socket has taken it.
struct Piece {
    bytes: Bytes,
    flight: Arc<Flight>,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.flight.moved_ms.store(now_ms(), Ordering::Release);
        self.flight.pieces.fetch_sub(1, Ordering::AcqRel);
        self.flight.body.wake();
    }
}

/// A body that knows what its reader has taken.
#[derive(Debug)]
pub struct Paced<B> {
    body: B,
    flight: Arc<Flight>,
    unsent: Arc<Unsent>,
    is_stream: bool,
    /// What is left of a message.
    rest: Option<(Bytes, Arc<Held>)>,
}

impl<B> Paced<B> {
    fn hold(&mut self, bytes: Bytes) -> Frame<Bytes> {
        let held = Held {
            bytes: bytes.len(),
            unsent: self.unsent.clone(),
        };
        self.unsent.bytes.fetch_add(bytes.len(), Ordering::AcqRel);
        self.piece(bytes, Arc::new(held))
    }

    fn piece(&mut self, mut bytes: Bytes, held: Arc<Held>) -> Frame<Bytes> {
        let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
        self.rest = (!bytes.is_empty()).then(|| (bytes, held.clone()));
        self.flight.has_rest.store(self.rest.is_some(), Ordering::Release);
        if self.flight.pieces.fetch_add(1, Ordering::AcqRel) == 0 {
            self.flight.moved_ms.store(now_ms(), Ordering::Release);
        }
        Frame::data(Bytes::from_owner(Piece {
            bytes: piece,
            flight: self.flight.clone(),
            _held: held,
        }))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some((bytes, held)) = self.rest.take() {
            return Poll::Ready(Some(Ok(self.piece(bytes, held))));
        }
        if self.is_stream {
            ready!(self.flight.poll_landed(context));
            ready!(self.unsent.poll_room(&self.flight));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => self.hold(bytes),
                Ok(empty) => Frame::data(empty),
                Err(frame) => frame,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::StreamExt as _;
    use http_body_util::StreamBody;

    use super::*;

    async fn next<B: Body<Data = Bytes> + Unpin>(body: &mut Paced<B>) -> Option<Bytes> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        frame.ok()?.into_data().ok()
    }

    fn is_waiting<B: Body<Data = Bytes> + Unpin>(body: &mut Paced<B>) -> bool {
        futures::FutureExt::now_or_never(next(body)).is_none()
    }

    fn body() -> tonic::body::Body {
        tonic::body::Body::new("piece".to_owned())
    }

    /// Messages of so many bytes without end, and how many of them were made.
    fn messages(bytes: usize) -> (impl Body<Data = Bytes, Error = tonic::Status> + Unpin, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let endless = futures::stream::repeat_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Frame::data(Bytes::from(vec![7; bytes])))
        });
        (StreamBody::new(endless.boxed()), made)
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_a_piece_is_stuck_and_who_takes_some_is_not() {
        let pace = Pace::default();
        let mut read = pace.watch(body(), false);
        while next(&mut read).await.is_some() {}
        let mut gone = pace.watch(body(), false);
        drop((next(&mut gone).await.unwrap(), gone));
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert!(!pace.is_stuck(), "one has read all, the other is closed");

        let mut ended = pace.watch(body(), false);
        let unwritten = next(&mut ended).await;
        assert!(next(&mut ended).await.is_none());
        drop(ended);
        let second = Duration::from_secs(1);
        tokio::time::sleep(PATIENCE.saturating_sub(second)).await;
        assert!(!pace.is_stuck());
        tokio::time::sleep(second).await;
        assert!(pace.is_stuck(), "the body is over, a piece of it is not");
        drop(unwritten);
        assert!(!pace.is_stuck());

        // Over HTTP/1 a piece is copied as soon as it is handed out.
        let mut copied = pace.watch(messages(2 * PIECE_BYTES).0, false);
        drop(next(&mut copied).await);
        tokio::time::sleep(PATIENCE).await;
        assert!(pace.is_stuck(), "nobody asks for the rest");
        drop(next(&mut copied).await);
        assert!(!pace.is_stuck());
        drop(copied);

        let (slow, _) = messages(3 * PIECE_BYTES);
        let mut slow = pace.watch(slow, true);
        let mut pieces = vec![next(&mut slow).await, next(&mut slow).await, next(&mut slow).await];
        while pieces.pop().is_some() {
            tokio::time::sleep(PATIENCE.saturating_sub(second)).await;
            assert!(!pace.is_stuck(), "a large message is taken in pieces");
        }
    }

    #[tokio::test]
    async fn a_stream_makes_its_next_message_when_the_last_one_is_taken() {
        let pace = Pace::default();
        let (two, made) = messages(PIECE_BYTES + 1);
        let mut stream = pace.watch(two, true);
        let first = next(&mut stream).await.unwrap();
        let second = next(&mut stream).await.unwrap();
        assert_eq!((first.len(), second.len()), (PIECE_BYTES, 1));
        drop(first);
        assert!(is_waiting(&mut stream));
        assert_eq!(made.load(Ordering::Relaxed), 1);
        let taken = async {
            tokio::task::yield_now().await;
            drop(second);
        };
        let (third, ()) = tokio::join!(next(&mut stream), taken);
        assert!(third.is_some());
    }

    #[tokio::test]
    async fn all_streams_of_a_connection_share_what_it_may_hold() {
        const MESSAGE: usize = 5 * PIECE_BYTES;
        let pace = Pace::default();
        let mut streams: Vec<_> = (0..64).map(|_| pace.watch(messages(MESSAGE).0, true)).collect();
        let mut pieces = Vec::new();
        for stream in &mut streams {
            pieces.extend(futures::FutureExt::now_or_never(next(stream)).flatten());
        }
        let held = pace.unsent.bytes.load(Ordering::Relaxed);
        assert!((MAX_UNSENT..MAX_UNSENT + MESSAGE).contains(&held), "{held}");
        assert_eq!(held, pieces.len() * MESSAGE, "each piece keeps its message");

        let mut last = streams.pop().unwrap();
        let taken = async {
            tokio::task::yield_now().await;
            drop((pieces, streams));
        };
        let (piece, ()) = tokio::join!(next(&mut last), taken);
        assert!(piece.is_some(), "there is room again");
        drop((piece, last));
        assert_eq!(pace.unsent.bytes.load(Ordering::Relaxed), 0);
        let mut answer = pace.watch(body(), false);
        assert!(next(&mut answer).await.is_some());
    }

    #[tokio::test]
    async fn streams_that_were_cancelled_wait_no_longer() {
        let pace = Pace::default();
        let mut full = pace.watch(messages(MAX_UNSENT).0, true);
        let held = next(&mut full).await;
        let mut waits = pace.watch(messages(1).0, true);
        for _ in 0..100 {
            let mut cancelled = pace.watch(messages(1).0, true);
            // Each is polled by a task of its own.
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(async move { assert!(is_waiting(&mut cancelled)) });
            tasks.join_next().await.unwrap().unwrap();
            assert!(is_waiting(&mut waits));
        }
        assert!(locked(&pace.unsent.waiting).len() <= 2);
        let taken = async {
            tokio::task::yield_now().await;
            drop((held, full));
        };
        let (piece, ()) = tokio::join!(next(&mut waits), taken);
        assert!(piece.is_some());
    }
}
