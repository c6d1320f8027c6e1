//! Opens the doors: a Unix socket for this host, a TCP port for others. The same services, the same layers.

mod connection;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::service::Routes;
use tonic::transport::server::{Router, TcpIncoming};

pub use connection::{Connections, CountedStream};

use crate::layer::{GuardLayer, Guarded};
use crate::shutdown::Shutdown;

/// Streams a connection may have open at once.
const MAX_STREAMS: u32 = 64;
/// The largest header block accepted, in bytes.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// HTTP/2 keep-alive.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

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

/// Adds reflection to the services of a process.
pub fn with_reflection(routes: Routes) -> Result<Routes, ServerError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(sla_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(ServerError::Reflection)?;
    Ok(routes.add_service(reflection))
}

fn router(routes: Routes, guard: GuardLayer) -> Router<tower_layer::Stack<GuardLayer, tower_layer::Identity>> {
    tonic::transport::Server::builder()
        .max_concurrent_streams(Some(MAX_STREAMS))
        .http2_max_header_list_size(Some(MAX_HEADER_BYTES))
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .layer(guard)
        .add_routes(routes)
}

/// A bound Unix socket that nobody serves yet.
#[derive(Debug)]
pub struct UnixDoor {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixDoor {
    /// Binds `path` with `mode` (0600, or 0660 for a group). A socket file that nobody answers on is replaced.
    pub async fn bind(path: &Path, mode: u32) -> Result<Self, ServerError> {
        let failed = |hint| {
            move |source| ServerError::Socket {
                path: path.to_owned(),
                hint,
                source,
            }
        };
        if path.exists() {
            if UnixStream::connect(path).await.is_ok() {
                return Err(ServerError::Running { path: path.to_owned() });
            }
            std::fs::remove_file(path).map_err(failed("the old socket file cannot be removed"))?;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed("its folder cannot be made"))?;
        }
        let listener = UnixListener::bind(path).map_err(failed("may you write in its folder?"))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .map_err(failed("its permissions cannot be set"))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
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
        let incoming = connections.admitted(UnixListenerStream::new(self.listener));
        let end = shutdown.token().clone();
        let result = router(routes, guard)
            .serve_with_incoming_shutdown(incoming, end.cancelled_owned())
            .await;
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "socket file was gone already");
        }
        result
    }
}

/// A bound TCP port that nobody serves yet.
#[derive(Debug)]
pub struct TcpDoor {
    listener: TcpListener,
    /// Where it listens; the port is known even when 0 was asked for.
    pub address: SocketAddr,
}

impl TcpDoor {
    /// Binds `address`.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Port { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Serves until the shutdown begins.
    pub async fn serve(
        self,
        routes: Routes,
        guard: GuardLayer,
        shutdown: Shutdown,
    ) -> Result<(), tonic::transport::Error> {
        // A pre-bound listener has no nodelay of its own, and streams would be many times slower.
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let incoming = Connections::default().admitted(incoming);
        let end = shutdown.token().clone();
        router(routes, guard)
            .serve_with_incoming_shutdown(incoming, end.cancelled_owned())
            .await
    }
}

/// The services of a process behind its layers, for calls that never leave it.
pub fn local(routes: Routes, guard: &GuardLayer) -> Guarded<Routes> {
    tower_layer::Layer::layer(guard, routes)
}
