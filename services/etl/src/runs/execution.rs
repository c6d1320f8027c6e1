//! One run from its first read to its closing word.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sla_domain::duration::format_short_ms;
use sla_domain::{SafeText, SeriesId};
use sla_proto::convert;
use sla_proto::etl::v1::StepSummary;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Record, RunFinished, SeriesResult, StepTiming, record::Fact};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::ReadLatestResultsRequest;
use sla_runtime::status::reason;
use sla_source::{Call, SourceError};
use tokio_util::sync::CancellationToken;

use super::live::LiveRun;
use super::progress::Ending;
use super::scope::{self, ScopedQuery};
use super::{Level, Runs};
use crate::analyst::{analysis_of, timing};
use crate::error::EtlError;
use crate::metrics::add;
use crate::samples::{LongLooks, LookedAt, QueryProblem, ReadPlan, SampleReading, SeriesReading};
use crate::steps::{RunStep, StepOptions, Steps};

/// Version of the records.
const SCHEMA: u32 = 1;
/// Limit of the reads of one run.
const EXTRACT_LIMIT: Duration = Duration::from_mins(5);
/// Limit of the reads of days of 5-min means of one run.
const LOOK_LIMIT: Duration = Duration::from_mins(2);
/// Records published at once.
const PUBLISH_RECORDS: usize = 50;
/// Stored results asked for at once, for warm starts.
const LATEST_PAGE: usize = 200;
/// Failed series named in the log of one run.
const MAX_LOGGED_FAILURES: u32 = 50;

/// The step that reads days of 5-min means.
const LONG_VIEW: &str = "long_view";

/// What is known about days, and what reading them took.
#[derive(Default)]
struct Days {
    looks: LongLooks,
    read: HashSet<SeriesId>,
    /// The share of one series that was read.
    timing: Option<StepTiming>,
}

impl Days {
    fn timing_of(&self, id: SeriesId) -> Option<StepTiming> {
        self.timing.clone().filter(|_| self.read.contains(&id))
    }
}

/// How a series is called in the log: its labels, or the query that gave none.
fn name_of(series: &Series) -> SafeText {
    if series.labels.is_empty() {
        return SafeText::with_limit(&series.expression, 160);
    }
    SafeText::with_limit(&convert::labels(series).to_string(), 160)
}

/// What a step took, as the log tells it.
fn step_line(step: &StepSummary) -> String {
    let window = if step.window_ms == 0 {
        "-".to_owned()
    } else {
        format_short_ms(step.window_ms)
    };
    let StepSummary {
        step,
        p50_ms,
        p95_ms,
        max_ms,
        series,
        ..
    } = step;
    format!("step={step} window={window} series={series} p50={p50_ms:.3}ms p95={p95_ms:.3}ms max={max_ms:.3}ms")
}

/// A series on its way through the steps.
struct Job {
    reading: SeriesReading,
    options: Arc<StepOptions>,
    failure: Option<SourceError>,
}

impl Runs {
    /// Executes a run and stores its end.
    pub(super) async fn execute(&self, run: &LiveRun, shutdown: &CancellationToken) {
        let begun = Instant::now();
        run.change(|progress| progress.begin(self.past_ms_per_series()));
        run.tell("started", self.now_ms());
        if let Err(error) = self.save(run).await {
            self.note(Level::Warn, run, &format!("its start could not be stored: {error}"));
        }
        let cancel = run.cancel.clone();
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        // Either of the two ends the reads of this run.
        let either = {
            let (stop, shutdown) = (stop.clone(), shutdown.clone());
            async move {
                tokio::select! {
                    () = cancel.cancelled() => stop.cancel(),
                    () = shutdown.cancelled() => stop.cancel(),
                    () = stop.cancelled() => {}
                }
            }
        };
        let mut published = 0;
        let (ending, ()) = tokio::join!(
            async {
                let ending = self.pipeline(run, &stop, &mut published).await;
                stop.cancel();
                ending
            },
            either
        );
        drop(guard);
        let ending = match ending {
            Err(error) if run.cancel.is_cancelled() => {
                tracing::debug!(%error, "cancelled");
                Ending::Cancelled
            }
            Err(_) if shutdown.is_cancelled() => Ending::Aborted {
                reason: reason::UNAVAILABLE,
                message: "the process went down".to_owned(),
            },
            Err(error) => Ending::Aborted {
                reason: error.reason(),
                message: format!("{error}; {}", error.hint()),
            },
            Ok(()) if run.cancel.is_cancelled() => Ending::Cancelled,
            Ok(()) if shutdown.is_cancelled() => Ending::Aborted {
                reason: reason::UNAVAILABLE,
                message: "the process went down".to_owned(),
            },
            Ok(()) => Ending::Complete,
        };
        let ending = self.close(run, ending, published).await;
        let message = run.change(|progress| progress.end(&ending, self.now_ms()).to_owned());
        let level = match ending {
            Ending::Aborted { .. } => Level::Error,
            _ if run.change(|progress| progress.failed()) > 0 => Level::Warn,
            _ => Level::Info,
        };
        let line = format!("ended after {:.1} s: {message}", begun.elapsed().as_secs_f64());
        self.note(level, run, &line);
        let ended = run.to_message();
        for step in &ended.step_summaries {
            self.note(Level::Info, run, &step_line(step));
        }
        self.0.pace.learn(&ended);
        add(&self.0.parts.metrics.runs_ended, 1);
        // Stored first: who sees the last event may ask the storage at once.
        tokio::select! {
            () = self.save_final(run) => {}
            () = shutdown.cancelled() => {}
        }
        run.tell(&line, self.now_ms());
    }

