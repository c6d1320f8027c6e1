//! One run from its first read to its closing word.

use std::time::Duration;

use futures::StreamExt as _;
use sla_domain::duration::format_short_ms;
use sla_domain::{SafeText, SeriesId};
use sla_proto::convert;
use sla_proto::etl::v1::StepSummary;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::result::v1::{Record, RunFinished, SeriesResult, record::Fact};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{GetStoredRunRequest, ReadLatestResultsRequest};
use sla_runtime::status::reason;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::extraction::{Job, Lot};
use super::live::LiveRun;
use super::progress::Ending;
use super::scope;
use super::{Level, Runs};
use crate::analyst::{analysis_of, step_options, timing};
use crate::error::EtlError;
use crate::steps::{RunStep, Steps};

/// Version of the records.
pub(super) const SCHEMA: u32 = 1;
/// Records published at once.
const PUBLISH_RECORDS: usize = 50;
/// How long the first of them waits for others: each publication is a transaction of the storage.
const GATHER: Duration = Duration::from_millis(100);
/// Stored results asked for at once, for warm starts.
const LATEST_PAGE: usize = 200;
/// How long the storage may take to read what was published before a run is told to have ended.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks.
const ARRIVAL_PAUSE: Duration = Duration::from_millis(100);
/// Failed series named in the log of one run.
const MAX_LOGGED_FAILURES: u32 = 50;

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
        tokio::select! {
            () = self.arrival(run) => {}
            () = shutdown.cancelled() => {}
        }
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
        self.0.parts.metrics.runs_ended.inc();
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

    /// Waits until the storage has everything that was published: who hears of the end may ask it at once.
    async fn arrival(&self, run: &LiveRun) {
        if self.0.parts.stream.stores_at_once() {
            return;
        }
        let begun = Instant::now();
        while begun.elapsed() < ARRIVAL_LIMIT {
            let request = GetStoredRunRequest { id: run.id.clone() };
            let answer = self.0.parts.peer.run_store().get_stored_run(request).await;
            let progress = answer.ok().and_then(|answer| answer.into_inner().progress);
            if progress.is_some_and(|progress| progress.complete) {
                return;
            }
            tokio::time::sleep(ARRIVAL_PAUSE).await;
        }
        self.note(
            Level::Warn,
            run,
            "its results are in the stream; the storage has not read all of them yet",
        );
    }

    async fn pipeline(&self, run: &LiveRun, stop: &CancellationToken, published: &mut u32) -> Result<(), EtlError> {
        let parts = &self.0.parts;
        let message = run.to_message();
        let steps = Steps::from_words(&message.steps).unwrap_or(Steps::ALL);
        let queries = scope::resolve(&parts.sets, &message.scope.unwrap_or_default()).await?;
        if queries.is_empty() {
            return parts.sources.nothing_asked().await;
        }
        run.change(|progress| progress.enter("extract"));
        run.tell(&format!("reading {} queries", queries.len()), self.now_ms());

        let options = step_options(&steps.words(), &[], &[], &parts.options)?;
        let lot = self.extract(run, &queries, &options, None, stop).await?;
        run.change(|progress| {
            progress.covers(lot.jobs.len() + lot.unanswered.len());
            progress.extracted(lot.samples, lot.bytes);
        });
        self.work_off(run, lot, steps, stop, published).await
    }

    /// The steps of everything that was read, published in batches as they are done; `published` counts.
    pub(super) async fn work_off(
        &self,
        run: &LiveRun,
        lot: Lot,
        steps: Steps,
        stop: &CancellationToken,
        published: &mut u32,
    ) -> Result<(), EtlError> {
        let parts = &self.0.parts;
        let Lot { jobs, unanswered, .. } = lot;
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
            .map(|job| async move {
                let Job {
                    reading,
                    options,
                    failure,
                    timings,
                    read,
                    days,
                    at_ms,
                } = job;
                let analyst = &parts.analyst;
                let result = match &failure {
                    Some(error) => analyst.unread(reading.series, &run.id, at_ms, error),
                    None => analyst.analyse(reading, &run.id, at_ms, timings, days, options).await,
                };
                SeriesResult {
                    read: Some(read),
                    ..result
                }
            })
            .buffer_unordered(parts.analyst.threads());
        let mut results = std::pin::pin!(results);
        while let Some(first) = results.next().await {
            let mut batch = vec![first];
            let until = Instant::now() + GATHER;
            while batch.len() < PUBLISH_RECORDS
                && let Ok(Some(next)) = tokio::time::timeout_at(until, results.next()).await
            {
                batch.push(next);
            }
            *published += self.publish(run, batch).await?;
            run.tell_progress(self.now_ms());
        }
        Ok(())
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
                    parts.metrics.forecasts_recalled.inc();
                }
            }
        }
    }

    /// Publishes results and counts them once they are durable; gives how many.
    pub(super) async fn publish(&self, run: &LiveRun, results: Vec<SeriesResult>) -> Result<u32, EtlError> {
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
