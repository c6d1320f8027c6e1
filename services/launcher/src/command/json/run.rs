//! Runs.

use serde_json::{Value, json};
use sla_proto::convert;
use sla_proto::etl::v1::{Run, RunState};

use super::{labels, seconds, time};

/// The word of a run's state.
pub(crate) fn run_state_word(state: RunState) -> &'static str {
    match state {
        RunState::Queued | RunState::Unspecified => "queued",
        RunState::Running => "running",
        RunState::Done => "done",
        RunState::Partial => "partial",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
    }
}

/// A run.
pub(crate) fn run(run: &Run) -> Value {
    let steps: Vec<_> = run
        .step_summaries
        .iter()
        .map(|step| {
            json!({
                "step": step.step,
                "window_s": seconds(step.window_ms),
                "p50_ms": step.p50_ms,
                "p95_ms": step.p95_ms,
                "max_ms": step.max_ms,
                "series": step.series,
            })
        })
        .collect();
    let failures: Vec<_> = run
        .failures
        .iter()
        .map(|failed| {
            let failure = failed.failure.clone().unwrap_or_default();
            json!({
                "labels": labels(failed.series.as_ref()),
                "reason": failure.reason,
                "message": failure.message,
                "step": failure.step,
            })
        })
        .collect();
    json!({
        "id": run.id,
        "number": run.number,
        "state": run_state_word(run.state()),
        "steps": run.steps,
        "started_by": run.started_by,
        "started": time(run.started.as_ref()),
        "finished": time(run.finished.as_ref()),
        "series_total": run.series_total,
        "series_done": run.series_done,
        "series_failed": run.series_failed,
        "current_step": run.current_step,
        "remaining_s": run.remaining.as_ref().map_or(Value::Null, |left| seconds(convert::duration_ms(left))),
        "samples_read": run.samples_read,
        "bytes_read": run.bytes_read,
        "message": run.message,
        "reason": if run.reason.is_empty() { Value::Null } else { json!(run.reason) },
        "timings": steps,
        "failures": failures,
    })
}
