//! A TCP connection, in the clear or by TLS. The handshake happens where the connection is first read, so that a slow one holds
//! up nobody who comes after it; the limit for the first words of a connection covers it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{FallibleAccept, TlsAcceptor};

use super::tls::{DoorTls, subject};

/// What a caller who was refused may still have on its way, at most.
const MAX_PARTING_BYTES: usize = 64 << 10;

/// The connection.
pub(super) struct Wire {
    state: State,
    address: Option<SocketAddr>,
    shown: Arc<OnceLock<String>>,
}

enum State {
    Clear(TcpStream),
    Shaking(Box<FallibleAccept<TcpStream>>),
    /// Refused, and told so. A connection that is closed over bytes nobody read is reset, and with it goes the reason: what
    /// the caller still sends is read and thrown away until he has hung up.
    Parting {
        stream: TcpStream,
        reason: Option<io::Error>,
        left: usize,
    },
    Sealed(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// In the clear, or with a handshake to come.
    pub(super) fn new(stream: TcpStream, tls: Option<&DoorTls>) -> Self {
        let address = stream.peer_addr().ok();
        let state = match tls {
            None => State::Clear(stream),
            Some(tls) => {
                let accept = TlsAcceptor::from(tls.config.clone()).accept(stream);
                State::Shaking(Box::new(accept.into_fallible()))
            }
        };
        Self {
            state,
            address,
            shown: Arc::default(),
        }
    }

    /// Whom the caller's certificate is for, once it was shown.
    pub(super) fn shown(&self) -> Arc<OnceLock<String>> {
        self.shown.clone()
    }

    /// The address at the other end.
    pub(super) fn peer_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Goes on with the handshake until it is done.
    fn poll_shake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let State::Shaking(accept) = &mut self.state {
            self.state = match ready!(Pin::new(accept).poll(context)) {
                Ok(stream) => {
                    let first = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                    if let Some(name) = first.and_then(subject) {
                        let _ = self.shown.set(name);
                    }
                    State::Sealed(Box::new(stream))
                }
                Err((error, stream)) => {
                    tracing::info!(%error, "a TLS connection was refused");
                    State::Parting {
                        stream,
                        reason: Some(error),
                        left: MAX_PARTING_BYTES,
                    }
                }
            };
        }
        if let State::Parting { stream, reason, left } = &mut self.state {
            ready!(poll_part(stream, left, context));
            let again = || io::Error::from(io::ErrorKind::NotConnected);
            return Poll::Ready(Err(reason.take().unwrap_or_else(again)));
        }
        Poll::Ready(Ok(()))
    }
}

/// Ends our half, then reads until the other half has ended, or more came than is waited for.
fn poll_part(stream: &mut TcpStream, left: &mut usize, context: &mut Context<'_>) -> Poll<()> {
    // Whether it can still be ended or not: what counts is what the other one does.
    let _ = ready!(Pin::new(&mut *stream).poll_shutdown(context));
    let mut waste = [0; 4096];
    while *left > 0 {
        let mut buffer = ReadBuf::new(&mut waste);
        match ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer)) {
            Ok(()) if !buffer.filled().is_empty() => *left = left.saturating_sub(buffer.filled().len()),
            Ok(()) | Err(_) => break,
        }
    }
    Poll::Ready(())
}

/// Does the same on whatever the connection is by now.
macro_rules! on {
    ($me:ident, $context:ident, $method:ident $(, $argument:expr)*) => {{
        ready!($me.poll_shake($context))?;
        match &mut $me.state {
            State::Clear(stream) => Pin::new(stream).$method($context $(, $argument)*),
            State::Sealed(stream) => Pin::new(stream).$method($context $(, $argument)*),
            // The handshake above is done, one way or the other.
            State::Shaking(_) | State::Parting { .. } => Poll::Ready(Err(io::Error::from(io::ErrorKind::NotConnected))),
        }
    }};
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on!(self, context, poll_read, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, context, poll_write, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, context, poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, context, poll_shutdown)
    }
}
