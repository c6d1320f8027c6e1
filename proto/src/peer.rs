//! `Peer`: the one client of all services. Consoles and roles use the same type, over a Unix socket, TCP or inside the
//! process; only the transport below differs.

mod access;
mod bearer;
mod channel;
mod claim;
pub mod contract;
mod deadline;
mod late;
mod owners;
mod routed;
mod several;
mod stranger;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::BoxFuture;
use tonic::transport::{Endpoint, Uri};
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceExt as _;

pub use access::{Access, Rank, access, is_known};
pub use bearer::{Bearer, MAX_TOKEN_BYTES, Presented};
pub use channel::{BoxError, PeerChannel, PeerService};
pub use claim::Claims;
pub use deadline::{DeadlineClass, deadline_class};
pub use late::LateRoutes;
pub use owners::Dial;
pub use routed::role_of;
pub use trust::{Trust, tls_fault};

use crate::server::v1::GetServerInfoRequest;
use crate::{account, etl, notify, retrieval, server, set, storage, violation, weather};

/// The largest answer a peer accepts, in bytes. Lists are paged far below it.
pub const MAX_ANSWER_BYTES: usize = 16 << 20;
/// How long a connection attempt may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// HTTP/2 keep-alive: a ping after this much silence …
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// … and the connection is given up when no answer comes for this long.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is asked why a connection by TLS ended, at most, and the pause between.
const REASON_TRIES: u32 = 10;
const REASON_PAUSE: Duration = Duration::from_millis(20);

/// Why no peer could be made.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The socket or address did not answer.
    #[error("no instance answers at {address}")]
    Connect {
        /// What was tried.
        address: String,
        /// Why it failed.
        #[source]
        source: tonic::transport::Error,
    },
    /// The address is not one.
    #[error("{address:?} is not an address: give http://host:port or https://host:port")]
    Address {
        /// What was given.
        address: String,
        /// Why it failed.
        #[source]
        source: tonic::transport::Error,
    },
    /// Who answers is not trusted, or does not trust us.
    #[error("no trusted connection to {address}: {fault}")]
    Distrust {
        /// What was tried.
        address: String,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// The certificates that were given cannot be used.
    #[error("the certificates given for TLS cannot be used: give PEM files, the key without a password")]
    Certificates(#[source] tonic::transport::Error),
}

/// A cheap handle on one or more roles. Clone it freely.
#[derive(Debug, Clone)]
pub struct Peer {
    channel: PeerChannel,
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $noun:ident :: $module:ident :: $client:ident;)*) => {
        impl Peer {$(
            $(#[$doc])*
            pub fn $name(&self) -> $noun::v1::$module::$client<PeerChannel> {
                $noun::v1::$module::$client::new(self.channel.clone())
                    .max_decoding_message_size(MAX_ANSWER_BYTES)
                    .max_encoding_message_size(MAX_ANSWER_BYTES)
            }
        )*}
    };
}