    /// The producer's closing word, so that loss would be visible.
    async fn close(&self, run: &LiveRun, ending: Ending, published: u32) -> Ending {
        let finished = RunFinished {
            run_id: run.id.clone(),
            expected: published,
            finished: Some(convert::timestamp(self.now_ms())),
            cancelled: ending == Ending::Cancelled,
        };
        let record = Record {
            schema: SCHEMA,
            fact: Some(Fact::RunFinished(finished)),
        };
        match self.0.parts.stream.publish(&[record]).await {
            Err(error) if ending == Ending::Complete => {
                let error = EtlError::from(error);
                Ending::Aborted {
                    reason: error.reason(),
                    message: sla_runtime::status::chain(&error),
                }
            }
            Ok(_) | Err(_) => ending,
        }
    }

    async fn pipeline(&self, run: &LiveRun, stop: &CancellationToken, published: &mut u32) -> Result<(), EtlError> {
        let parts = &self.0.parts;
        let message = run.to_message();
        let steps = Steps::from_words(&message.steps).unwrap_or(Steps::ALL);
        let queries = scope::resolve(&parts.peer, &message.scope.unwrap_or_default()).await?;
        if queries.is_empty() {
            return Ok(());
        }
        run.change(|progress| progress.enter("extract"));
        run.tell(&format!("reading {} queries", queries.len()), self.now_ms());

        let at_ms = parts.reader.present_ms();
        let plan = ReadPlan {
            queries: queries.iter().map(|one| one.query.clone()).collect(),
            after_ms: at_ms - parts.options.longest_window_ms(),
            until_ms: at_ms,
            max_series: parts.options.max_series,
            cached_only: false,
            long_view: false,
        };
        let call = Call::within(EXTRACT_LIMIT).cancelled_by(stop.child_token());
        let reading = match parts.reader.read(&plan, &call).await {
            // A run of one query that is refused has failed at that query, as it would beside others.
            Err(EtlError::Source(error)) if queries.len() == 1 && !matches!(error, SourceError::Cancelled { .. }) => {
                SampleReading {
                    problems: vec![QueryProblem { query_index: 0, error }],
                    ..SampleReading::default()
                }
            }
            read => read?,
        };
        let extract = timing("extract", reading.read_ms / reading.series.len().max(1) as f64, 0);
        let days = self.look_at_days(run, steps, &plan, &reading, stop).await;
        let (jobs, unanswered) = self.assign(run, &queries, steps, at_ms, reading);
        for batch in unanswered.chunks(PUBLISH_RECORDS) {
            *published += self.publish(run, batch.to_vec()).await?;
        }
        if steps.contains(RunStep::Forecast) {
            self.warm_up(&jobs).await;
        }
        let word = steps.words().into_iter().next().unwrap_or_default();
        run.change(|progress| progress.enter(&word));
        run.tell("", self.now_ms());

        let results = futures::stream::iter(jobs)
            // Between two series: what has begun is finished, nothing more is begun.
            .take_while(|_| std::future::ready(!stop.is_cancelled()))
            .map(|job| {
                let long = days.looks.get(&job.reading.id).cloned();
                let mut timings = vec![extract.clone()];
                timings.extend(days.timing_of(job.reading.id));
                async move {
                    match &job.failure {
                        Some(error) => parts.analyst.unread(job.reading.series, &run.id, at_ms, error),
                        None => {
                            parts
                                .analyst
                                .analyse(job.reading, &run.id, at_ms, timings, long, job.options)
                                .await
                        }
                    }
                }
            })
            .buffer_unordered(parts.analyst.threads())
            .ready_chunks(PUBLISH_RECORDS);
        let mut results = std::pin::pin!(results);
        while let Some(batch) = results.next().await {
            *published += self.publish(run, batch).await?;
            run.tell_progress(self.now_ms());
        }
        Ok(())
    }

