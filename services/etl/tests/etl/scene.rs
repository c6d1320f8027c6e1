//! The whole role and its gRPC surface, over a source and a store in memory.

pub(crate) mod store;

use std::sync::Arc;
use std::time::Duration;

use sla_bus::DirectStream;
use sla_domain::{ManualClock, SourceId};
use sla_etl::{EtlOptions, EtlService};
use sla_proto::etl::v1::*;
use sla_proto::result::v1::SeriesResult;
use sla_proto::series::v1::{Query, query};
use sla_proto::storage::v1::ListRunResultsRequest;
use sla_proto::storage::v1::ledger_store_service_server::LedgerStoreServiceServer;
use sla_proto::storage::v1::result_store_service_server::ResultStoreServiceServer;
use sla_proto::storage::v1::run_store_service_server::RunStoreServiceServer;
use sla_proto::storage::v1::set_store_service_server::SetStoreServiceServer;
use sla_proto::storage::v1::state_store_service_server::StateStoreServiceServer;
use sla_proto::{LateRoutes, Peer};
use sla_runtime::pool::CpuPool;
use sla_runtime::{Parts, Role as _, Shutdown};
use sla_source::{MetricSource, Replay, ReplayOptions};
use tonic::service::Routes;

use self::store::{Kept, Store};

/// The instant at which scenes begin.
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

/// Nothing starts by itself.
pub(crate) fn by_hand() -> EtlOptions {
    EtlOptions {
        scheduled: false,
        ..EtlOptions::default()
    }
}

/// Three hosts of 18 series.
pub(crate) fn demo(clock: &Arc<ManualClock>) -> Replay {
    Replay::demo(SourceId("demo".into()), clock.clone(), ReplayOptions::default())
}

/// The role over a store in memory; ends with its value.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) peer: Peer,
    pub(crate) etl: EtlService,
    shutdown: Shutdown,
    _late: LateRoutes,
}

impl Scene {
    /// On the demo.
    pub(crate) fn new(options: EtlOptions, prepare: impl FnOnce(&mut Kept)) -> Self {
        let store = Store::default();
        prepare(&mut store.kept.lock().unwrap());
        let clock = Arc::new(ManualClock::at(NOW_MS));
        Self::over(store, Arc::new(demo(&clock)), clock, options)
    }

    /// On what a store holds already.
    pub(crate) fn over(
        store: Store,
        source: Arc<dyn MetricSource>,
        clock: Arc<ManualClock>,
        options: EtlOptions,
    ) -> Self {
        Self::over_sources(store, vec![source], clock, options)
    }

    /// On several sources, the default one first.
    pub(crate) fn over_sources(
        store: Store,
        sources: Vec<Arc<dyn MetricSource>>,
        clock: Arc<ManualClock>,
        options: EtlOptions,
    ) -> Self {
        let (peer, late) = Peer::late();
        let shutdown = Shutdown::new();
        let etl = EtlService::start(
            options,
            sources,
            Arc::new(DirectStream::to(peer.clone())),
            None,
            Parts {
                peer: peer.clone(),
                clock,
                pool: CpuPool::new(2),
                shutdown: shutdown.clone(),
                metrics: sla_runtime::Metrics::default(),
            },
        )
        .unwrap();
        let routes = Routes::new(RunStoreServiceServer::new(store.clone()))
            .add_service(SetStoreServiceServer::new(store.clone()))
            .add_service(LedgerStoreServiceServer::new(store.clone()))
            .add_service(StateStoreServiceServer::new(store.clone()))
            .add_service(ResultStoreServiceServer::new(store.clone()));
        assert!(late.fill(etl.routes(routes).prepare()));
        Self {
            store,
            peer,
            etl,
            shutdown,
            _late: late,
        }
    }

    /// On the demo; no run starts by itself.
    pub(crate) fn by_hand() -> Self {
        Self::new(by_hand(), |_| {})
    }

    pub(crate) async fn start(&self, request_id: &str, selector: &str, steps: &[&str]) -> Run {
        self.start_of(request_id, vec![query_of(selector)], steps).await
    }

    pub(crate) async fn start_of(&self, request_id: &str, queries: Vec<Query>, steps: &[&str]) -> Run {
        let scope = RunScope {
            queries,
            ..RunScope::default()
        };
        self.try_start(request_id, scope, steps).await.unwrap()
    }

    pub(crate) async fn try_start(
        &self,
        request_id: &str,
        scope: RunScope,
        steps: &[&str],
    ) -> Result<Run, tonic::Status> {
        let request = StartRunRequest {
            request_id: request_id.into(),
            scope: Some(scope),
            steps: steps.iter().map(|step| (*step).to_owned()).collect(),
        };
        Ok(self.peer.runs().start_run(request).await?.into_inner().run.unwrap())
    }

    /// What a run has come to, once it has ended.
    pub(crate) async fn ended(&self, run: &Run) -> Run {
        self.watch(&run.id, 0).await.pop().unwrap().run.unwrap()
    }

    /// Waits until a run's turn has come.
    pub(crate) async fn begun(&self, run_id: &str) {
        let request = GetRunRequest {
            run_id: run_id.to_owned(),
        };
        loop {
            let answer = self.peer.runs().get_run(request.clone()).await.unwrap().into_inner();
            if answer.run.unwrap().state() != RunState::Queued {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Watches to the end.
    pub(crate) async fn watch(&self, run_id: &str, after_sequence: u64) -> Vec<WatchRunResponse> {
        let request = WatchRunRequest {
            run_id: run_id.into(),
            after_sequence,
        };
        let mut stream = self.peer.runs().watch_run(request).await.unwrap().into_inner();
        let mut events = Vec::new();
        let all = async {
            while let Some(event) = stream.message().await.unwrap() {
                events.push(event);
            }
        };
        tokio::time::timeout(Duration::from_mins(1), all)
            .await
            .expect("a run ends");
        events
    }

    /// Tries again what failed in a run.
    pub(crate) async fn retry(&self, request_id: &str, run_id: &str) -> Result<Run, tonic::Status> {
        let scope = RunScope {
            retry_failed_of: run_id.into(),
            ..RunScope::default()
        };
        self.try_start(request_id, scope, &[]).await
    }

    /// The failures of a run, as they are stored.
    pub(crate) async fn failures(&self, run_id: &str) -> Vec<SeriesResult> {
        let request = ListRunResultsRequest {
            run_id: run_id.into(),
            failures_only: true,
            ..Default::default()
        };
        self.peer
            .results()
            .list_run_results(request)
            .await
            .unwrap()
            .into_inner()
            .results
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

pub(crate) fn query_of(selector: &str) -> Query {
    Query {
        query: Some(query::Query::Selector(selector.into())),
        ..Query::default()
    }
}
