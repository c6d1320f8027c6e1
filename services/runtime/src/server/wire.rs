//! A TCP connection, in the clear or by TLS. The handshake happens where the connection is first read, so that a slow one holds
//! up nobody who comes after it; the limit for the first words of a connection covers it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::tls::{DoorTls, subject};

/// The connection.
pub(super) struct Wire {
    state: State,
    shown: Arc<OnceLock<String>>,
}

enum State {
    Clear(TcpStream),
    Shaking(Box<Accept<TcpStream>>),
    Sealed(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// In the clear, or with a handshake to come.
    pub(super) fn new(stream: TcpStream, tls: Option<&DoorTls>) -> Self {
        let state = match tls {
            None => State::Clear(stream),
            Some(tls) => State::Shaking(Box::new(TlsAcceptor::from(tls.config.clone()).accept(stream))),
        };
        Self {
            state,
            shown: Arc::default(),
        }
    }

    /// Whom the caller's certificate is for, once it was shown.
    pub(super) fn shown(&self) -> Arc<OnceLock<String>> {
        self.shown.clone()
    }

    /// The address at the other end.
    pub(super) fn peer_addr(&self) -> Option<std::net::SocketAddr> {
        let stream = match &self.state {
            State::Clear(stream) => Some(stream),
            State::Shaking(accept) => accept.get_ref(),
            State::Sealed(stream) => Some(stream.get_ref().0),
        };
        stream?.peer_addr().ok()
    }

    /// Goes on with the handshake until it is done.
    fn poll_shake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let State::Shaking(accept) = &mut self.state {
            let stream = ready!(Pin::new(accept).poll(context)).inspect_err(|error| {
                tracing::info!(%error, "a TLS connection was refused");
            })?;
            let first = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            if let Some(name) = first.and_then(subject) {
                let _ = self.shown.set(name);
            }
            self.state = State::Sealed(Box::new(stream));
        }
        Poll::Ready(Ok(()))
    }
}

/// Does the same on whatever the connection is by now.
macro_rules! on {
    ($me:ident, $context:ident, $method:ident $(, $argument:expr)*) => {{
        ready!($me.poll_shake($context))?;
        match &mut $me.state {
            State::Clear(stream) => Pin::new(stream).$method($context $(, $argument)*),
            State::Sealed(stream) => Pin::new(stream).$method($context $(, $argument)*),
            // The handshake above is done.
            State::Shaking(_) => Poll::Ready(Err(io::Error::from(io::ErrorKind::NotConnected))),
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
