//! Opens the doors: a Unix socket for this host, a TCP port for others. The same services, the same layers.

mod authority;
mod connection;
mod header_block;
mod tls;
mod wire;

use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::{Router, TcpIncoming};

pub use connection::{Connections, CountedStream};
pub use tls::{DoorTls, TlsError};

use crate::caller::{Connection, End, Way};
use crate::layer::{GuardLayer, Guarded};
use crate::shutdown::Shutdown;
use wire::Wire;

/// Streams a connection may have open at once.
const MAX_STREAMS: u32 = 64;
/// The same where roles call each other: a gateway has one connection for all its consoles.
const MAX_ROLE_STREAMS: u32 = 1_024;
/// The largest header block accepted, in bytes.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// HTTP/2 keep-alive.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// How long open connections may take to end after the token fell.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The socket file cannot be made.
    #[error("cannot listen on {path}: {hint}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another instance answers there.
    #[error("an instance is already running on {path}")]
    Running {
        /// The socket.
        path: PathBuf,
    },
    /// The address can be reached from other hosts.
    #[error(
        "{address} can be reached from other hosts, unencrypted: set cert_file and key_file below [tls], listen on 127.0.0.1 \
         or [::1], or say --insecure"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The metrics could be read from other hosts.
    #[error(
        "{address} can be reached from other hosts, and metrics are given to whoever asks: listen on 127.0.0.1, or say \
         so with [metrics] open = true"
    )]
    MetricsOpen {
        /// The address.
        address: SocketAddr,
    },
    /// The port cannot be had.
    #[error("cannot listen on {address}: is the port taken?")]
    Port {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The descriptors of the contract are broken.
    #[error("reflection cannot be served")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// Adds reflection to the services of a process, in the version of today and in the one that older clients speak.
pub fn with_reflection(routes: Routes) -> Result<Routes, ServerError> {
    let described = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(sla_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = described().build_v1().map_err(ServerError::Reflection)?;
    let v1alpha = described().build_v1alpha().map_err(ServerError::Reflection)?;
    Ok(routes.add_service(v1).add_service(v1alpha))
}

/// `over_tcp`: HTTP/1.1 is spoken as well, by those who want JSON.
fn router(
    routes: Routes,
    guard: GuardLayer,
    over_tcp: bool,
    streams: u32,
) -> Router<tower_layer::Stack<GuardLayer, tower_layer::Identity>> {
    tonic::transport::Server::builder()
        .accept_http1(over_tcp)
        .max_concurrent_streams(Some(streams))
        .http2_max_header_list_size(Some(MAX_HEADER_BYTES))
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .layer(guard)
        .add_routes(routes)
}

/// Who may open a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The user of this process, and root.
    Owner,
    /// Whoever the folder of the socket lets in: a group of operators.
    Group,
}

/// A bound Unix socket that nobody serves yet.
#[derive(Debug)]
pub struct UnixDoor {
    listener: UnixListener,
    path: PathBuf,
    audience: Audience,
}

impl UnixDoor {
    /// Binds `path`, whose folder exists. A socket file that nobody answers on is replaced, any other file is left alone.
    pub async fn bind(path: &Path, audience: Audience) -> Result<Self, ServerError> {
        let failed = |hint| {
            move |source| ServerError::Socket {
                path: path.to_owned(),
                hint,
                source,
            }
        };
        if let Ok(there) = std::fs::symlink_metadata(path) {
            if !there.file_type().is_socket() {
                let foreign = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
                return Err(failed("what is there is no socket; move it away")(foreign));
            }
            if UnixStream::connect(path).await.is_ok() {
                return Err(ServerError::Running { path: path.to_owned() });
            }
            std::fs::remove_file(path).map_err(failed("the old socket file cannot be removed"))?;
        }
        let listener = UnixListener::bind(path).map_err(failed("may you write in its folder?"))?;
        let mode = match audience {
            Audience::Owner => 0o600,
            Audience::Group => 0o660,
        };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .map_err(failed("its permissions cannot be set"))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            audience,
        })
    }

    /// Serves until the shutdown begins, then removes the socket file. Counts its connections in `connections`.
    pub async fn serve(
        self,
        routes: Routes,
        guard: GuardLayer,
        connections: Connections,
        shutdown: Shutdown,
    ) -> Result<(), tonic::transport::Error> {
        let incoming = UnixListenerStream::new(self.listener);
        let audience = self.audience;
        let cut = CancellationToken::new();
        let whose = move |stream: &UnixStream| may_enter(stream, audience).map(|end| Connection::new(end, Way::Socket));
        let incoming = connections.admitted(incoming, whose, cut.clone());
        let end = shutdown.token().clone().cancelled_owned();
        let served = router(routes, guard, false, MAX_STREAMS).serve_with_incoming_shutdown(incoming, end);
        let result = cut_in_the_end(served, &shutdown, &cut).await;
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "socket file was gone already");
        }
        result
    }
}

