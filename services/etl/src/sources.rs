//! The metric sources of the role, each with everything that is kept about it. The first one is the default.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Clock, Invalid};
use sla_proto::series::v1::SourceStatus;
use sla_runtime::pool::CpuPool;
use sla_runtime::shutdown::Shutdown;
use sla_source::{Call, MetricSource, SourceError};

use crate::catalogue::Catalogue;
use crate::error::EtlError;
use crate::health::SourceHealth;
use crate::metrics::EtlMetrics;
use crate::options::{EtlOptions, MAX_SOURCES};
use crate::query::SourcedQuery;
use crate::samples::{QueryProblem, ReadPlan, SampleReader, SampleReading};
use crate::source_clock::SourceClock;

/// Longest time the source may take to say that it is there.
const PROBE_LIMIT: Duration = Duration::from_secs(15);

/// One source.
pub struct SourceUnit {
    /// The port.
    pub source: Arc<dyn MetricSource>,
    /// How it does.
    pub health: SourceHealth,
    /// What it offers.
    pub catalogue: Arc<Catalogue>,
    /// The way to its samples.
    pub reader: SampleReader,
}

impl SourceUnit {
    fn start(
        source: Arc<dyn MetricSource>,
        options: &EtlOptions,
        metrics: &EtlMetrics,
        clock: &Arc<dyn Clock>,
        pool: &CpuPool,
        shutdown: &Shutdown,
    ) -> Self {
        let source_clock = Arc::new(SourceClock::new(clock.clone(), source.clone()));
        let health = SourceHealth::new(&source.id().0, source_clock.clone());
        let catalogue = Arc::new(Catalogue::new(
            source.clone(),
            health.clone(),
            metrics.clone(),
            source_clock,
            options.longest_window_ms(),
        ));
        let reader = SampleReader::start(catalogue.clone(), options, pool.clone(), shutdown);
        Self {
            source,
            health,
            catalogue,
            reader,
        }
    }

    /// Its configured name.
    pub fn name(&self) -> &str {
        &self.source.id().0
    }

