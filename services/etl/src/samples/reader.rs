//! Reading: the source is asked for what is new, once for all who ask; everything else comes from memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sla_domain::{Clock as _, Labels, Samples, Selector, SeriesId};
use sla_proto::series::v1::{Series, SourceStatus};
use sla_runtime::pool::CpuPool;
use sla_runtime::shutdown::Shutdown;
use sla_source::{CacheFill, Call, SourceError, XorChunk};
use tokio::sync::mpsc;

use super::backfill::{BACKFILL_QUEUE, backfill_worker};
use super::clip::clip;
use super::derived;
use super::memory::{LOOK_BACK_MS, SampleMemory};
use super::reading::{ReadPlan, ReadTally, SampleReading, SeriesReading};
use super::tail::Tail;
use crate::catalogue::{Catalogue, too_many};
use crate::error::EtlError;
use crate::options::EtlOptions;
use crate::query::ReadQuery;

/// The one way to the samples of a source. Cheap to clone.
#[derive(Clone)]
pub struct SampleReader(pub(super) Arc<SampleMemory>);

impl SampleReader {
    /// A reader of the catalogue's source with an empty memory; its background work ends with `shutdown`.
    pub fn start(catalogue: Arc<Catalogue>, options: &EtlOptions, pool: CpuPool, shutdown: &Shutdown) -> Self {
        let (backfill, queue) = mpsc::channel(BACKFILL_QUEUE);
        let memory = Arc::new(SampleMemory::new(catalogue, options, pool, backfill));
        let (worker, token) = (Arc::downgrade(&memory), shutdown.token().clone());
        shutdown.spawn("etl backfill", async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = backfill_worker(worker, queue) => {}
            }
        });
        Self(memory)
    }

    /// Reads. An error means that no query was answered; a query or series that failed comes with its problem and, where there
    /// are any, its last known samples.
    pub async fn read(&self, plan: &ReadPlan, call: &Call) -> Result<SampleReading, EtlError> {
        let memory = &self.0;
        let mut tally = ReadTally::default();
        if !plan.cached_only && memory.catalogue.wants_types() {
            // Without types counters are told by their names; the health has noted the failure.
            if let Err(error) = memory.catalogue.names(call).await {
                tracing::debug!(%error, "metric types are not known yet");
            }
        }
        // First the source is asked for what is new, one reader at a time (`turn`); then the answer is made from memory, each reader
        // for itself. So many readers of the same series cost the source one question, and nobody waits for another's decoding.
        let mut series = if plan.long_view {
            derived::long_view(memory, plan, call, &mut tally).await
        } else {
            let selectors = plan.selectors();
            if !plan.cached_only {
                let mut tail = Tail {
                    memory,
                    plan,
                    call,
                    tally: &mut tally,
                };
                tail.discover(&selectors).await;
                tail.refresh(&selectors).await;
                tail.reach_back(&selectors).await;
            }
            let mut series = raw(memory, &selectors, plan, &mut tally).await?;
            series.extend(derived::evaluated(memory, plan, call, &mut tally).await);
            series
        };
        within(series.len(), plan.max_series)?;
        series.sort_by_key(|one| one.query_index);
        let mut seen = HashSet::new();
        series.retain(|one| seen.insert(one.id));
        for one in &series {
            if let Some(error) = &one.failure {
                tally.failed(one.query_index, &one.labels(), error);
            }
        }
        let problems = tally.problems_of_all(plan.queries.len());
        let failed = tally.failed_alone(&problems);
        // One query, refused as a whole: that is the answer.
        if let ([problem], true, 1) = (problems.as_slice(), series.is_empty(), plan.queries.len())
            && !problem.error.is_outage()
        {
            return Err(too_many(problem.error.clone()));
        }
        memory.metrics.source_bytes.inc_by(tally.bytes);
        Ok(SampleReading {
            series,
            problems,
            failed,
            status: self.status(),
            statuses: Vec::new(),
            bytes_read: tally.bytes,
            read_ms: tally.source_time.as_secs_f64() * 1_000.0,
        })
    }

    /// The 5-min means of the days before `at_ms` of the series that `queries` give; what cannot be read is missing.
    pub async fn means_of_days(
        &self,
        queries: &[ReadQuery],
        at_ms: i64,
        max_series: usize,
        call: &Call,
    ) -> HashMap<SeriesId, Samples> {
        let plan = ReadPlan {
            queries: queries.to_vec(),
            after_ms: at_ms - self.0.long_view_ms,
            until_ms: at_ms,
            max_series,
            cached_only: false,
            long_view: true,
        };
        match self.read(&plan, call).await {
            Ok(reading) => {
                let means = reading.series.into_iter();
                means.filter_map(|one| Some((one.id, one.samples().ok()?))).collect()
            }
            Err(error) => {
                tracing::debug!(%error, "days could not be read");
                HashMap::new()
            }
        }
    }

    /// What stands for all series of a query that could not be answered.
    pub fn unanswered_message(&self, query: &str) -> (SeriesId, Series) {
        self.0.catalogue.expression_message(query, &Labels::default())
    }

    /// How the source does, and what its memory had to drop.
    pub fn status(&self) -> SourceStatus {
        let mut status = self.0.health.status();
        let fill = self.fill();
        if fill.shed_series > 0 {
            let cap_mib = fill.cap_bytes >> 20;
            status.warnings.insert(
                0,
                format!(
                    "the sample memory of {cap_mib} MiB is full: {} series were dropped and are read anew when asked for; \
                     raise etl.cache_bytes",
                    fill.shed_series
                ),
            );
        }
        status
    }

    /// The source's present, Unix milliseconds.
    pub fn present_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// How full the memory is.
    pub fn fill(&self) -> CacheFill {
        self.0.cache.fill()
    }
}