clients! {
    /// People: who may what, who did what.
    account: account::account_service_client::AccountServiceClient;
    /// Stored accounts and the audit log.
    account_store: storage::account_store_service_client::AccountStoreServiceClient;
    /// Version, roles, catalogues.
    server: server::server_service_client::ServerServiceClient;
    /// Launching and watching runs.
    runs: etl::run_service_client::RunServiceClient;
    /// When runs start by themselves.
    schedule: etl::schedule_service_client::ScheduleServiceClient;
    /// What the metric source offers.
    source: etl::source_service_client::SourceServiceClient;
    /// Raw samples.
    samples: etl::sample_service_client::SampleServiceClient;
    /// Analysis on demand.
    analysis: etl::analysis_service_client::AnalysisServiceClient;
    /// Stored results.
    results: storage::result_store_service_client::ResultStoreServiceClient;
    /// How the storage is doing.
    store_status: storage::store_status_service_client::StoreStatusServiceClient;
    /// Stored sets.
    set_store: storage::set_store_service_client::SetStoreServiceClient;
    /// Stored runs.
    run_store: storage::run_store_service_client::RunStoreServiceClient;
    /// Stored violations and forecasts.
    ledger: storage::ledger_store_service_client::LedgerStoreServiceClient;
    /// What roles remember.
    state: storage::state_store_service_client::StateStoreServiceClient;
    /// Who owns which partition.
    placements: storage::placement_store_service_client::PlacementStoreServiceClient;
    /// What only one process does at a time.
    leases: storage::lease_store_service_client::LeaseStoreServiceClient;
    /// Editing agreements.
    sets: set::set_service_client::SetServiceClient;
    /// Violations past, present and to come.
    violations: violation::violation_service_client::ViolationServiceClient;
    /// Channels, messages, acknowledgements.
    notify: notify::notify_service_client::NotifyServiceClient;
    /// Stored channels and the outbox.
    notify_store: storage::notify_store_service_client::NotifyStoreServiceClient;
    /// The read side of the screens.
    retrieval: retrieval::retrieval_service_client::RetrievalServiceClient;
    /// Cities and subscriptions.
    weather: weather::weather_service_client::WeatherServiceClient;
}

impl Peer {
    /// Whether the roles at the other end serve: `grpc.health.v1`, by the word of a role, empty for the whole process.
    pub fn health(&self) -> HealthClient<PeerChannel> {
        HealthClient::new(self.channel.clone())
    }

    /// A peer over any service that carries gRPC requests: the roles of this process, with their layers.
    pub fn local(service: impl PeerService) -> Self {
        Self {
            channel: PeerChannel::new(service),
        }
    }

    /// A peer of roles in several processes: calls of the roles named in `elsewhere` go there, all others go on as before.
    #[must_use]
    pub fn routed(self, elsewhere: BTreeMap<String, Self>) -> Self {
        let channels = elsewhere.into_iter().map(|(role, peer)| (role, peer.channel));
        Self::local(routed::Routed::new(channels.collect(), self.channel))
    }

    /// One role in several processes: each call goes to one that can take it.
    pub fn any_of(peers: Vec<Self>) -> Self {
        Self::local(several::Several::of(
            peers.into_iter().map(Self::into_channel).collect(),
        ))
    }

    /// The workers of the role etl: reads of samples go to their owner, whom `placements` names and `dial` reaches; all other
    /// calls, and those whose owner does not answer, to any of them.
    #[must_use]
    pub fn owned(self, placements: Self, dial: Dial) -> Self {
        Self::local(owners::Owned::new(self.channel, placements.channel, dial))
    }

    /// The same peer, saying this about its caller. Claims that a call carries already stay.
    #[must_use]
    pub fn claiming(mut self, claims: Claims) -> Self {
        self.channel = self.channel.claiming(claims);
        self
    }

    /// The same peer, whose calls carry this token. It may change at any time; a call that carries one already keeps it.
    #[must_use]
    pub fn bearing(mut self, bearer: Bearer) -> Self {
        self.channel = self.channel.bearing(bearer);
        self
    }

    /// A peer whose service is filled in later: roles of one process that call each other. Until then each call answers
    /// UNAVAILABLE, and again once the [`LateRoutes`] is dropped.
    pub fn late() -> (Self, LateRoutes) {
        let (routes, service) = late::pair();
        (Self::local(service), routes)
    }

    /// Connects to the Unix socket of an instance on this host.
    pub async fn connect_unix(path: &Path) -> Result<Self, PeerError> {
        let address = format!("unix:{}", path.display());
        // The URI is never looked up: the connector dials the socket.
        let channel = endpoint("http://sla.local", &Trust::default())?
            .connect_with_connector(tower::service_fn(dialer(path)))
            .await
            .map_err(|source| PeerError::Connect { address, source })?;
        Ok(Self::local(channel))
    }

