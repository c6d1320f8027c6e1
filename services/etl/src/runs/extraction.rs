//! What a run reads, source by source, before its steps begin.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sla_domain::duration::format_short_ms;
use sla_domain::{Samples, SeriesId};
use sla_proto::result::v1::{ReadShare, SeriesResult, StepTiming};
use sla_source::{Call, SourceError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::in_use::ScopedQuery;
use super::live::LiveRun;
use super::{Level, Runs};
use crate::analyst::{DaysOf, timing};
use crate::error::EtlError;
use crate::query::SourcedQuery;
use crate::samples::{LongLooks, LookedAt, QueryProblem, ReadPlan, SampleReader, SampleReading, SeriesReading};
use crate::sources::{Grouped, SourceGroup, unknown_source};
use crate::steps::{RunStep, StepOptions};

/// Limit of the reads of one source.
const EXTRACT_LIMIT: Duration = Duration::from_mins(5);
/// Limit of the reads of days of 5-min means of one source.
const LOOK_LIMIT: Duration = Duration::from_mins(2);
/// The step that reads days of 5-min means.
const LONG_VIEW: &str = "long_view";

/// A series on its way through the steps.
pub(super) struct Job {
    pub(super) reading: SeriesReading,
    pub(super) options: Arc<StepOptions>,
    pub(super) failure: Option<SourceError>,
    /// What it took so far: its shares of the reads.
    pub(super) timings: Vec<StepTiming>,
    pub(super) read: ReadShare,
    pub(super) days: DaysOf,
    /// The instant all its windows end at, Unix milliseconds.
    pub(super) at_ms: i64,
}

/// Everything that was read for a run.
#[derive(Default)]
pub(super) struct Lot {
    pub(super) jobs: Vec<Job>,
    /// A failure for each query that failed before it named any series: it is a record like others, so that it is listed and
    /// can be tried again.
    pub(super) unanswered: Vec<SeriesResult>,
    pub(super) samples: u64,
    pub(super) bytes: u64,
}

/// What is known about days, and what reading them took.
#[derive(Default)]
struct Days {
    looks: LongLooks,
    means: HashMap<SeriesId, Samples>,
    read: HashSet<SeriesId>,
    /// The share of one series that was read.
    timing: Option<StepTiming>,
}

impl Days {
    fn timing_of(&self, id: SeriesId) -> Option<StepTiming> {
        self.timing.clone().filter(|_| self.read.contains(&id))
    }

    fn of(&mut self, id: SeriesId) -> DaysOf {
        DaysOf {
            look: self.looks.get(&id).cloned(),
            means: self.means.remove(&id),
        }
    }
}

/// Steps with and without a forecast.
pub(super) struct Choice {
    pub(super) with_forecast: Arc<StepOptions>,
    pub(super) without_forecast: Arc<StepOptions>,
}

impl Choice {
    pub(super) fn of(options: &StepOptions) -> Self {
        Self {
            with_forecast: Arc::new(options.clone()),
            without_forecast: Arc::new(StepOptions {
                steps: options.steps.without(RunStep::Forecast),
                ..options.clone()
            }),
        }
    }
}

impl Runs {
    /// Reads what the queries mean, source after source, up to `at_ms`, or to the present of each source.
    pub(super) async fn extract(
        &self,
        run: &LiveRun,
        queries: &[ScopedQuery],
        options: &StepOptions,
        at_ms: Option<i64>,
        stop: &CancellationToken,
    ) -> Result<Lot, EtlError> {
        let parts = &self.0.parts;
        let asked: Vec<SourcedQuery> = queries.iter().map(|one| one.asked.clone()).collect();
        let Grouped { known, unknown } = parts.sources.grouped(&asked);
        let mut lot = Lot::default();
        for (at, name) in unknown {
            let at_ms = parts.sources.default_unit().reader.present_ms();
            self.unanswered(run, &asked[at], at_ms, &unknown_source(name), &mut lot);
        }
        let choice = Choice::of(options);
        // Several queries of the one source there is: its refusal is that of the run.
        let all_in_one = asked.len() > 1 && known.len() == 1;
        for group in &known {
            let reader = &group.unit.reader;
            let at_ms = at_ms.unwrap_or_else(|| reader.present_ms());
            let limit = parts.options.max_series;
            let plan = ReadPlan {
                queries: group.queries.iter().map(|(_, one)| one.query.clone()).collect(),
                after_ms: at_ms - options.reach_ms(),
                until_ms: at_ms,
                max_series: limit.saturating_sub(lot.jobs.len()),
                cached_only: false,
                long_view: false,
            };
            let call = Call::within(EXTRACT_LIMIT).cancelled_by(stop.child_token());
            let reading = match reader.read(&plan, &call).await {
                // Refused as a whole, beside others or alone: its queries have failed, the run has not.
                Err(EtlError::Source(error)) if !all_in_one && !matches!(error, SourceError::Cancelled { .. }) => {
                    refused(plan.queries.len(), &error)
                }
                Err(EtlError::TooManySeries { found, .. }) => {
                    let found = found + lot.jobs.len();
                    return Err(EtlError::TooManySeries { found, limit });
                }
                read => read?,
            };
            let days = self.look_at_days(run, reader, options, &plan, &reading, stop).await;
            self.assign(run, (group, queries), &choice, at_ms, (reading, days), &mut lot);
        }
        Ok(lot)
    }

    /// What days of 5-min means tell about the series, where metadata are wanted: from the memory, the storage, or the source.
    /// Never fails: what could not be read is noted in the metadata of its series.
    async fn look_at_days(
        &self,
        run: &LiveRun,
        reader: &SampleReader,
        options: &StepOptions,
        plan: &ReadPlan,
        reading: &SampleReading,
        stop: &CancellationToken,
    ) -> Days {
        let parts = &self.0.parts;
        if !options.steps.contains(RunStep::Metadata) {
            return Days::default();
        }
        run.change(|progress| progress.enter(LONG_VIEW));
        run.tell("", self.now_ms());
        reader.recall_looks(&parts.peer, &reading.series).await;
        let begun = Instant::now();
        let call = Call::within(LOOK_LIMIT).cancelled_by(stop.child_token());
        let LookedAt { looks, read } = reader
            .long_looks(&plan.queries, &reading.series, plan.until_ms, plan.max_series, &call)
            .await;
        let elapsed = begun.elapsed();
        if !read.is_empty() {
            let line = format!(
                "read {} of 5-min means of {} series in {:.1} s",
                format_short_ms(parts.options.long_view_ms),
                read.len(),
                elapsed.as_secs_f64()
            );
            self.note(Level::Info, run, &line);
            reader.keep_looks(&parts.peer, &read).await;
        }
        let means = if options.needs_days() {
            reader
                .means_of_days(&plan.queries, plan.until_ms, plan.max_series, &call)
                .await
        } else {
            HashMap::new()
        };
        let share_ms = elapsed.as_secs_f64() * 1_000.0 / read.len().max(1) as f64;
        Days {
            means,
            timing: Some(timing(LONG_VIEW, share_ms, parts.options.long_view_ms)),
            looks,
            read,
        }
    }

    /// Which series go through which steps.
    fn assign(
        &self,
        run: &LiveRun,
        (group, queries): (&SourceGroup<'_, '_>, &[ScopedQuery]),
        choice: &Choice,
        at_ms: i64,
        (reading, mut days): (SampleReading, Days),
        lot: &mut Lot,
    ) {
        lot.bytes += reading.bytes_read;
        lot.samples += reading.sample_count();
        let extract = timing("extract", reading.read_ms / reading.series.len().max(1) as f64, 0);
        let problems = reading.problems.into_iter();
        let mut problems: HashMap<usize, SourceError> = problems.map(|one| (one.query_index, one.error)).collect();
        let mut answered = HashSet::new();
        let shares = shares(&reading.series, reading.bytes_read);
        for (one, read) in reading.series.into_iter().zip(shares) {
            let query = group.queries.get(one.query_index).and_then(|(at, _)| queries.get(*at));
            answered.insert(one.query_index);
            let forecast = query.is_none_or(|query| query.forecast);
            let options = if forecast {
                &choice.with_forecast
            } else {
                &choice.without_forecast
            };
            let mut timings = vec![extract.clone()];
            timings.extend(days.timing_of(one.id));
            lot.jobs.push(Job {
                failure: one.failure.clone().or_else(|| problems.get(&one.query_index).cloned()),
                options: options.clone(),
                timings,
                read,
                days: days.of(one.id),
                at_ms,
                reading: one,
            });
        }
        problems.retain(|index, _| !answered.contains(index));
        let mut left: Vec<(usize, SourceError)> = problems.into_iter().collect();
        left.sort_by_key(|(index, _)| *index);
        for (index, error) in left {
            if let Some((_, asked)) = group.queries.get(index) {
                self.unanswered(run, asked, at_ms, &error, lot);
            }
        }
    }

    fn unanswered(&self, run: &LiveRun, asked: &SourcedQuery, at_ms: i64, error: &SourceError, lot: &mut Lot) {
        let parts = &self.0.parts;
        // A source that is not configured has no reader: the default one names the query, the error the source.
        let unit = parts.sources.named(&asked.source);
        let unit = unit.unwrap_or_else(|_| parts.sources.default_unit());
        let (_, series) = unit.reader.unanswered_message(asked.query.text());
        lot.unanswered.push(parts.analyst.unread(series, &run.id, at_ms, error));
    }
}

/// What each series has of a reading: its own samples, and of the bytes as much as any other.
fn shares(series: &[SeriesReading], bytes: u64) -> Vec<ReadShare> {
    let count = series.len().max(1) as u64;
    let share = |(at, one): (u64, &SeriesReading)| ReadShare {
        samples: one.sample_count(),
        bytes: bytes / count + u64::from(at < bytes % count),
    };
    (0..).zip(series).map(share).collect()
}

/// The reading of a source that refused as a whole.
fn refused(queries: usize, error: &SourceError) -> SampleReading {
    let problem = |query_index| QueryProblem {
        query_index,
        error: error.clone(),
    };
    SampleReading {
        problems: (0..queries).map(problem).collect(),
        ..SampleReading::default()
    }
}