    /// What days of 5-min means tell about the series, where metadata are wanted: from the memory, the storage, or the source.
    /// Never fails: what could not be read is noted in the metadata of its series.
    async fn look_at_days(
        &self,
        run: &LiveRun,
        steps: Steps,
        plan: &ReadPlan,
        reading: &SampleReading,
        stop: &CancellationToken,
    ) -> Days {
        let parts = &self.0.parts;
        if !steps.contains(RunStep::Metadata) {
            return Days::default();
        }
        run.change(|progress| progress.enter(LONG_VIEW));
        run.tell("", self.now_ms());
        parts.reader.recall_looks(&parts.peer, &reading.series).await;
        let begun = Instant::now();
        let call = Call::within(LOOK_LIMIT).cancelled_by(stop.child_token());
        let LookedAt { looks, read } = parts
            .reader
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
            parts.reader.keep_looks(&parts.peer, &read).await;
        }
        let share_ms = elapsed.as_secs_f64() * 1_000.0 / read.len().max(1) as f64;
        Days {
            timing: Some(timing(LONG_VIEW, share_ms, parts.options.long_view_ms)),
            looks,
            read,
        }
    }

    /// Which series go through which steps, and a failure for each query that failed before it named any series: it is a
    /// record like others, so that it is listed and can be tried again.
    fn assign(
        &self,
        run: &LiveRun,
        queries: &[ScopedQuery],
        steps: Steps,
        at_ms: i64,
        reading: SampleReading,
    ) -> (Vec<Job>, Vec<SeriesResult>) {
        let parts = &self.0.parts;
        let bytes = reading.bytes_read;
        let samples = reading.sample_count();
        let mut problems: HashMap<usize, SourceError> = reading
            .problems
            .into_iter()
            .map(|problem| (problem.query_index, problem.error))
            .collect();
        let with_forecast = Arc::new(StepOptions {
            windows_ms: parts.options.windows_ms.clone(),
            horizon_ms: parts.options.horizon_ms,
            steps,
        });
        let without_forecast = Arc::new(StepOptions {
            steps: steps.without(RunStep::Forecast),
            ..StepOptions::clone(&with_forecast)
        });
        let mut answered = vec![false; queries.len()];
        let jobs: Vec<Job> = reading
            .series
            .into_iter()
            .map(|one| {
                let query = queries.get(one.query_index);
                if let Some(seen) = answered.get_mut(one.query_index) {
                    *seen = true;
                }
                let forecast = query.is_none_or(|query| query.forecast);
                Job {
                    failure: one.failure.clone().or_else(|| problems.get(&one.query_index).cloned()),
                    options: if forecast {
                        with_forecast.clone()
                    } else {
                        without_forecast.clone()
                    },
                    reading: one,
                }
            })
            .collect();
        problems.retain(|index, _| !answered.get(*index).copied().unwrap_or(false));
        run.change(|progress| {
            progress.covers(jobs.len() + problems.len());
            progress.extracted(samples, bytes);
        });
        let mut left: Vec<(usize, SourceError)> = problems.into_iter().collect();
        left.sort_by_key(|(index, _)| *index);
        let unanswered = left.into_iter().filter_map(|(index, error)| {
            let text = queries.get(index)?.query.text();
            let (_, series) = parts.reader.unanswered_message(text);
            Some(parts.analyst.unread(series, &run.id, at_ms, &error))
        });
        (jobs, unanswered.collect())
    }

    /// Fetches the last forecasts of series that are new to this process: their parameters make fits five times cheaper.
    async fn warm_up(&self, jobs: &[Job]) {
        let parts = &self.0.parts;
        let unknown: Vec<SeriesId> = jobs
            .iter()
            .map(|job| job.reading.id)
            .filter(|id| !parts.analyst.knows(*id))
            .collect();
        for page in unknown.chunks(LATEST_PAGE) {
            let request = ReadLatestResultsRequest {
                series_ids: page.iter().map(|id| id.0.to_vec()).collect(),
            };
            let Ok(answer) = parts.peer.results().read_latest_results(request).await else {
                // Cold fits then.
                return;
            };
            for result in answer
                .into_inner()
                .results
                .into_iter()
                .filter_map(|latest| latest.result)
            {
                let id = result.series.as_ref().and_then(convert::series_id);
                let forecast = analysis_of(&result).and_then(|analysis| analysis.forecast.clone());
                if let (Some(id), Some(forecast)) = (id, forecast) {
                    parts.analyst.remember(id, forecast);
                    add(&parts.metrics.forecasts_recalled, 1);
                }
            }
        }
    }

    /// Publishes results and counts them once they are durable; gives how many.
    async fn publish(&self, run: &LiveRun, results: Vec<SeriesResult>) -> Result<u32, EtlError> {
        let begun = Instant::now();
        let count = results.len();
        let records: Vec<Record> = results
            .into_iter()
            .map(|result| Record {
                schema: SCHEMA,
                fact: Some(Fact::SeriesResult(result)),
            })
            .collect();
        self.0.parts.stream.publish(&records).await?;
        let ms = begun.elapsed().as_secs_f64() * 1_000.0 / count.max(1) as f64;
        let publish = timing("publish", ms, 0);
        for record in records {
            let Some(Fact::SeriesResult(result)) = record.fact else {
                continue;
            };
            run.change(|progress| progress.published(std::slice::from_ref(&publish)));
            match result.outcome {
                Some(Outcome::Failure(failure)) => {
                    let series = result.series.unwrap_or_default();
                    if run.change(|progress| progress.failed()) < MAX_LOGGED_FAILURES {
                        let line = format!("{} failed at {}: {}", name_of(&series), failure.step, failure.message);
                        self.note(Level::Warn, run, &line);
                    }
                    run.change(|progress| progress.series_failed(series, failure, &result.timings));
                }
                _ => run.change(|progress| progress.series_done(&result.timings)),
            }
        }
        Ok(count as u32)
    }
}
