//! The role: what it is made of, how it starts, how it is served.

use std::sync::Arc;

use sla_domain::Clock;
use sla_proto::Peer;
use sla_proto::set::v1::set_service_server::SetServiceServer;
use sla_proto::violation::v1::violation_service_server::ViolationServiceServer;
use sla_runtime::Shutdown;
use sla_runtime::pool::CpuPool;
use tokio::sync::mpsc;
use tonic::service::Routes;

use crate::error::SlaError;
use crate::evaluation::cadence::{self, NowRequest};
use crate::evaluation::spacings::Spacings;
use crate::grpc::sets::SetsApi;
use crate::grpc::violations::ViolationsApi;
use crate::metrics::{SlaCounts, SlaMetrics};
use crate::options::{MAX_MESSAGE_BYTES, SlaOptions};
use crate::outlook::board::OutlookBoard;
use crate::outlook::rounds;
use crate::outlook::what_if::Drawings;
use crate::sets::catalog::{Catalog, Sets};
use crate::sets::default_set;
use crate::sets::editor::Editor;
use crate::sets::identity::Identities;
use crate::watch::Board;

/// Threads that decode and judge: forecasts and runs of other roles, which share the other pool, never make the
/// evaluation late.
const JUDGING_THREADS: usize = 2;
/// Requests for an immediate evaluation that may wait.
const NOW_QUEUE: usize = 16;

/// What all parts of the role share.
pub(crate) struct Core {
    pub(crate) options: SlaOptions,
    pub(crate) peer: Peer,
    pub(crate) clock: Arc<dyn Clock>,
    /// For what somebody waits for: decoding, judging.
    pub(crate) judging: CpuPool,
    /// For what runs in the background: forecasts, backtests. Shared with other roles.
    pub(crate) pool: CpuPool,
    pub(crate) shutdown: Shutdown,
    pub(crate) metrics: SlaMetrics,
    pub(crate) catalog: Catalog,
    pub(crate) editor: Editor,
    pub(crate) ids: Identities,
    pub(crate) board: Board,
    pub(crate) spacings: Spacings,
    pub(crate) outlooks: Arc<OutlookBoard>,
    pub(crate) drawings: Arc<Drawings>,
    pub(crate) now_requests: mpsc::Sender<NowRequest>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// The sets in memory; before the first read of the store they are read now.
    pub(crate) async fn sets(&self) -> Result<Arc<Sets>, SlaError> {
        match self.catalog.sets() {
            Ok(sets) => Ok(sets),
            Err(_) => self.catalog.refresh().await,
        }
    }
}

/// The role `sla`, running. Cheap to clone; it ends with its `Shutdown`.
#[derive(Debug, Clone)]
pub struct SlaService {
    pub(crate) core: Arc<Core>,
}

impl SlaService {
    /// Starts the continuous evaluation, the forecasts and, where no set is stored, the suggestion of one. Needs no other
    /// role to be there yet: `peer` may still be unwired.
    ///
    /// # Errors
    /// [`SlaError::BadOption`].
    pub fn start(
        options: SlaOptions,
        peer: Peer,
        clock: Arc<dyn Clock>,
        pool: CpuPool,
        shutdown: Shutdown,
    ) -> Result<Self, SlaError> {
        options.check()?;
        let (now_requests, requests) = mpsc::channel(NOW_QUEUE);
        let catalog = Catalog::new(peer.clone());
        let core = Arc::new(Core {
            editor: Editor::new(peer.clone(), catalog.clone(), clock.clone()),
            ids: Identities::new(clock.clone()),
            board: Board::default(),
            spacings: Spacings::default(),
            outlooks: Arc::default(),
            drawings: Arc::default(),
            metrics: SlaMetrics::default(),
            options,
            peer,
            clock,
            judging: CpuPool::new(JUDGING_THREADS),
            pool,
            shutdown,
            catalog,
            now_requests,
        });
        core.shutdown
            .spawn("sla evaluation", cadence::run(core.clone(), requests));
        core.shutdown.spawn("sla forecasts", rounds::run(core.clone()));
        if core.options.default_set {
            let suggesting = core.clone();
            core.shutdown
                .spawn("sla default set", async move { default_set::ensure(&suggesting).await });
        }
        Ok(Self { core })
    }

    /// Adds the services of this role.
    pub fn routes(&self, routes: Routes) -> Routes {
        routes
            .add_service(SetServiceServer::new(SetsApi(self.core.clone())).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(
                ViolationServiceServer::new(ViolationsApi(self.core.clone()))
                    .max_decoding_message_size(MAX_MESSAGE_BYTES),
            )
    }

    /// The counters of the role.
    pub fn counts(&self) -> SlaCounts {
        self.core.metrics.snapshot()
    }
}
