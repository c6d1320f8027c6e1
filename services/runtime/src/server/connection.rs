//! Counts the consoles that are connected, so that an instance nobody looks at can end itself, and refuses too many.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// Connections that one door holds open at once; below the usual limit of 1024 open files, which the database and the
/// source share.
const MAX_CONNECTIONS: usize = 512;

/// How many connections are open now and have ever been.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    open: Arc<AtomicUsize>,
    ever: Arc<AtomicUsize>,
}

impl Connections {
    /// Open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Opened since the start.
    pub fn ever(&self) -> usize {
        self.ever.load(Ordering::SeqCst)
    }

    /// Those of `incoming` for which there is a place; the others are closed at once.
    pub(super) fn admitted<S>(
        self,
        incoming: impl Stream<Item = io::Result<S>>,
    ) -> impl Stream<Item = io::Result<CountedStream<S>>> {
        incoming.filter_map(move |stream| {
            let stream = match stream {
                Ok(stream) => self.admit(stream).map(Ok),
                Err(error) => Some(Err(error)),
            };
            std::future::ready(stream)
        })
    }

    fn admit<S>(&self, inner: S) -> Option<CountedStream<S>> {
        let place = self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |open| {
            (open < MAX_CONNECTIONS).then_some(open + 1)
        });
        if place.is_err() {
            tracing::warn!(limit = MAX_CONNECTIONS, "too many connections: one was closed");
            return None;
        }
        self.ever.fetch_add(1, Ordering::SeqCst);
        Some(CountedStream {
            inner,
            open: self.open.clone(),
        })
    }
}

/// A stream that is counted while it lives.
#[derive(Debug)]
pub struct CountedStream<S> {
    inner: S,
    open: Arc<AtomicUsize>,
}

impl<S> Drop for CountedStream<S> {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<S: Connected> Connected for CountedStream<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.inner.connect_info()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_too_many_is_closed_and_a_freed_place_is_taken() {
        let connections = Connections::default();
        let admitted: Vec<_> = (0..MAX_CONNECTIONS)
            .map(|_| connections.admit(tokio::io::empty()).unwrap())
            .collect();
        assert!(connections.admit(tokio::io::empty()).is_none());
        assert_eq!(
            (connections.open(), connections.ever()),
            (MAX_CONNECTIONS, MAX_CONNECTIONS)
        );
        drop(admitted);
        assert_eq!(connections.open(), 0);
        assert!(connections.admit(tokio::io::empty()).is_some());
    }
}
