//! Runs and what starts them.

use schemars::JsonSchema;
use serde::Serialize;
use sla_proto::etl::v1 as wire;

use crate::series::{Labels, labels};
use crate::value::{Seconds, Time, time, word};
use crate::word::run_state_word;

/// A run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Run {
    /// Given by the server.
    pub id: String,
    /// For people.
    pub number: u64,
    /// `queued`, `running`, `done`, `partial`, `failed`, `cancelled`.
    pub state: &'static str,
    /// Asked for.
    pub steps: Vec<String>,
    /// A user, `timer` or `start`.
    pub started_by: String,
    /// When it began.
    pub started: Option<Time>,
    /// Null while it goes on.
    pub finished: Option<Time>,
    /// Series it covers.
    pub series_total: u32,
    /// Series that are done.
    pub series_done: u32,
    /// Series that failed.
    pub series_failed: u32,
    /// What it does now.
    pub current_step: String,
    /// How long it still takes, estimated.
    pub remaining_s: Option<Seconds>,
    /// Samples read so far; null before anything was, and where a worker did not tell.
    pub samples_read: Option<u64>,
    /// Bytes read so far; null like the samples.
    pub bytes_read: Option<u64>,
    /// A sentence at the end.
    pub message: String,
    /// Stable word when the run as a whole failed.
    pub reason: Option<String>,
    /// Over the series.
    pub timings: Vec<StepTiming>,
    /// The first 20.
    pub failures: Vec<RunFailure>,
}

/// How long a step took, over the series.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepTiming {
    /// The step.
    pub step: String,
    /// 0: about no window.
    pub window_s: Seconds,
    /// Median, ms.
    pub p50_ms: f64,
    /// 95th percentile, ms.
    pub p95_ms: f64,
    /// Longest, ms.
    pub max_ms: f64,
    /// Series it was done for.
    pub series: u32,
}

/// A series that could not be done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RunFailure {
    /// Of the series.
    pub labels: Labels,
    /// Stable word, see `docs/errors`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// The step that failed.
    pub step: String,
}

impl From<&wire::Run> for Run {
    fn from(run: &wire::Run) -> Self {
        let timings = run.step_summaries.iter().map(|step| StepTiming {
            step: step.step.clone(),
            window_s: Seconds(step.window_ms),
            p50_ms: step.p50_ms,
            p95_ms: step.p95_ms,
            max_ms: step.max_ms,
            series: step.series,
        });
        let failures = run.failures.iter().map(|failed| {
            let failure = failed.failure.clone().unwrap_or_default();
            RunFailure {
                labels: labels(failed.series.as_ref()),
                reason: failure.reason,
                message: failure.message,
                step: failure.step,
            }
        });
        Self {
            id: run.id.clone(),
            number: run.number,
            state: run_state_word(run.state()),
            steps: run.steps.clone(),
            started_by: run.started_by.clone(),
            started: time(run.started.as_ref()),
            finished: time(run.finished.as_ref()),
            series_total: run.series_total,
            series_done: run.series_done,
            series_failed: run.series_failed,
            current_step: run.current_step.clone(),
            remaining_s: Seconds::of(run.remaining.as_ref()),
            samples_read: run.samples_read,
            bytes_read: run.bytes_read,
            message: run.message.clone(),
            reason: word(&run.reason),
            timings: timings.collect(),
            failures: failures.collect(),
        }
    }
}

/// What a run would read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Estimate {
    /// Series it would cover.
    pub series: u32,
    /// To be read, estimated.
    pub samples: u64,
    /// To be read, estimated.
    pub bytes: u64,
    /// Null: no run to go by yet.
    pub duration_s: Option<Seconds>,
    /// Above this the run is refused.
    pub max_series: u32,
}

impl From<&wire::EstimateRunResponse> for Estimate {
    fn from(cost: &wire::EstimateRunResponse) -> Self {
        Self {
            series: cost.series,
            samples: cost.samples,
            bytes: cost.bytes,
            duration_s: Seconds::of(cost.duration.as_ref()),
            max_series: cost.max_series,
        }
    }
}

/// When runs start by themselves.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Schedule {
    /// No run starts by itself.
    pub paused: bool,
    /// Statistics and forecasts.
    pub results_every_s: Option<Seconds>,
    /// Metadata.
    pub metadata_every_s: Option<Seconds>,
    /// Null while paused.
    pub next_results: Option<Time>,
    /// Null while paused.
    pub next_metadata: Option<Time>,
}

impl From<&wire::Schedule> for Schedule {
    fn from(schedule: &wire::Schedule) -> Self {
        Self {
            paused: schedule.paused,
            results_every_s: Seconds::of(schedule.results_every.as_ref()),
            metadata_every_s: Seconds::of(schedule.metadata_every.as_ref()),
            next_results: time(schedule.next_results.as_ref()),
            next_metadata: time(schedule.next_metadata.as_ref()),
        }
    }
}
