//! The role every process has: says what runs here, and ends it when asked from this host.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::Clock;
use sla_proto::Peer;
use sla_proto::convert;
use sla_proto::etl::v1::GetSourceRequest;
use sla_proto::server::v1::server_service_server::{ServerService, ServerServiceServer};
use sla_proto::server::v1::{
    GetOwnMetricsRequest, GetOwnMetricsResponse, GetServerInfoRequest, GetServerInfoResponse, ListProcessesRequest,
    ListProcessesResponse, Process, StopServerRequest, StopServerResponse,
};
use sla_proto::storage::v1::{GetStoreStatusRequest, StoreStatus};
use tonic::{Request, Response, Status};

use crate::estate;
use crate::metrics::Metrics;
use crate::processes::{self, Neighbour};
use crate::shutdown::Shutdown;
use crate::status::reason;

/// How long a process behind this one may take to say what it is; less than the call that asks has.
const BEYOND_LIMIT: Duration = Duration::from_secs(1);
/// The role whose process says what the instance is.
const MANAGER: &str = "sla";

/// What does not change while a process runs.
#[derive(Debug, Clone, Default)]
pub struct ServerFacts {
    /// Everything but `now`; `source` as it is configured, before it was ever reached.
    pub info: GetServerInfoResponse,
    /// Whether the role etl is here and can be asked about its source.
    pub has_source: bool,
    /// Roles in other processes for which this one speaks: it tells what they are.
    pub beyond: Vec<String>,
    /// The processes that this one calls.
    pub neighbours: Vec<Neighbour>,
    /// What it counts about itself.
    pub metrics: Metrics,
}

/// The service behind `sla.server.v1`.
pub struct ServerInfo {
    facts: ServerFacts,
    peer: Peer,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
}

impl ServerInfo {
    /// The tonic server. `peer` is asked for the state of the source.
    pub fn server(
        facts: ServerFacts,
        peer: Peer,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
    ) -> ServerServiceServer<Self> {
        ServerServiceServer::new(Self {
            facts,
            peer,
            clock,
            shutdown,
        })
    }
}

impl ServerInfo {
    /// What the processes behind this one say of themselves: roles of all, and of the manager what an instance agrees on.
    async fn tell_beyond(&self, info: &mut GetServerInfoResponse) {
        let asked = self.facts.beyond.iter().map(|word| async move {
            let mut client = self.peer.clone().of_role(word).server();
            let answer = tokio::time::timeout(BEYOND_LIMIT, client.get_server_info(GetServerInfoRequest {})).await;
            Some((word, answer.ok()?.ok()?.into_inner()))
        });
        for (word, told) in futures::future::join_all(asked).await.into_iter().flatten() {
            info.roles.extend(told.roles);
            if word == MANAGER {
                info.instance = told.instance;
                info.windows = told.windows;
                info.horizon = told.horizon;
                info.demo = told.demo;
                info.frozen = told.frozen;
                info.idle_exit = told.idle_exit;
            }
        }
        let mut seen = BTreeSet::new();
        info.roles.retain(|role| seen.insert(role.clone()));
    }

    /// What runs here, as of now.
    async fn info(&self) -> GetServerInfoResponse {
        let mut info = self.facts.info.clone();
        info.now = Some(convert::timestamp(self.clock.now_ms()));
        if self.facts.has_source {
            // The answer is useful without it: a source that cannot be told about stays as it was configured.
            let answer = self.peer.source().get_source(GetSourceRequest::default()).await.ok();
            if let Some(mut status) = answer.and_then(|answer| answer.into_inner().status) {
                if let Some(configured) = info.source.take().filter(|_| status.address.is_empty()) {
                    status.address = configured.address;
                }
                info.source = Some(status);
            }
        }
        let (store, ()) = tokio::join!(self.store(), self.tell_beyond(&mut info));
        info.store = Some(store);
        info
    }

    /// How the storage is doing; one that does not answer is a problem too.
    async fn store(&self) -> StoreStatus {
        match self
            .peer
            .store_status()
            .get_store_status(GetStoreStatusRequest {})
            .await
        {
            Ok(answer) => answer.into_inner().status.unwrap_or_default(),
            Err(status) => StoreStatus {
                problem: format!("the storage does not answer: {}", status.message()),
                problem_reason: reason::UNAVAILABLE.to_owned(),
                ..StoreStatus::default()
            },
        }
    }
}

#[tonic::async_trait]
impl ServerService for ServerInfo {
    async fn get_server_info(
        &self,
        _: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        Ok(Response::new(self.info().await))
    }

    async fn get_own_metrics(
        &self,
        _: Request<GetOwnMetricsRequest>,
    ) -> Result<Response<GetOwnMetricsResponse>, Status> {
        let text = self.facts.metrics.text();
        Ok(Response::new(GetOwnMetricsResponse { text }))
    }

    async fn list_processes(
        &self,
        _: Request<ListProcessesRequest>,
    ) -> Result<Response<ListProcessesResponse>, Status> {
        let here = tokio::time::timeout(processes::ASK_LIMIT, self.info());
        let (info, others, (leases, owners)) =
            tokio::join!(here, processes::ask(&self.facts.neighbours), estate::ask(&self.peer));
        // Source and storage are asked over the network too: what they did not say in time is unknown.
        let mut info = info.unwrap_or_else(|_| GetServerInfoResponse {
            now: Some(convert::timestamp(self.clock.now_ms())),
            source: None,
            ..self.facts.info.clone()
        });
        // Those behind this one stand in rows of their own.
        info.roles.clone_from(&self.facts.info.roles);
        let mut processes = vec![Process {
            roles: info.roles.clone(),
            info: Some(info),
            serving: Some(!self.shutdown.is_noticed()),
            ..Process::default()
        }];
        processes.extend(others);
        Ok(Response::new(ListProcessesResponse {
            processes,
            leases,
            owners,
        }))
    }

    async fn stop_server(&self, request: Request<StopServerRequest>) -> Result<Response<StopServerResponse>, Status> {
        tracing::info!(user = crate::caller::user(request.extensions()), "asked to stop");
        self.shutdown.begin();
        Ok(Response::new(StopServerResponse {}))
    }
}
