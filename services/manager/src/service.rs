//! The role: what it is made of, how it starts, how it is served.

use std::sync::Arc;

use sla_proto::set::v1::set_service_server::SetServiceServer;
use sla_proto::violation::v1::violation_service_server::ViolationServiceServer;
use sla_runtime::mandate::{Mandate, give_up, hold};
use sla_runtime::pool::CpuPool;
use sla_runtime::{Parts, Role};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tonic::Request;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;

use crate::asks::Asks;
use crate::board::Board;
use crate::core::{JUDGING_THREADS, ManagerCore, NOW_QUEUE};
use crate::error::SlaError;
use crate::evaluation::cadence;
use crate::gauges;
use crate::grpc::sets::SetsApi;
use crate::grpc::violations::ViolationsApi;
use crate::metrics::SlaMetrics;
use crate::options::{MAX_MESSAGE_BYTES, SlaOptions};
use crate::outlook::rounds;
use crate::samples::clocks::SourceClocks;
use crate::samples::memory::SharedMemory;
use crate::sets::catalog::Catalog;
use crate::sets::default_set;
use crate::sets::editor::Editor;
use crate::sets::identity::Identities;
use crate::sets::room::Room;

/// The role `sla`, running. Cheap to clone; it ends with its `Shutdown`.
#[derive(Debug, Clone)]
pub struct SlaService {
    pub(crate) core: Arc<ManagerCore>,
}

impl SlaService {
    /// Starts the continuous evaluation, the forecasts and, where no set is stored, the suggestion of one. Needs no other
    /// role to be there yet.
    ///
    /// # Errors
    /// [`SlaError::BadOption`].
    pub fn start(options: SlaOptions, parts: Parts) -> Result<Self, SlaError> {
        let Parts {
            peer,
            clock,
            pool,
            shutdown,
            metrics,
        } = parts;
        options.check()?;
        let (now_requests, requests) = mpsc::channel(NOW_QUEUE);
        let catalog = Catalog::new(peer.clone());
        let ids = Identities::new(clock.clone());
        let room = Room {
            objectives: options.max_objectives,
            per_user: options.max_objectives_per_user,
        };
        let core = Arc::new(ManagerCore {
            editor: Editor::new(peer.clone(), catalog.clone(), clock.clone(), ids.clone(), room),
            ids,
            board: Board::default(),
            memory: Arc::new(SharedMemory::new(options.memory_bytes as usize)),
            spacings: Arc::default(),
            outlooks: Arc::default(),
            drawings: Arc::default(),
            clocks: SourceClocks::default(),
            asks: Asks::default(),
            started: Instant::now(),
            metrics: SlaMetrics::registered(&metrics),
            options,
            peer,
            clock,
            judging: CpuPool::new(JUDGING_THREADS),
            pool,
            shutdown,
            catalog,
            now_requests,
            expected: Notify::new(),
            mandate: Arc::new(Mandate::of(sla_proto::lease::MANAGER)),
        });
        let holding = hold(core.mandate.clone(), core.peer.clone(), core.shutdown.token().clone());
        core.shutdown.spawn("sla lease", holding);
        core.shutdown
            .spawn("sla evaluation", cadence::run(core.clone(), requests));
        core.shutdown.spawn("sla forecasts", rounds::run(core.clone()));
        if core.options.default_set {
            let suggesting = core.clone();
            core.shutdown
                .spawn("sla default set", async move { default_set::ensure(&suggesting).await });
        }
        gauges::register(&metrics, &core);
        Ok(Self { core })
    }
}

#[tonic::async_trait]
impl Role for SlaService {
    fn name(&self) -> &'static str {
        "sla"
    }

    fn routes(&self, routes: Routes) -> Routes {
        let sets = SetServiceServer::new(SetsApi(self.core.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let violations =
            ViolationServiceServer::new(ViolationsApi(self.core.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let judges = |mandate: Arc<Mandate>| move |request: Request<()>| mandate.refuse_standby().map(|()| request);
        routes
            .add_service(InterceptedService::new(sets, judges(self.core.mandate.clone())))
            .add_service(InterceptedService::new(violations, judges(self.core.mandate.clone())))
    }

    async fn close(&self) {
        give_up(&self.core.mandate, &self.core.peer).await;
    }
}
