//! The connections of a door: counted, so that an instance nobody looks at can end itself; limited, so that nobody locks the
//! others out; cut when they do not speak HTTP/2 in time or no longer read.

use std::collections::HashMap;
use std::future::Future as _;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Interval, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::authority::Mender;
use crate::caller::{Connection, End, Way};

/// Connections that one door holds open at once; below the usual limit of 1024 open files, which the database and the
/// source share.
const MAX_CONNECTIONS: usize = 512;
/// The same of a gateway, which holds no file but connections.
const MAX_GATEWAY_CONNECTIONS: usize = 4_096;
/// Of all places, one user or address may hold three quarters.
const SHARE: (usize, usize) = (3, 4);
/// How soon a new connection must have sent the first words of HTTP/2 …
const PREFACE_LIMIT: Duration = Duration::from_secs(3);
/// … which are this many bytes (RFC 9113, 3.4).
const PREFACE_BYTES: usize = 24;

/// How often the readers of a connection are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Whose connections are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    User(u32),
    Address(IpAddr),
    Unknown,
}

impl Holder {
    fn of(end: End) -> Self {
        match end {
            End::User(uid) => Self::User(uid),
            End::Address(address) => Self::Address(address.ip()),
            End::Unknown => Self::Unknown,
        }
    }
}

#[derive(Debug)]
struct Places {
    most: usize,
    open: usize,
    ever: usize,
    held: HashMap<Holder, usize>,
}

/// How many connections are open now and have ever been, over all doors that share it.
#[derive(Debug, Clone)]
pub struct Connections {
    places: Arc<Mutex<Places>>,
}

impl Default for Connections {
    fn default() -> Self {
        Self::at_most(MAX_CONNECTIONS)
    }
}

impl Connections {
    /// Of a gateway: as many as the process may open files for (`files`), a few of which it needs itself.
    pub fn of_gateway(files: u64) -> Self {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        Self::at_most(MAX_GATEWAY_CONNECTIONS.min(files / 2).max(MAX_CONNECTIONS))
    }

    fn at_most(most: usize) -> Self {
        Self {
            places: Arc::new(Mutex::new(Places {
                most,
                open: 0,
                ever: 0,
                held: HashMap::new(),
            })),
        }
    }

    /// Open now.
    pub fn open(&self) -> usize {
        self.places().open
    }

    /// Opened since the start.
    pub fn ever(&self) -> usize {
        self.places().ever
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Counts, changed together under the lock.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of `incoming` for which there is a place; the others are closed at once. `whose` says who is there, `None` that
    /// nobody may be. All are cut when `cut` falls.
    pub(super) fn admitted<S: Send + 'static>(
        self,
        incoming: impl Stream<Item = io::Result<S>>,
        whose: impl Fn(&S) -> Option<Connection>,
        cut: CancellationToken,
    ) -> impl Stream<Item = io::Result<CountedStream<S>>> {
        incoming.filter_map(move |stream| {
            let stream = match stream {
                Ok(stream) => whose(&stream)
                    .and_then(|connection| self.admit(stream, connection, &cut))
                    .map(Ok),
                Err(error) => Some(Err(error)),
            };
            std::future::ready(stream)
        })
    }

    fn admit<S>(&self, inner: S, connection: Connection, cut: &CancellationToken) -> Option<CountedStream<S>> {
        let holder = Holder::of(connection.end());
        let mut places = self.places();
        let held = places.held.get(&holder).copied().unwrap_or(0);
        if places.open >= places.most || held >= places.most * SHARE.0 / SHARE.1 {
            tracing::warn!(
                ?holder,
                open = places.open,
                held,
                "too many connections: one was closed"
            );
            return None;
        }
        places.open += 1;
        places.ever += 1;
        *places.held.entry(holder).or_default() += 1;
        drop(places);
        Some(CountedStream {
            inner,
            place: Place {
                holder,
                connections: self.clone(),
            },
            cut_falls: Box::pin(cut.clone().cancelled_owned()),
            mender: (connection.way() == Way::Socket).then(Mender::default),
            connection,
            look: tokio::time::interval(LOOK_EVERY),
            preface: Some(Preface {
                missing: PREFACE_BYTES,
                deadline: Box::pin(tokio::time::sleep(PREFACE_LIMIT)),
            }),
        })
    }
}

/// One connection's place; free again when it is dropped.
#[derive(Debug)]
struct Place {
    holder: Holder,
    connections: Connections,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.connections.places();
        places.open -= 1;
        if let Some(held) = places.held.get_mut(&self.holder) {
            *held -= 1;
            if *held == 0 {
                places.held.remove(&self.holder);
            }
        }
    }
}

/// The first bytes of a connection, until they are there.
#[derive(Debug)]
struct Preface {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

/// A stream that is counted while it lives.
#[derive(Debug)]
pub struct CountedStream<S> {
    inner: S,
    place: Place,
    connection: Connection,
    cut_falls: Pin<Box<WaitForCancellationFutureOwned>>,
    preface: Option<Preface>,
    mender: Option<Mender>,
    look: Interval,
}

impl<S> Connected for CountedStream<S> {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl<S> CountedStream<S> {
    /// Why the connection ends, when it does. Asked by whatever waits: the HTTP library reads nothing while it cannot write.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<io::ErrorKind> {
        if self.cut_falls.as_mut().poll(context).is_ready() {
            return Poll::Ready(io::ErrorKind::ConnectionAborted);
        }
        while self.look.poll_tick(context).is_ready() {
            if self.connection.pace().is_stuck() {
                tracing::warn!(held = ?self.place.holder, "a client does not read: its connection was cut");
                return Poll::Ready(io::ErrorKind::TimedOut);
            }
        }
        Poll::Pending
    }