fn within(found: usize, limit: usize) -> Result<(), EtlError> {
    if found > limit {
        return Err(EtlError::TooManySeries { found, limit });
    }
    Ok(())
}

/// A series that a selector means, and why its newest samples could not be read.
struct Wanted {
    query_index: usize,
    labels: Labels,
    failure: Option<SourceError>,
}

/// The raw series of the selectors, cut to the range.
async fn raw(
    memory: &Arc<SampleMemory>,
    selectors: &[(usize, &Selector)],
    plan: &ReadPlan,
    tally: &mut ReadTally,
) -> Result<Vec<SeriesReading>, EtlError> {
    let mut wanted: Vec<Wanted> = Vec::new();
    {
        // The lock is held for names only, never across a wait: labels are copied out of it.
        let mut remembered = memory.remembered();
        let mut seen = HashSet::new();
        for &(query_index, selector) in selectors {
            let Some(members) = remembered.membership.get(selector.text()) else {
                // Who is asked for the first time while the source is away is one of those who are known.
                let known = remembered.membership.matching(selector);
                let known = known
                    .filter(|_| tally.outage.is_some())
                    .filter(|labels| seen.insert((*labels).clone()));
                wanted.extend(known.map(|labels| Wanted {
                    query_index,
                    labels: labels.clone(),
                    failure: None,
                }));
                continue;
            };
            for labels in members.series.iter() {
                let failure = members.failures.get(&memory.cache.id_of(labels)).cloned();
                if let Some(error) = &failure {
                    tally.failed(query_index, labels, error);
                }
                if seen.insert(labels.clone()) {
                    wanted.push(Wanted {
                        query_index,
                        labels: labels.clone(),
                        failure,
                    });
                }
            }
        }
    }
    within(wanted.len(), plan.max_series)?;
    let direct = std::mem::take(&mut tally.direct);
    let (after_ms, until_ms, shared) = (plan.after_ms, plan.until_ms, memory.clone());
    // Off the async threads: chunks at the edges of the range are decoded and written anew.
    let cut = move || {
        let cut = |one| cut_to_range(&shared, one, &direct, after_ms, until_ms);
        wanted.into_iter().filter_map(cut).collect()
    };
    Ok(memory.pool.run(cut).await?)
}

/// One series in (`after_ms`, `until_ms`]; `None` for one that was not seen there.
fn cut_to_range(
    memory: &SampleMemory,
    wanted: Wanted,
    direct: &HashMap<SeriesId, Vec<XorChunk>>,
    after_ms: i64,
    until_ms: i64,
) -> Option<SeriesReading> {
    let (id, series) = memory.catalogue.series_message(&wanted.labels);
    let mut failure = wanted.failure;
    let chunks = match direct.get(&id) {
        Some(chunks) => chunks.clone(),
        None => memory
            .cache
            .chunks(id, after_ms - LOOK_BACK_MS, until_ms)
            .unwrap_or_default(),
    };
    let chunks = clip(&chunks, after_ms, until_ms).unwrap_or_else(|error| {
        failure = Some(SourceError::Decode {
            tried: "decoding cached samples".to_owned(),
            what: error.to_string(),
            cause: Some(Arc::new(error)),
        });
        Vec::new()
    });
    if chunks.is_empty() && failure.is_none() {
        return None;
    }
    let spacing_ms = memory.cache.about(id).and_then(|known| known.spacing_ms);
    if let Some(spacing_ms) = spacing_ms {
        memory.clock.note_spacing(spacing_ms);
    }
    Some(SeriesReading {
        series,
        id,
        query_index: wanted.query_index,
        // One sample says nothing, and what is told once is kept: two of them are waited for.
        spacing_ms: spacing_ms.unwrap_or(0),
        chunks,
        failure,
    })
}
