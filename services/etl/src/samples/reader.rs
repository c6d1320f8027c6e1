//! Reading: members of a selector, their new tail once for all who ask, everything else from memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_domain::{Clock, Labels, Samples, Selector, SeriesId, spacing};
use sla_proto::series::v1::Series;
use sla_runtime::pool::CpuPool;
use sla_runtime::shutdown::Shutdown;
use sla_source::{
    CachedReader, Call, MetricSource, ReadLimits, ReadRequest, ReaderOptions, SourceError, Targets, XorChunk,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::backfill::backfill_worker;
use super::clip::{clip, held};
use super::expressions::Expressions;
use super::long_look::Remembered;
use super::membership::Membership;
use super::reading::{QueryProblem, ReadPlan, Reading, SeriesReading};
use crate::catalogue::{Catalogue, MAX_LISTED_SERIES, too_many};
use crate::error::EtlError;
use crate::health::SourceHealth;
use crate::metrics::{EtlMetrics, add};
use crate::options::EtlOptions;
use crate::query::ReadQuery;

/// Samples older than asked by less than this were asked for a moment ago by somebody else: they are new enough, milliseconds.
const TOLERANCE_MS: i64 = 500;
/// What is read before a window, so that a value can be carried in and a rate can look back, milliseconds.
pub(super) const LOOK_BACK_MS: i64 = 900_000;
/// Batches of series that wait for their older history.
const BACKFILL_QUEUE: usize = 64;
pub(super) type LongSeries = Arc<Vec<(Labels, Samples)>>;

#[derive(Default)]
pub(super) struct State {
    pub(super) membership: Membership,
    pub(super) long_views: Vec<(ReadQuery, Instant, LongSeries)>,
    pub(super) long_looks: HashMap<SeriesId, Remembered>,
}

pub(super) struct Inner {
    pub(super) source: Arc<dyn MetricSource>,
    pub(super) cache: CachedReader,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) expressions: Expressions,
    pub(super) health: SourceHealth,
    pub(super) metrics: Arc<EtlMetrics>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pool: CpuPool,
    pub(super) longest_window_ms: i64,
    pub(super) history_ms: i64,
    pub(super) long_view_ms: i64,
    pub(super) state: Mutex<State>,
    /// One reader of new samples at a time: those who waited find them read.
    turn: Semaphore,
    /// One look at days at a time, for the same reason.
    pub(super) long_turn: Semaphore,
    backfill: mpsc::Sender<Vec<Labels>>,
}

/// The one way to samples. Cheap to clone.
#[derive(Clone)]
pub struct SampleReader(pub(super) Arc<Inner>);

/// What the reads of one answer cost and where they failed.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) bytes: u64,
    pub(super) source_time: Duration,
    pub(super) problems: Vec<QueryProblem>,
    /// The source as a whole is away: every query is answered from memory.
    pub(super) outage: Option<SourceError>,
    /// Samples older than the cache keeps, read for this answer only.
    pub(super) direct: HashMap<SeriesId, Vec<XorChunk>>,
}

impl Tally {
    pub(super) fn problem(&mut self, query_index: usize, error: SourceError) {
        if error.is_outage() {
            self.outage.get_or_insert(error);
        } else {
            self.problems.push(QueryProblem { query_index, error });
        }
    }
}

