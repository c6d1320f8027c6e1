//! Who ends the runs that were dealt out: the owner of the first partition, when the storage has counted all of their series.

use std::collections::HashMap;
use std::time::Duration;

use sla_proto::etl::v1::{Run, RunFailure, RunState};
use sla_proto::result::v1::StepTiming;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::storage::v1::{
    GetStoredRunRequest, ListRunResultsRequest, ListStoredRunsRequest, RunProgress as Stored, UpdateRunRequest,
};
use sla_runtime::status::reason;
use tokio::time::Instant;

use super::progress::{Ending, MAX_SHOWN_FAILURES, RunProgress, has_ended};
use super::{Level, Runs};
use crate::error::EtlError;
use crate::placement::Placement;

/// How often the storage is asked.
const EVERY: Duration = Duration::from_millis(500);
/// The times of steps are told from so many series of a run.
const TIMED_SERIES: u32 = 500;
/// Runs none of which comes forward for so long are given up.
const STALLED: Duration = Duration::from_mins(5);
/// A run that waits so long to be dealt out is sent among the tasks again: who stored it may have died before it did that.
const DEAL_AGAIN: Duration = Duration::from_secs(10);
/// Runs that are looked at.
const MOST_RUNS: u32 = 100;

/// What was known of the runs that go on.
#[derive(Default)]
struct Known {
    counts: HashMap<String, (i32, u32)>,
    moved: Option<Instant>,
    /// Since when runs wait to be dealt out.
    undealt: HashMap<String, Instant>,
}

impl Runs {
    /// Ends runs, for as long as the first partition is ours.
    pub(crate) async fn keep(self, placement: Placement) {
        let mut known = Known::default();
        loop {
            tokio::time::sleep(EVERY).await;
            if !placement.is_first() {
                known = Known::default();
                continue;
            }
            if let Err(error) = self.look_after(&mut known).await {
                tracing::debug!(%error, "the runs that go on cannot be looked at");
                // Nobody can say that they stand still.
                known.moved = None;
            }
        }
    }

    /// Runs that have not ended, oldest first.
    pub(super) async fn unfinished(&self) -> Result<Vec<Run>, EtlError> {
        let request = ListStoredRunsRequest {
            unfinished_only: true,
            page_size: MOST_RUNS,
            ..ListStoredRunsRequest::default()
        };
        let answer = self.0.parts.peer.run_store().list_stored_runs(request).await;
        let mut runs = answer
            .map_err(|status| EtlError::storage("list unfinished runs", status))?
            .into_inner()
            .runs;
        runs.reverse();
        Ok(runs)
    }

    async fn look_after(&self, known: &mut Known) -> Result<(), EtlError> {
        let runs = self.unfinished().await?;
        let mut undealt = HashMap::new();
        let mut counts = HashMap::new();
        let mut left = Vec::new();
        for run in runs {
            let request = GetStoredRunRequest { id: run.id.clone() };
            let answer = self.0.parts.peer.run_store().get_stored_run(request).await;
            let answer = answer
                .map_err(|status| EtlError::storage("look up a run", status))?
                .into_inner();
            let (run, stored) = (answer.run.unwrap_or(run), answer.progress.unwrap_or_default());
            if has_ended(run.state()) {
                continue;
            }
            if stored.expected.is_some_and(|expected| stored.done >= expected) {
                self.complete(run, &stored, Ending::Complete).await?;
                continue;
            }
            if run.state() == RunState::Queued && stored.expected.is_none() {
                let since = known.undealt.get(&run.id).copied();
                undealt.insert(run.id.clone(), since.unwrap_or_else(Instant::now));
            }
            counts.insert(run.id.clone(), (run.state, stored.done));
            left.push((run, stored));
        }
        if counts != known.counts || known.moved.is_none() {
            known.counts = counts;
            known.moved = Some(Instant::now());
        }
        if known.moved.is_some_and(|moved| moved.elapsed() >= STALLED) {
            for (run, stored) in left {
                let ending = Ending::Aborted {
                    reason: reason::TOO_SLOW,
                    message: format!("no series came for {} min", STALLED.as_secs() / 60),
                };
                self.complete(run, &stored, ending).await?;
            }
        }
        known.undealt = undealt;
        self.deal_again(known).await
    }

    async fn deal_again(&self, known: &mut Known) -> Result<(), EtlError> {
        for (id, since) in known
            .undealt
            .iter_mut()
            .filter(|(_, since)| since.elapsed() >= DEAL_AGAIN)
        {
            *since = Instant::now();
            self.send_deal(id).await?;
            let line = "it was not dealt out yet, and is dealt out again";
            self.0.parts.journal.write(Level::Warn, id, line);
        }
        Ok(())
    }

    async fn complete(&self, run: Run, stored: &Stored, ending: Ending) -> Result<(), EtlError> {
        let failures = if stored.failed > 0 {
            self.failures(&run.id).await?
        } else {
            Vec::new()
        };
        let timings = self.timings(&run.id).await?;
        let mut progress = RunProgress::of(run);
        progress.found(stored, failures, &timings);
        let message = progress.end(&ending, self.now_ms()).to_owned();
        let run = progress.to_message();
        let request = UpdateRunRequest { run: Some(run.clone()) };
        let answer = self.0.parts.peer.run_store().update_run(request).await;
        answer.map_err(|status| EtlError::storage("store the end of a run", status))?;
        let level = match run.state() {
            RunState::Done => Level::Info,
            RunState::Failed => Level::Error,
            _ => Level::Warn,
        };
        self.0
            .parts
            .journal
            .write(level, &run.id, &format!("run #{} ended: {message}", run.number));
        self.0.parts.metrics.runs_ended.inc();
        Ok(())
    }

    async fn failures(&self, run_id: &str) -> Result<Vec<RunFailure>, EtlError> {
        let results = self.results(run_id, MAX_SHOWN_FAILURES as u32, true).await?;
        let shown = results.into_iter().filter_map(|result| match result.outcome {
            Some(Outcome::Failure(failure)) => Some(RunFailure {
                series: result.series,
                failure: Some(failure),
            }),
            _ => None,
        });
        Ok(shown.collect())
    }

    async fn timings(&self, run_id: &str) -> Result<Vec<StepTiming>, EtlError> {
        let results = self.results(run_id, TIMED_SERIES, false).await?;
        Ok(results.into_iter().flat_map(|result| result.timings).collect())
    }

    async fn results(
        &self,
        run_id: &str,
        page_size: u32,
        failures_only: bool,
    ) -> Result<Vec<sla_proto::result::v1::SeriesResult>, EtlError> {
        let request = ListRunResultsRequest {
            run_id: run_id.to_owned(),
            page_size,
            failures_only,
            ..ListRunResultsRequest::default()
        };
        let answer = self.0.parts.peer.results().list_run_results(request).await;
        let answer = answer.map_err(|status| EtlError::storage("list the results of a run", status))?;
        Ok(answer.into_inner().results)
    }
}
