//! The role `etl`, put together.

use std::sync::Arc;

use sla_bus::ResultStream;
use sla_domain::{Clock, SafeText};
use sla_proto::Peer;
use sla_proto::etl::v1::analysis_service_server::AnalysisServiceServer;
use sla_proto::etl::v1::run_service_server::RunServiceServer;
use sla_proto::etl::v1::sample_service_server::SampleServiceServer;
use sla_proto::etl::v1::schedule_service_server::ScheduleServiceServer;
use sla_proto::etl::v1::source_service_server::SourceServiceServer;
use sla_proto::series::v1::SourceStatus;
use sla_runtime::{Parts, Role, Shutdown};
use sla_source::{CacheFill, Call, MetricSource};
use tonic::service::Routes;

use crate::analyst::Analyst;
use crate::catalogue::Catalogue;
use crate::error::EtlError;
use crate::health::SourceHealth;
use crate::journal::Journal;
use crate::metrics::{EtlMetrics, EtlMetricsSnapshot};
use crate::options::{EtlOptions, MAX_REQUEST_BYTES};
use crate::runs::{RunParts, Runs};
use crate::samples::SampleReader;
use crate::schedule::Schedule;
use crate::source_clock::SourceClock;

/// The parts that answer calls; shared by all servers of the role.
pub(crate) struct Core {
    pub(crate) options: Arc<EtlOptions>,
    pub(crate) source: Arc<dyn MetricSource>,
    pub(crate) health: SourceHealth,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) reader: SampleReader,
    pub(crate) analyst: Analyst,
    pub(crate) runs: Runs,
    pub(crate) schedule: Schedule,
    pub(crate) journal: Journal,
    pub(crate) metrics: Arc<EtlMetrics>,
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
        at.map_or_else(|| self.reader.present_ms(), sla_proto::convert::millis)
    }

    /// Asks the source what it is.
    pub(crate) async fn identify(&self) -> Result<(), EtlError> {
        match self.source.probe(&self.call()).await {
            Ok(info) => {
                self.health.identified(info);
                Ok(())
            }
            Err(error) => {
                self.health.failed(&error);
                Err(EtlError::Source(error))
            }
        }
    }
}

/// The role `etl` of this process. Cheap to clone.
#[derive(Clone)]
pub struct EtlService {
    core: Arc<Core>,
}

impl EtlService {
    /// Starts the role on `source`; results go to `stream`, sets and runs are reached by the peer. Nothing is asked of it
    /// before it answers: roles may start in any order.
    ///
    /// # Errors
    /// [`EtlError::Invalid`] for options that cannot work, [`EtlError::LogDirectory`].
    pub fn start(
        options: EtlOptions,
        source: Arc<dyn MetricSource>,
        stream: Arc<dyn ResultStream>,
        parts: Parts,
    ) -> Result<Self, EtlError> {
        let Parts {
            peer,
            clock,
            pool,
            shutdown,
        } = parts;
        options.check()?;
        let journal = match &options.log_directory {
            Some(directory) => Journal::open(directory, options.log_file_bytes, options.log_days, clock.clone())?,
            None => Journal::in_memory(clock.clone()),
        };
        let options = Arc::new(options);
        let metrics = Arc::new(EtlMetrics::default());
        let source_clock = Arc::new(SourceClock::new(clock.clone(), source.clone()));
        let health = SourceHealth::new(&source.id().0, source_clock.clone());
        let catalogue = Arc::new(Catalogue::new(
            source.clone(),
            health.clone(),
            metrics.clone(),
            source_clock,
            options.longest_window_ms(),
        ));
        let reader = SampleReader::start(catalogue.clone(), &options, pool.clone(), &shutdown);
        let analyst = Analyst::new(pool, metrics.clone());
        let runs = Runs::start(RunParts {
            peer: peer.clone(),
            stream,
            reader: reader.clone(),
            analyst: analyst.clone(),
            journal: journal.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
            options: options.clone(),
        });
        let schedule = Schedule::start(peer.clone(), runs.clone(), clock.clone(), &options, &shutdown);
        let core = Arc::new(Core {
            options,
            source,
            health,
            catalogue,
            reader,
            analyst,
            runs,
            schedule,
            journal,
            metrics,
            clock,
            shutdown,
            peer,
        });
        core.watch_source();
        Ok(Self { core })
    }

    /// How the source is doing, from memory.
    pub fn source_status(&self) -> SourceStatus {
        self.core.reader.status()
    }

    /// What the role counts about itself.
    pub fn metrics(&self) -> EtlMetricsSnapshot {
        let mut snapshot = self.core.metrics.snapshot();
        snapshot.log_lines_lost = self.core.journal.lines_lost();
        snapshot
    }

    /// How full the sample cache is.
    pub fn cache_fill(&self) -> CacheFill {
        self.core.reader.fill()
    }
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
    /// Asks the source what it is, at the start and after each outage, so that a banner clears without a reader.
    fn watch_source(self: &Arc<Self>) {
        /// How often the health is looked at.
        const TICK: std::time::Duration = std::time::Duration::from_millis(500);
        let (core, token) = (self.clone(), self.shutdown.token().clone());
        self.shutdown.spawn("etl source watch", async move {
            let watch = async {
                let mut failing = false;
                loop {
                    let away = core.health.next_attempt().is_some();
                    if (!core.health.is_identified() || away) && core.health.may_ask() {
                        let answer = core.identify().await;
                        if answer.is_err() != failing {
                            failing = answer.is_err();
                            let line = match &answer {
                                Ok(()) => "the metric source answers".to_owned(),
                                Err(error) => {
                                    format!("the metric source is away: {}", SafeText::new(&error.to_string()))
                                }
                            };
                            tracing::info!(source = %core.source.id().0, "{line}");
                        }
                    }
                    tokio::time::sleep(TICK).await;
                }
            };
            tokio::select! {
                () = token.cancelled() => {}
                () = watch => {}
            }
        });
    }
}
