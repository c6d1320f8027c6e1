//! The role `etl`, put together.

use std::sync::Arc;

use futures::future::BoxFuture;
use sla_bus::{LagBoard, ResultStream, TaskTopic};
use sla_domain::{Clock, SafeText};
use sla_proto::Peer;
use sla_proto::etl::v1::analysis_service_server::AnalysisServiceServer;
use sla_proto::etl::v1::run_service_server::RunServiceServer;
use sla_proto::etl::v1::sample_service_server::SampleServiceServer;
use sla_proto::etl::v1::schedule_service_server::ScheduleServiceServer;
use sla_proto::etl::v1::source_service_server::SourceServiceServer;
use sla_runtime::{Parts, Role, Shutdown};
use sla_source::{Call, MetricSource};
use tonic::service::Routes;

use crate::analyst::Analyst;
use crate::error::EtlError;
use crate::gauges;
use crate::journal::Journal;
use crate::metrics::EtlMetrics;
use crate::options::{EtlOptions, MAX_REQUEST_BYTES};
use crate::placement::Placement;
use crate::runs::in_use::SetsInUse;
use crate::runs::{RunParts, Runs};
use crate::schedule::{Schedule, ScheduleParts};
use crate::sources::{SourceUnit, Sources};
use crate::worker::Worker;

/// The parts that answer calls; shared by all servers of the role.
pub(crate) struct Core {
    pub(crate) options: Arc<EtlOptions>,
    pub(crate) sources: Sources,
    pub(crate) analyst: Analyst,
    pub(crate) runs: Runs,
    pub(crate) schedule: Schedule,
    pub(crate) journal: Journal,
    pub(crate) metrics: EtlMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
    pub(crate) peer: Peer,
}

impl Core {
    /// The frame of a read of the source on behalf of a caller.
    pub(crate) fn call(&self) -> Call {
        Call::within(self.options.read_timeout).cancelled_by(self.shutdown.token().child_token())
    }

    /// The instant of a request; the source's present where none is given.
    pub(crate) fn instant_ms(&self, at: Option<&prost_types::Timestamp>) -> i64 {
        at.map_or_else(
            || self.sources.default_unit().reader.present_ms(),
            sla_proto::convert::millis,
        )
    }
}

/// The role `etl` of this process. Cheap to clone.
#[derive(Clone)]
pub struct EtlService {
    core: Arc<Core>,
}

impl EtlService {
    /// Starts the role on `sources`, the default one first; results go to `stream`, sets and runs are reached by the peer. Runs
    /// are dealt out over `tasks`; without, this is the one worker there is.
    /// Nothing is asked of it before it answers: roles may start in any order.
    ///
    /// # Errors
    /// [`EtlError::Invalid`] for options that cannot work, [`EtlError::LogDirectory`].
    pub fn start(
        options: EtlOptions,
        sources: Vec<Arc<dyn MetricSource>>,
        stream: Arc<dyn ResultStream>,
        tasks: Option<Arc<dyn TaskTopic>>,
        parts: Parts,
    ) -> Result<Self, EtlError> {
        let Parts {
            peer,
            clock,
            pool,
            shutdown,
            metrics: told,
        } = parts;
        options.check()?;
        let journal = match &options.log_directory {
            Some(directory) => Journal::open(directory, options.log_file_bytes, options.log_days, clock.clone())?,
            None => Journal::in_memory(clock.clone()),
        };
        let options = Arc::new(options);
        let metrics = EtlMetrics::registered(&told);
        let sources = Sources::start(sources, &options, &metrics, &clock, &pool, &shutdown)?;
        let analyst = Analyst::new(pool, metrics.clone());
        let runs = Runs::start(RunParts {
            peer: peer.clone(),
            sets: SetsInUse::new(peer.clone()),
            stream,
            tasks: tasks.clone(),
            sources: sources.clone(),
            analyst: analyst.clone(),
            journal: journal.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
            options: options.clone(),
        });
        let (placement, open, lags) = (Placement::at(&options.address), Arc::default(), LagBoard::default());
        gauges::register(&told, &sources, &runs, &journal);
        gauges::register_shared(&told, &placement, &open, &lags);
        let is_shared = tasks.is_some();
        let worker = tasks.map(|topic| Worker {
            runs: runs.clone(),
            topic,
            placement: placement.clone(),
            metrics: metrics.clone(),
            peer: peer.clone(),
            open,
            lags,
        });
        share(&runs, worker, &placement, &peer, &shutdown);
        let timer = ScheduleParts {
            peer: peer.clone(),
            runs: runs.clone(),
            clock: clock.clone(),
            placement,
            is_shared,
        };
        let schedule = Schedule::start(timer, &options, &shutdown);
        let core = Arc::new(Core {
            options,
            sources,
            analyst,
            runs,
            schedule,
            journal,
            metrics,
            clock,
            shutdown,
            peer,
        });
        core.watch_sources();
        Ok(Self { core })
    }

    /// What the role counts about itself.
    pub fn metrics(&self) -> &EtlMetrics {
        &self.core.metrics
    }
}

/// Takes a share in the work of all workers; where there is no worker, everything is ours.
fn share(runs: &Runs, worker: Option<Worker>, placement: &Placement, peer: &Peer, shutdown: &Shutdown) {
    let until_end = |what: &'static str, work: BoxFuture<'static, ()>| {
        let token = shutdown.token().clone();
        shutdown.spawn(what, async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = work => {}
            }
        });
    };
    match worker {
        Some(worker) => {
            // Ends by itself, after it has given up what is its own.
            shutdown.spawn("etl worker", worker.work(shutdown.clone()));
            until_end("etl run keeper", Box::pin(runs.clone().keep(placement.clone())));
        }
        None => placement.assigned(&[0]),
    }
    until_end("etl placement", Box::pin(placement.clone().keep(peer.clone())));
}

impl Role for EtlService {
    fn name(&self) -> &'static str {
        "etl"
    }

    fn routes(&self, routes: Routes) -> Routes {
        let server = || self.core.clone();
        routes
            .add_service(SampleServiceServer::from_arc(server()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(SourceServiceServer::from_arc(server()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(AnalysisServiceServer::from_arc(server()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(RunServiceServer::from_arc(server()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(ScheduleServiceServer::from_arc(server()).max_decoding_message_size(MAX_REQUEST_BYTES))
    }
}

impl Core {
    /// Asks each source what it is, at the start and after each outage, so that a banner clears without a reader.
    fn watch_sources(self: &Arc<Self>) {
        for at in 0..self.sources.all().len() {
            let (core, token) = (self.clone(), self.shutdown.token().clone());
            self.shutdown.spawn("etl source watch", async move {
                tokio::select! {
                    () = token.cancelled() => {}
                    () = core.watch(&core.sources.all()[at]) => {}
                }
            });
        }
    }

    async fn watch(&self, unit: &SourceUnit) {
        /// It is not asked more often.
        const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);
        let mut failing = false;
        loop {
            unit.health.is_to_be_identified().await;
            let answer = unit.identify(&self.call()).await;
            if answer.is_err() != failing {
                failing = answer.is_err();
                let line = match &answer {
                    Ok(()) => "the metric source answers".to_owned(),
                    Err(error) => format!("the metric source is away: {}", SafeText::new(&error.to_string())),
                };
                tracing::info!(source = unit.name(), "{line}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