    /// A peer that dials the socket when it is first used, and again whenever the connection was lost: for consoles,
    /// which must draw before there is anything to talk to. Needs a running runtime.
    pub fn lazy_unix(path: &Path) -> Result<Self, PeerError> {
        let channel = endpoint("http://sla.local", &Trust::default())?
            .connect_with_connector_lazy(tower::service_fn(dialer(path)));
        Ok(Self::local(channel))
    }

    /// The same for `http://host:port` or `https://host:port`.
    pub fn lazy_tcp(address: &str, trust: &Trust) -> Result<Self, PeerError> {
        Ok(Self::to(address, endpoint(address, trust)?.connect_lazy()))
    }

    /// Over `channel` to `address`; a call that fails on its way says why in words.
    fn to(address: &str, channel: tonic::transport::Channel) -> Self {
        let place = address.to_owned();
        Self::local(channel.then(move |answer| async move {
            match answer {
                Ok(answer) => Ok(answer),
                Err(error) => Err(channel::unreached(&place, error).await),
            }
        }))
    }

    /// Connects to `http://host:port` or `https://host:port`, and learns there whether our certificate is taken.
    pub async fn connect_tcp(address: &str, trust: &Trust) -> Result<Self, PeerError> {
        let channel = endpoint(address, trust)?.connect().await.map_err(|source| {
            let address = address.to_owned();
            match tls_fault(&source) {
                Some(fault) => PeerError::Distrust { address, fault },
                None => PeerError::Connect { address, source },
            }
        })?;
        let peer = Self::to(address, channel);
        if address.starts_with("https://") {
            peer.is_taken(address).await?;
        }
        Ok(peer)
    }

    /// With TLS 1.3 a server refuses our certificate after the handshake is done for us (RFC 8446, 4.4.2.4 and 4.6): the first
    /// call fails, and its failure has the reason only when it was under way before the connection ended. So it is made again.
    async fn is_taken(&self, address: &str) -> Result<(), PeerError> {
        for _ in 0..REASON_TRIES {
            let Err(status) = self.server().get_server_info(GetServerInfoRequest {}).await else {
                return Ok(());
            };
            if let Some(fault) = status.message().strip_prefix(channel::DISTRUST) {
                return Err(PeerError::Distrust {
                    address: address.to_owned(),
                    fault: fault.to_owned(),
                });
            }
            // Whoever answers, in whatever words, has taken it.
            if std::error::Error::source(&status).is_none() {
                return Ok(());
            }
            tokio::time::sleep(REASON_PAUSE).await;
        }
        Ok(())
    }

    /// What carries the calls: for one that forwards them as they come.
    pub fn into_channel(self) -> PeerChannel {
        self.channel
    }

    /// The process of the role `word`, for calls that every process answers: who it is, how it does.
    #[must_use]
    pub fn of_role(mut self, word: &str) -> Self {
        self.channel = self.channel.of_role(word);
        self
    }
}

type Socket = hyper_util::rt::TokioIo<tokio::net::UnixStream>;

/// Dials `path` whatever URI it is asked for.
fn dialer(path: &Path) -> impl Fn(Uri) -> BoxFuture<'static, std::io::Result<Socket>> + Clone + use<> {
    let path: PathBuf = path.to_owned();
    move |_| {
        let path = path.clone();
        Box::pin(async move {
            tokio::net::UnixStream::connect(path)
                .await
                .map(hyper_util::rt::TokioIo::new)
        })
    }
}

fn endpoint(address: &str, trust: &Trust) -> Result<Endpoint, PeerError> {
    let mut endpoint = Endpoint::from_shared(address.to_owned()).map_err(|source| PeerError::Address {
        address: address.to_owned(),
        source,
    })?;
    if endpoint.uri().scheme_str() == Some("https") {
        endpoint = endpoint.tls_config(trust.config()).map_err(PeerError::Certificates)?;
    }
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}