impl SampleReader {
    /// A reader with an empty memory; its background work ends with `shutdown`.
    pub fn start(
        source: Arc<dyn MetricSource>,
        catalogue: Arc<Catalogue>,
        health: SourceHealth,
        metrics: Arc<EtlMetrics>,
        clock: Arc<dyn Clock>,
        options: &EtlOptions,
        pool: CpuPool,
        shutdown: &Shutdown,
    ) -> Self {
        let (backfill, queue) = mpsc::channel(BACKFILL_QUEUE);
        let reader_options = ReaderOptions {
            window_ms: options.longest_window_ms() + LOOK_BACK_MS,
            keep_ms: options.history_ms + LOOK_BACK_MS,
            // The limit of a read is checked here, where queries are known.
            max_series: MAX_LISTED_SERIES,
            ..ReaderOptions::default()
        };
        let reader = Self(Arc::new(Inner {
            cache: CachedReader::new(source.clone(), clock.clone(), reader_options),
            source,
            catalogue,
            expressions: Expressions::default(),
            health,
            metrics,
            clock,
            pool,
            longest_window_ms: options.longest_window_ms(),
            history_ms: options.history_ms,
            long_view_ms: options.long_view_ms,
            state: Mutex::default(),
            turn: Semaphore::new(1),
            long_turn: Semaphore::new(1),
            backfill,
        }));
        let worker = Arc::downgrade(&reader.0);
        let token = shutdown.token().clone();
        shutdown.spawn("etl backfill", async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = backfill_worker(worker, queue) => {}
            }
        });
        reader
    }

    /// Reads. An error means that no query was answered; a query or series that failed comes with its problem and, where there
    /// are any, its last known samples.
    pub async fn read(&self, plan: &ReadPlan, call: &Call) -> Result<Reading, EtlError> {
        let inner = &self.0;
        let mut tally = Tally::default();
        if !plan.cached_only && inner.catalogue.wants_types() {
            // Without types counters are told by their names; the health has noted the failure.
            if let Err(error) = inner.catalogue.names(call).await {
                tracing::debug!(%error, "metric types are not known yet");
            }
        }
        let mut series = if plan.long_view {
            inner.long_view(plan, call, &mut tally).await?
        } else {
            let selectors = plan.selectors();
            if !plan.cached_only {
                inner.discover(&selectors, plan, call, &mut tally).await;
                inner.refresh(&selectors, plan, call, &mut tally).await;
                inner.reach_back(&selectors, plan, call, &mut tally).await;
            }
            let mut series = inner.raw(&selectors, plan, &mut tally).await?;
            series.extend(inner.evaluated(plan, call, &mut tally).await);
            series
        };
        if series.len() > plan.max_series {
            return Err(EtlError::TooManySeries {
                found: series.len(),
                limit: plan.max_series,
            });
        }
        let mut seen = HashSet::new();
        series.sort_by_key(|one| one.query_index);
        series.retain(|one| seen.insert(one.id));
        if let Some(outage) = tally.outage {
            tally.problems = (0..plan.queries.len())
                .map(|query_index| QueryProblem {
                    query_index,
                    error: outage.clone(),
                })
                .collect();
        }
        // One query, refused as a whole: that is the answer.
        if let ([problem], true, 1) = (tally.problems.as_slice(), series.is_empty(), plan.queries.len())
            && !problem.error.is_outage()
        {
            return Err(too_many(problem.error.clone()));
        }
        add(&inner.metrics.source_bytes, tally.bytes);
        Ok(Reading {
            series,
            problems: tally.problems,
            status: inner.health.status(),
            bytes_read: tally.bytes,
            read_ms: tally.source_time.as_secs_f64() * 1_000.0,
        })
    }

    /// What stands for all series of a query that could not be answered.
    pub fn unanswered_message(&self, query: &str) -> (SeriesId, Series) {
        self.0.catalogue.expression_message(query, &Labels::default())
    }

    /// How full the memory is.
    pub fn fill(&self) -> sla_source::CacheFill {
        self.0.cache.fill()
    }
}

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Answers of the source are put in whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, error: &SourceError) {
        add(&self.metrics.source_failures, 1);
        self.health.failed(error);
    }

    /// Asks which series the selectors mean, all in one question where possible.
    pub(super) async fn discover(
        &self,
        selectors: &[(usize, &Selector)],
        plan: &ReadPlan,
        call: &Call,
        tally: &mut Tally,
    ) {
        let due: Vec<(usize, &Selector)> = {
            let state = self.state();
            selectors
                .iter()
                .filter(|(_, selector)| state.membership.is_due(selector.text(), plan.until_ms))
                .copied()
                .collect()
        };
        if due.is_empty() {
            return;
        }
        if due.len() > 1 {
            let texts: Vec<String> = due.iter().map(|(_, selector)| selector.text().to_owned()).collect();
            match self.members(&texts, plan, call, tally).await {
                Ok(found) => {
                    let mut state = self.state();
                    for (_, selector) in &due {
                        let own = found
                            .iter()
                            .filter(|labels| selector.matches(labels))
                            .cloned()
                            .collect();
                        state.membership.answered(selector.text(), own, plan.until_ms);
                    }
                    return;
                }
                Err(error) if error.is_outage() || matches!(error, SourceError::Cancelled { .. }) => {
                    tally.outage.get_or_insert(error);
                    return;
                }
                // One of them is to blame: ask one by one.
                Err(_) => {}
            }
        }
        for (index, selector) in due {
            match self.members(&[selector.text().to_owned()], plan, call, tally).await {
                Ok(found) => self.state().membership.answered(selector.text(), found, plan.until_ms),
                Err(error) => tally.problem(index, error),
            }
            if tally.outage.is_some() {
                return;
            }
        }
    }

    async fn members(
        &self,
        texts: &[String],
        plan: &ReadPlan,
        call: &Call,
        tally: &mut Tally,
    ) -> Result<Vec<Labels>, SourceError> {
        self.health.gate()?;
        let start_ms = plan.after_ms.min(plan.until_ms - self.longest_window_ms);
        let begun = Instant::now();
        let answer = self
            .source
            .series(texts, start_ms, plan.until_ms, plan.max_series, call)
            .await;
        tally.source_time += begun.elapsed();
        answer.inspect_err(|error| self.failed(error))
    }

    /// The selectors among these whose samples are older than `until_ms` asks for.
    fn stale<'a>(&self, selectors: &[(usize, &'a Selector)], until_ms: i64) -> Vec<(usize, &'a Selector)> {
        // Nobody can know more than the present.
        let wanted_ms = until_ms.min(self.clock.now_ms()) - TOLERANCE_MS;
        let mut state = self.state();
        selectors
            .iter()
            .filter(|(_, selector)| {
                state
                    .membership
                    .get(selector.text())
                    .is_some_and(|members| members.fresh_until_ms.is_none_or(|fresh| fresh < wanted_ms))
            })
            .copied()
            .collect()
    }

    /// Brings the members' samples up to the instant asked for.
    async fn refresh(&self, selectors: &[(usize, &Selector)], plan: &ReadPlan, call: &Call, tally: &mut Tally) {
        if tally.outage.is_some() || self.stale(selectors, plan.until_ms).is_empty() {
            return;
        }
        let turn = call
            .guard("waiting for a read that is under way", call.remaining(), async {
                self.turn.acquire().await.map_err(|_| SourceError::Cancelled {
                    tried: "reading samples".to_owned(),
                })
            })
            .await;
        let _turn = match turn {
            Ok(turn) => turn,
            Err(error) => {
                for (index, _) in selectors {
                    tally.problem(*index, error.clone());
                }

                return;
            }
        };
        let stale = self.stale(selectors, plan.until_ms);
        if stale.is_empty() {
            add(&self.metrics.coalesced_reads, 1);
            return;
        }
        if let Err(error) = self.health.gate() {
            tally.outage = Some(error);
            return;
        }
        let wanted = self.union(&stale);
        let unknown: Vec<Labels> = wanted
            .iter()
            .filter(|labels| self.cache.about(self.cache.id_of(labels)).is_none())
            .cloned()
            .collect();
        let until_ms = plan.until_ms.min(self.clock.now_ms());
        let begun = Instant::now();
        let answer = self.cache.refresh(&wanted, until_ms, call).await;
        tally.source_time += begun.elapsed();
        match answer {
            Ok(done) => {
                add(&self.metrics.source_reads, 1);
                tally.bytes += done.bytes;
                let failures: HashMap<SeriesId, SourceError> = done
                    .failures
                    .into_iter()
                    .map(|one| (self.cache.id_of(&one.labels), one.error))
                    .collect();
                let outage = failures.values().find(|error| error.is_outage());
                if let Some(error) = outage.filter(|_| done.series == 0) {
                    self.failed(error);
                    tally.outage = Some(error.clone());
                } else if done.way.is_some() {
                    self.health.succeeded(done.way, &done.warnings);
                }
                let mut state = self.state();
                for (_, selector) in &stale {
                    if let Some(members) = state.membership.get(selector.text()) {
                        members.failures.clone_from(&failures);
                        // With failures the next reader tries again.
                        members.fresh_until_ms = failures.is_empty().then_some(until_ms);
                    }
                }
                drop(state);
                if !unknown.is_empty() && self.backfill.try_send(unknown).is_err() {
                    tracing::debug!(
                        "too many series wait for their older history; it is read when somebody asks for it"
                    );
                }
            }
            Err(error) => {
                self.failed(&error);
                for (index, _) in &stale {
                    tally.problem(*index, error.clone());
                }
            }
        }
    }

    /// All members of these selectors, each once.
    pub(super) fn union(&self, selectors: &[(usize, &Selector)]) -> Vec<Labels> {
        let mut state = self.state();
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for (_, selector) in selectors {
            if let Some(members) = state.membership.get(selector.text()) {
                out.extend(
                    members
                        .series
                        .iter()
                        .filter(|labels| seen.insert((*labels).clone()))
                        .cloned(),
                );
            }
        }
        out
    }

    /// Where somebody asks for more history than the first read brought: fetches it now, into memory as far as that keeps it.
    async fn reach_back(&self, selectors: &[(usize, &Selector)], plan: &ReadPlan, call: &Call, tally: &mut Tally) {
        if tally.outage.is_some() {
            return;
        }
        let short: Vec<Labels> = self
            .union(selectors)
            .into_iter()
            .filter(|labels| {
                self.cache
                    .about(self.cache.id_of(labels))
                    .is_some_and(|known| known.covered_after_ms > plan.after_ms)
            })
            .collect();
        if short.is_empty() {
            return;
        }
        let begun = Instant::now();
        let kept_from_ms = self.clock.now_ms() - self.history_ms;
        let answer = if plan.after_ms >= kept_from_ms {
            self.cache.extend_back(&short, call).await.map(|done| done.bytes)
        } else {
            self.read_directly(short, plan, call, tally).await
        };
        tally.source_time += begun.elapsed();
        match answer {
            Ok(bytes) => tally.bytes += bytes,
            Err(error) => {
                self.failed(&error);
                for (index, _) in selectors {
                    tally.problem(*index, error.clone());
                }
            }
        }
    }

    async fn read_directly(
        &self,
        series: Vec<Labels>,
        plan: &ReadPlan,
        call: &Call,
        tally: &mut Tally,
    ) -> Result<u64, SourceError> {
        let after_ms = plan.after_ms - LOOK_BACK_MS;
        let request = ReadRequest {
            targets: Targets::Series(series),
            after_ms,
            until_ms: plan.until_ms,
            limits: ReadLimits {
                max_series: MAX_LISTED_SERIES,
            },
        };
        let read = self.source.read(&request, call).await?;
        let bytes = read.bytes;
        for one in &read.series {
            match one.samples(after_ms, plan.until_ms) {
                Ok(samples) => {
                    tally.direct.insert(self.cache.id_of(&one.labels), held(&samples));
                }
                Err(error) => tracing::warn!(%error, "a chunk of the source cannot be decoded"),
            }
        }
        Ok(bytes)
    }

    /// The raw series of the selectors, cut to the range.
    async fn raw(
        self: &Arc<Self>,
        selectors: &[(usize, &Selector)],
        plan: &ReadPlan,
        tally: &mut Tally,
    ) -> Result<Vec<SeriesReading>, EtlError> {
        let mut wanted: Vec<(usize, Labels, Option<SourceError>)> = Vec::new();
        {
            let mut state = self.state();
            let mut seen = HashSet::new();
            for (index, selector) in selectors {
                let Some(members) = state.membership.get(selector.text()) else {
                    continue;
                };
                for labels in members.series.iter() {
                    if seen.insert(labels.clone()) {
                        let failure = members.failures.get(&self.cache.id_of(labels)).cloned();
                        wanted.push((*index, labels.clone(), failure));
                    }
                }
            }
        }
        if wanted.len() > plan.max_series {
            return Err(EtlError::TooManySeries {
                found: wanted.len(),
                limit: plan.max_series,
            });
        }
        let direct = std::mem::take(&mut tally.direct);
        let (after_ms, until_ms, inner) = (plan.after_ms, plan.until_ms, self.clone());
        let read = self
            .pool
            .run(move || {
                wanted
                    .into_iter()
                    .filter_map(|(query_index, labels, failure)| {
                        inner.one(query_index, &labels, failure, &direct, after_ms, until_ms)
                    })
                    .collect()
            })
            .await?;
        Ok(read)
    }

    fn one(
        &self,
        query_index: usize,
        labels: &Labels,
        mut failure: Option<SourceError>,
        direct: &HashMap<SeriesId, Vec<XorChunk>>,
        after_ms: i64,
        until_ms: i64,
    ) -> Option<SeriesReading> {
        let (id, series) = self.catalogue.series_message(labels);
        let chunks = match direct.get(&id) {
            Some(chunks) => chunks.clone(),
            None => self
                .cache
                .chunks(id, after_ms - LOOK_BACK_MS, until_ms)
                .unwrap_or_default(),
        };
        let chunks = match clip(&chunks, after_ms, until_ms) {
            Ok(chunks) => chunks,
            Err(error) => {
                failure = Some(SourceError::Decode {
                    tried: "decoding cached samples".to_owned(),
                    what: error.to_string(),
                    cause: Some(Arc::new(error)),
                });
                Vec::new()
            }
        };
        if chunks.is_empty() && failure.is_none() {
            // Not seen in this range: it drops out.
            return None;
        }
        let spacing_ms = self.cache.about(id).and_then(|known| known.spacing_ms);
        Some(SeriesReading {
            series,
            id,
            query_index,
            spacing_ms: spacing_ms.unwrap_or(spacing::DEFAULT_SPACING_MS),
            chunks,
            failure,
        })
    }
}