    /// Asks it what it is.
    pub async fn identify(&self, call: &Call) -> Result<(), EtlError> {
        match self.source.probe(call).await {
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

/// A read over any number of sources, all at one instant.
#[derive(Debug, Clone)]
pub struct WidePlan {
    /// What to read; series name the index of the query they answer.
    pub queries: Vec<SourcedQuery>,
    /// As in [`ReadPlan`], which is what each source gets.
    pub frame: ReadPlan,
}

/// All sources of the role. Cheap to clone.
#[derive(Clone)]
pub struct Sources(Arc<Vec<SourceUnit>>);

impl Sources {
    /// Starts the readers of `sources`; the first one is the default.
    ///
    /// # Errors
    /// [`EtlError::Invalid`] for none, too many, or two of one name.
    pub fn start(
        sources: Vec<Arc<dyn MetricSource>>,
        options: &EtlOptions,
        metrics: &EtlMetrics,
        clock: &Arc<dyn Clock>,
        pool: &CpuPool,
        shutdown: &Shutdown,
    ) -> Result<Self, EtlError> {
        if sources.is_empty() || sources.len() > MAX_SOURCES {
            return Err(EtlError::invalid(
                "sources",
                &sources.len().to_string(),
                format!("1 to {MAX_SOURCES} metric sources are possible"),
                "configure fewer",
            ));
        }
        let mut units: Vec<SourceUnit> = Vec::new();
        for source in sources {
            if units.iter().any(|unit| unit.source.id() == source.id()) {
                return Err(EtlError::invalid(
                    "sources",
                    &source.id().0,
                    "is the name of two metric sources",
                    "give each a name of its own",
                ));
            }
            units.push(SourceUnit::start(source, options, metrics, clock, pool, shutdown));
        }
        Ok(Self(Arc::new(units)))
    }

    /// All of them, the default one first.
    pub fn all(&self) -> &[SourceUnit] {
        &self.0
    }

    /// Where a scope has come to no query at all: whether that is its answer. While the source is away, nothing could be suggested
    /// that would be asked for: then that is the answer.
    ///
    /// # Errors
    /// Why the default source is away.
    pub async fn nothing_asked(&self) -> Result<(), EtlError> {
        self.default_unit().identify(&Call::within(PROBE_LIMIT)).await
    }

    /// The source that is meant when none is named.
    pub fn default_unit(&self) -> &SourceUnit {
        &self.0[0]
    }

    /// The source of this name; empty = the default one.
    ///
    /// # Errors
    /// [`EtlError::Invalid`] naming those there are.
    pub fn named(&self, name: &str) -> Result<&SourceUnit, EtlError> {
        if name.is_empty() {
            return Ok(self.default_unit());
        }
        self.0.iter().find(|unit| unit.name() == name).ok_or_else(|| {
            let names: Vec<&str> = self.0.iter().map(SourceUnit::name).collect();
            EtlError::Invalid(Invalid::new(
                "source",
                name,
                "no metric source of this name is configured",
                format!("choose one of {}", names.join(", ")),
            ))
        })
    }

    /// How each source does.
    pub fn statuses(&self) -> Vec<SourceStatus> {
        self.0.iter().map(|unit| unit.reader.status()).collect()
    }

    /// The queries of each source, with their places in the list; names that are not configured come apart.
    pub fn grouped<'q>(&self, queries: &'q [SourcedQuery]) -> Grouped<'_, 'q> {
        let mut grouped = Grouped::default();
        for (at, query) in queries.iter().enumerate() {
            let Ok(unit) = self.named(&query.source) else {
                grouped.unknown.push((at, &query.source));
                continue;
            };
            match grouped.known.iter_mut().find(|group| std::ptr::eq(group.unit, unit)) {
                Some(group) => group.queries.push((at, query)),
                None => grouped.known.push(SourceGroup {
                    unit,
                    queries: vec![(at, query)],
                }),
            }
        }
        grouped
    }

    /// Reads from every source that a query names, all at once. An error of one source is the problem of its queries; the
    /// answer as a whole fails only when it is the only one.
    pub async fn read(&self, plan: &WidePlan, call: &Call) -> Result<SampleReading, EtlError> {
        let Grouped { known, unknown } = self.grouped(&plan.queries);
        let alone = known.len() == 1 && unknown.is_empty();
        let reads = known.iter().map(|group| {
            let plan = ReadPlan {
                queries: group.queries.iter().map(|(_, one)| one.query.clone()).collect(),
                ..plan.frame.clone()
            };
            async move { group.unit.reader.read(&plan, call).await }
        });
        let answers = futures::future::join_all(reads).await;
        let mut whole = SampleReading {
            status: self.default_unit().reader.status(),
            ..SampleReading::default()
        };
        for (group, answer) in known.iter().zip(answers) {
            let answer = match answer {
                Ok(answer) => answer,
                Err(EtlError::Source(error)) if !alone => group.refused(&error),
                Err(error) => return Err(error),
            };
            whole.add(answer, |at| group.queries.get(at).map_or(at, |(place, _)| *place));
        }
        for (query_index, name) in unknown {
            let error = unknown_source(name);
            whole.problems.push(QueryProblem { query_index, error });
        }
        let (found, limit) = (whole.series.len(), plan.frame.max_series);
        if found > limit {
            return Err(EtlError::TooManySeries { found, limit });
        }
        whole.series.sort_by_key(|one| one.query_index);
        Ok(whole)
    }
}

/// The queries of one source, each with its place in the whole list.
pub struct SourceGroup<'s, 'q> {
    /// The source.
    pub unit: &'s SourceUnit,
    /// Its queries.
    pub queries: Vec<(usize, &'q SourcedQuery)>,
}

impl SourceGroup<'_, '_> {
    /// The answer of a source that refused as a whole.
    fn refused(&self, error: &SourceError) -> SampleReading {
        let problem = |query_index| QueryProblem {
            query_index,
            error: error.clone(),
        };
        SampleReading {
            problems: (0..self.queries.len()).map(problem).collect(),
            status: self.unit.reader.status(),
            ..SampleReading::default()
        }
    }
}

/// Queries by source.
#[derive(Default)]
pub struct Grouped<'s, 'q> {
    /// Of sources there are.
    pub known: Vec<SourceGroup<'s, 'q>>,
    /// Of names that no source has: the place of the query and the name.
    pub unknown: Vec<(usize, &'q str)>,
}

/// The problem of a query whose source is not configured.
pub fn unknown_source(name: &str) -> SourceError {
    SourceError::BadOption {
        field: "source",
        value: name.to_owned(),
        rule: "no metric source of this name is configured".to_owned(),
        cause: None,
    }
}