    /// The same for what has to wait.
    fn or_cut<T>(&mut self, done: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        match done {
            Poll::Pending => self.poll_cut(context).map(|why| Err(io::Error::from(why))),
            ready @ Poll::Ready(_) => ready,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if let Poll::Ready(why) = me.poll_cut(context) {
            return Poll::Ready(Err(io::Error::from(why)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut me.inner).poll_read(context, buffer);
        if let Some(mender) = &mut me.mender {
            mender.mend(&mut buffer.filled_mut()[before..]);
        }
        if let Some(preface) = &mut me.preface {
            preface.missing = preface.missing.saturating_sub(buffer.filled().len() - before);
            if preface.missing == 0 {
                me.preface = None;
            } else if read.is_pending() {
                ready!(preface.deadline.as_mut().poll(context));
                tracing::debug!(held = ?me.place.holder, "a connection said nothing in time and was closed");
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut)));
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.or_cut(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.or_cut(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(context);
        self.or_cut(shut, context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http_body::Body as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::caller::Way;

    fn admit<S>(connections: &Connections, stream: S, uid: u32) -> Option<CountedStream<S>> {
        connections.admit(
            stream,
            Connection::new(End::User(uid), Way::Socket),
            &CancellationToken::new(),
        )
    }

    #[tokio::test]
    async fn one_user_leaves_places_for_others_and_a_freed_place_is_taken() {
        let connections = Connections::default();
        let take = |uid, count| -> Vec<_> {
            (0..count)
                .map_while(|_| admit(&connections, tokio::io::empty(), uid))
                .collect()
        };
        let greedy = take(1, MAX_CONNECTIONS);
        assert_eq!(greedy.len(), MAX_CONNECTIONS * 3 / 4, "a share, not all");
        let others = take(2, MAX_CONNECTIONS);
        assert_eq!(greedy.len() + others.len(), MAX_CONNECTIONS);
        assert!(take(3, 1).is_empty());
        drop(greedy);
        assert_eq!(
            (connections.open(), connections.ever()),
            (others.len(), MAX_CONNECTIONS)
        );
        assert_eq!(take(3, 1).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_cut_after_three_seconds() {
        let connections = Connections::default();
        for said in [0, PREFACE_BYTES - 1] {
            let (mut client, server) = tokio::io::duplex(64);
            client.write_all(&vec![b'P'; said]).await.unwrap();
            let mut server = admit(&connections, server, 1).unwrap();
            let begun = tokio::time::Instant::now();
            let mut bytes = vec![0; said];
            server.read_exact(&mut bytes).await.unwrap();
            let error = server.read_u8().await.unwrap_err();
            assert_eq!(
                (error.kind(), begun.elapsed()),
                (io::ErrorKind::TimedOut, PREFACE_LIMIT)
            );
        }
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(&[b'P'; PREFACE_BYTES]).await.unwrap();
        let mut server = admit(&connections, server, 1).unwrap();
        server.read_exact(&mut [0; PREFACE_BYTES]).await.unwrap();
        let patient = tokio::time::timeout(Duration::from_mins(1), server.read_u8()).await;
        assert!(patient.is_err(), "who has spoken may be silent");
    }

    #[tokio::test]
    async fn a_cut_wakes_one_who_cannot_write() {
        let cut = CancellationToken::new();
        let (_client, server) = tokio::io::duplex(64);
        let mut server = Connections::default()
            .admit(server, Connection::new(End::Unknown, Way::Network), &cut)
            .unwrap();
        let full = vec![0; 100];
        let (written, ()) = tokio::join!(server.write_all(&full), async { cut.cancel() });
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_whose_socket_is_full_is_cut_when_its_pieces_lie_too_long() {
        let (_client, server) = tokio::io::duplex(64);
        let connection = Connection::new(End::User(1), Way::Socket);
        let cut = CancellationToken::new();
        let mut server = Connections::default().admit(server, connection.clone(), &cut).unwrap();
        let mut body = connection
            .pace()
            .watch(tonic::body::Body::new("piece".to_owned()), true);
        let piece = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let begun = tokio::time::Instant::now();
        let written = server.write_all(&[0; 100]).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() <= Duration::from_secs(35), "{:?}", begun.elapsed());
        drop(piece);
    }

    #[tokio::test]
    async fn a_cut_wakes_a_reader() {
        let cut = CancellationToken::new();
        let (_client, server) = tokio::io::duplex(64);
        let mut server = Connections::default()
            .admit(server, Connection::new(End::Unknown, Way::Network), &cut)
            .unwrap();
        let begun = Instant::now();
        let (read, ()) = tokio::join!(server.read_u8(), async { cut.cancel() });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}