/// The user at the other end; `None` for one who may not be there. The permissions of the file say the same; this holds where
/// they do not count, as on some shared file systems.
fn may_enter(stream: &UnixStream, audience: Audience) -> Option<End> {
    let Ok(peer) = stream.peer_cred() else {
        return (audience == Audience::Group).then_some(End::Unknown);
    };
    let ours = rustix::process::geteuid().as_raw();
    if audience == Audience::Group || [ours, 0].contains(&peer.uid()) {
        return Some(End::User(peer.uid()));
    }
    tracing::warn!(uid = peer.uid(), "a foreign user tried the socket and was turned away");
    None
}

/// What stands before a TCP port.
#[derive(Debug, Clone)]
pub enum Cover {
    /// Nothing: only this host may reach the port.
    Host,
    /// TLS.
    Tls(DoorTls),
    /// Nothing, though others may reach the port: everybody on the way can read and change what passes.
    Bare,
}

/// A bound TCP port that nobody serves yet.
#[derive(Debug)]
pub struct TcpDoor {
    listener: TcpListener,
    tls: Option<DoorTls>,
    way: Way,
    streams: u32,
    /// Where it listens; the port is known even when 0 was asked for.
    pub address: SocketAddr,
}

impl TcpDoor {
    /// Binds `address`. Off this host, who shows no certificate may look only.
    pub async fn bind(address: SocketAddr, cover: Cover) -> Result<Self, ServerError> {
        let (tls, asks) = match cover {
            Cover::Host if !address.ip().is_loopback() => return Err(ServerError::Open { address }),
            Cover::Host | Cover::Bare => (None, false),
            Cover::Tls(tls) => {
                let asks = tls.asks;
                (Some(tls), asks)
            }
        };
        let way = if asks || address.ip().is_loopback() {
            Way::Network
        } else {
            Way::Guest
        };
        let failed = |source| ServerError::Port { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            tls,
            way,
            streams: MAX_STREAMS,
            address,
        })
    }

    /// For other roles, whose calls share a connection.
    #[must_use]
    pub fn for_roles(self) -> Self {
        Self {
            streams: MAX_ROLE_STREAMS,
            ..self
        }
    }

    /// Serves until the shutdown begins. Counts its connections in `connections`.
    pub async fn serve(
        self,
        routes: Routes,
        guard: GuardLayer,
        connections: Connections,
        shutdown: Shutdown,
    ) -> Result<(), tonic::transport::Error> {
        let Self {
            listener,
            tls,
            way,
            streams,
            address,
        } = self;
        // A pre-bound listener has no nodelay of its own, and streams would be many times slower.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let is_nameless = tls.is_none() && address.ip().is_loopback();
        let incoming = incoming.map(move |stream| stream.map(|stream| Wire::new(stream, tls.as_ref())));
        let whose = move |wire: &Wire| {
            let end = wire.peer_addr().map_or(End::Unknown, End::Address);
            let connection = Connection::new(end, way).shown_in(wire.shown()).nameless(is_nameless);
            Some(if streams == MAX_ROLE_STREAMS {
                connection.of_roles()
            } else {
                connection
            })
        };
        let cut = CancellationToken::new();
        let incoming = connections.admitted(incoming, whose, cut.clone());
        let end = shutdown.token().clone().cancelled_owned();
        let served = router(routes, guard, true, streams).serve_with_incoming_shutdown(incoming, end);
        cut_in_the_end(served, &shutdown, &cut).await
    }
}

/// Serves, and cuts what is still connected [`LAST_WORDS`] after the shutdown has begun: streams have said their last word then,
/// and who does not read it must not hold the end back.
async fn cut_in_the_end<T>(served: impl Future<Output = T>, shutdown: &Shutdown, cut: &CancellationToken) -> T {
    let cutting = async {
        shutdown.token().cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
        cut.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = served => served,
        () = cutting => std::future::pending().await,
    }
}

/// The services of a process behind its layers, for calls that never leave it.
pub fn local(routes: Routes, guard: &GuardLayer) -> Guarded<Routes> {
    tower_layer::Layer::layer(guard, routes)
}
