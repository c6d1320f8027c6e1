//! What all parts of the role share. The loops and the edge stand above it, and it knows none of them.

use std::sync::Arc;

use sla_domain::Clock;
use sla_domain::objective::Objective;
use sla_proto::Peer;
use sla_runtime::Shutdown;
use sla_runtime::mandate::Mandate;
use sla_runtime::pool::CpuPool;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::asks::Asks;
use crate::board::Board;
use crate::error::SlaError;
use crate::metrics::SlaMetrics;
use crate::options::SlaOptions;
use crate::outlook::board::OutlookBoard;
use crate::outlook::drawings::Drawings;
use crate::samples::clocks::SourceClocks;
use crate::samples::memory::SharedMemory;
use crate::samples::spacings::Spacings;
use crate::sets::catalog::{Catalog, Sets};
use crate::sets::editor::Editor;
use crate::sets::identity::Identities;

/// Somebody who wants an evaluation at once, told how it went.
pub(crate) type NowRequest = oneshot::Sender<Result<(), String>>;

/// Threads that decode and judge: forecasts and runs of other roles, which share the other pool, never make the
/// evaluation late.
pub(crate) const JUDGING_THREADS: usize = 2;
/// Requests for an immediate evaluation that may wait.
pub(crate) const NOW_QUEUE: usize = 16;

/// As queries name the default source.
pub(crate) const DEFAULT_SOURCE: &str = "";

/// What all parts of the role share.
pub(crate) struct ManagerCore {
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
    /// The one giver of ids: the ledger knows objectives by id alone, whoever named them.
    pub(crate) ids: Identities,
    pub(crate) board: Board,
    pub(crate) memory: Arc<SharedMemory>,
    pub(crate) spacings: Arc<Spacings>,
    pub(crate) outlooks: Arc<OutlookBoard>,
    pub(crate) drawings: Arc<Drawings>,
    pub(crate) clocks: SourceClocks,
    /// What somebody waits for now: the background gives way.
    pub(crate) asks: Asks,
    pub(crate) started: Instant,
    pub(crate) now_requests: mpsc::Sender<NowRequest>,
    /// Something is expected of objectives of which nothing was: their states are judged again.
    pub(crate) expected: Notify,
    /// Whether this manager judges, and the token of what it writes.
    pub(crate) mandate: Arc<Mandate>,
}

impl std::fmt::Debug for ManagerCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManagerCore")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ManagerCore {
    /// The present of the default source, Unix milliseconds.
    pub(crate) fn present_ms(&self) -> i64 {
        self.present_of(DEFAULT_SOURCE)
    }

    /// The present of a source, Unix milliseconds: by our clock, corrected where both are known to disagree. What is
    /// judged at another instant would be judged in the past, or find no samples.
    pub(crate) fn present_of(&self, source: &str) -> i64 {
        self.clock.now_ms() + self.clocks.ahead_ms(source)
    }

    /// How far ahead an objective is forecast, milliseconds.
    pub(crate) fn horizon_ms(&self, objective: &Objective) -> i64 {
        objective.horizon_ms.unwrap_or(self.options.horizon_ms)
    }

    /// The sets in memory; before the first read of the store they are read now.
    pub(crate) async fn sets(&self) -> Result<Arc<Sets>, SlaError> {
        match self.catalog.sets() {
            Ok(sets) => Ok(sets),
            Err(_) => self.catalog.refresh().await,
        }
    }
}
