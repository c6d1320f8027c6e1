//! The state machine of one run: what has been done, what failed, how it ends.

use sla_domain::SafeText;
use sla_proto::convert;
use sla_proto::etl::v1::{Run, RunFailure, RunScope, RunState};
use sla_proto::result::v1::{Failure, StepTiming};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::RunProgress as RunProgressStored;
use tokio::time::Instant;

use super::durations::{Durations, Remaining};

/// Failures shown with a run.
pub const MAX_SHOWN_FAILURES: usize = 20;

/// How a run ended, as the pipeline saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All series were tried.
    Complete,
    /// Somebody cancelled it between two series.
    Cancelled,
    /// It could not go on: stable word and sentence.
    Aborted {
        /// Stable word.
        reason: &'static str,
        /// A sentence.
        message: String,
    },
}

/// A run in the making.
#[derive(Debug, Clone)]
pub struct RunProgress {
    run: Run,
    durations: Durations,
    begun: Option<Instant>,
    past_ms_per_series: Option<f64>,
}

impl RunProgress {
    /// A run that waits for its turn.
    pub fn queued(id: String, scope: RunScope, steps: Vec<String>, started_by: String, now_ms: i64) -> Self {
        Self::of(Run {
            id,
            state: RunState::Queued.into(),
            scope: Some(scope),
            steps,
            started_by,
            started: Some(convert::timestamp(now_ms)),
            ..Run::default()
        })
    }

    /// From a stored run.
    pub fn of(run: Run) -> Self {
        Self {
            run,
            durations: Durations::default(),
            begun: None,
            past_ms_per_series: None,
        }
    }

    /// `user` wants it to end before its time; the first one counts.
    pub fn cancelled_by(&mut self, user: &str) {
        if self.run.cancelled_by.is_empty() {
            self.run.cancelled_by = SafeText::new(user).into_string();
        }
    }

    /// What the storage has of a run that was dealt out: its counts, its first failures, and the times of some of its series.
    pub fn found(&mut self, stored: &RunProgressStored, failures: Vec<RunFailure>, timings: &[StepTiming]) {
        count(&mut self.run, stored);
        self.run.failures = failures;
        self.durations.note(timings);
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.run.id
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        has_ended(self.run.state())
    }

    /// Series that failed so far.
    pub fn failed(&self) -> u32 {
        self.run.series_failed
    }

    /// Its turn has come; `past_ms_per_series` is what a series took in past runs.
    pub fn begin(&mut self, past_ms_per_series: Option<f64>) {
        if self.run.state() == RunState::Queued {
            self.run.set_state(RunState::Running);
            self.past_ms_per_series = past_ms_per_series;
        }
    }

    /// It is at this step now.
    pub fn enter(&mut self, step: &str) {
        step.clone_into(&mut self.run.current_step);
    }

    /// How many series it covers, once that is known.
    pub fn covers(&mut self, series: usize) {
        self.run.series_total = series as u32;
    }

    /// What was read from the source for it.
    pub fn extracted(&mut self, samples: u64, bytes: u64) {
        self.run.samples_read = Some(samples);
        self.run.bytes_read = Some(bytes);
        self.begun = Some(Instant::now());
    }

    /// A series is through.
    pub fn series_done(&mut self, timings: &[StepTiming]) {
        self.durations.note(timings);
        self.run.series_done += 1;
    }

    /// A series failed; the run goes on.
    pub fn series_failed(&mut self, series: Series, failure: Failure, timings: &[StepTiming]) {
        self.durations.note(timings);
        self.run.series_failed += 1;
        if self.run.failures.len() < MAX_SHOWN_FAILURES {
            self.run.failures.push(RunFailure {
                series: Some(series),
                failure: Some(failure),
            });
        }
    }

    /// Notes the time of publishing.
    pub fn published(&mut self, timings: &[StepTiming]) {
        self.durations.note(timings);
    }

    /// Ends it and gives its last sentence. What has ended stays as it is.
    pub fn end(&mut self, ending: &Ending, now_ms: i64) -> &str {
        if self.has_ended() {
            return &self.run.message;
        }
        let (done, failed, total) = (self.run.series_done, self.run.series_failed, self.run.series_total);
        let state = match ending {
            Ending::Cancelled => RunState::Cancelled,
            Ending::Aborted { reason, .. } => {
                (*reason).clone_into(&mut self.run.reason);
                RunState::Failed
            }
            Ending::Complete if failed == 0 => RunState::Done,
            Ending::Complete if done == 0 => RunState::Failed,
            Ending::Complete => RunState::Partial,
        };
        let mut message = match ending {
            Ending::Complete if total == 0 => "nothing to do: no series".to_owned(),
            Ending::Complete | Ending::Cancelled | Ending::Aborted { .. } => format!("{done} of {total} series"),
        };
        if failed > 0 {
            message = format!("{message}, {failed} failed");
            if let Some(failure) = self.run.failures.first().and_then(|first| first.failure.as_ref()) {
                message = format!("{message}: {}", failure.message);
                if state == RunState::Failed && self.run.reason.is_empty() {
                    self.run.reason.clone_from(&failure.reason);
                }
            }
        }
        match ending {
            Ending::Cancelled => message.push_str(", cancelled"),
            Ending::Aborted { message: why, .. } => message = format!("{why} ({message})"),
            Ending::Complete => {}
        }
        self.run.set_state(state);
        self.run.message = SafeText::new(&message).into_string();
        self.run.finished = Some(convert::timestamp(now_ms));
        self.run.current_step.clear();
        &self.run.message
    }

    /// The run as a message, with step summaries and the estimate of what is left.
    pub fn to_message(&self) -> Run {
        let mut run = self.run.clone();
        run.step_summaries = self.durations.summaries();
        run.remaining = None;
        if run.state() == RunState::Running {
            let remaining = Remaining {
                total: run.series_total,
                ended: run.series_done + run.series_failed,
                elapsed_ms: self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64() * 1_000.0),
                past_ms_per_series: self.past_ms_per_series,
            };
            run.remaining = remaining
                .estimate_ms()
                .filter(|_| run.series_total > 0)
                .map(convert::duration);
        }
        run
    }
}

/// Puts what has arrived at the storage into a run that goes on.
pub fn count(run: &mut Run, stored: &RunProgressStored) {
    run.series_failed = stored.failed;
    run.series_done = stored.done.saturating_sub(stored.failed);
    run.series_total = stored.expected.unwrap_or(run.series_total).max(stored.done);
    run.samples_read = stored.samples_read;
    run.bytes_read = stored.bytes_read;
}

/// Whether a run in this state is over.
pub fn has_ended(state: RunState) -> bool {
    matches!(
        state,
        RunState::Done | RunState::Partial | RunState::Failed | RunState::Cancelled
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(total: usize) -> RunProgress {
        let mut run = RunProgress::queued("r".into(), RunScope::default(), vec![], "me".into(), 0);
        run.begin(None);
        run.covers(total);
        run
    }

    fn fail(run: &mut RunProgress) {
        let failure = Failure {
            reason: "SOURCE_FAILED".into(),
            message: "503 from the server".into(),
            step: "extract".into(),
        };
        run.series_failed(Series::default(), failure, &[]);
    }

    #[test]
    fn all_well_is_done() {
        let mut run = begun(2);
        run.series_done(&[]);
        run.series_done(&[]);
        assert_eq!(run.end(&Ending::Complete, 5), "2 of 2 series");
        assert_eq!(run.to_message().state(), RunState::Done);
        assert_eq!(convert::millis(&run.to_message().finished.unwrap()), 5);
    }

    #[test]
    fn some_failures_are_partial_and_named() {
        let mut run = begun(312);
        for _ in 0..310 {
            run.series_done(&[]);
        }
        fail(&mut run);
        fail(&mut run);
        assert_eq!(
            run.end(&Ending::Complete, 5),
            "310 of 312 series, 2 failed: 503 from the server"
        );
        let message = run.to_message();
        assert_eq!((message.state(), message.reason.as_str()), (RunState::Partial, ""));
    }

    #[test]
    fn only_failures_are_failed_with_their_reason() {
        let mut run = begun(30);
        for _ in 0..30 {
            fail(&mut run);
        }
        run.end(&Ending::Complete, 5);
        let message = run.to_message();
        assert_eq!(
            (message.state(), message.reason.as_str()),
            (RunState::Failed, "SOURCE_FAILED")
        );
        assert_eq!(
            (message.failures.len(), message.series_failed),
            (MAX_SHOWN_FAILURES, 30)
        );
    }

    #[test]
    fn an_abort_says_why_and_a_cancelled_run_keeps_what_it_did() {
        let mut run = begun(10);
        run.series_done(&[]);
        let why = Ending::Aborted {
            reason: "STORAGE_FAILED",
            message: "results could not be published".into(),
        };
        assert_eq!(run.end(&why, 5), "results could not be published (1 of 10 series)");
        assert_eq!(run.to_message().reason, "STORAGE_FAILED");
        let mut run = begun(10);
        run.series_done(&[]);
        assert_eq!(run.end(&Ending::Cancelled, 5), "1 of 10 series, cancelled");
        assert_eq!(run.to_message().state(), RunState::Cancelled);
    }

    #[test]
    fn what_has_ended_stays_ended() {
        let mut run = begun(1);
        run.series_done(&[]);
        run.end(&Ending::Complete, 5);
        run.end(&Ending::Cancelled, 6);
        run.begin(None);
        let message = run.to_message();
        assert_eq!(message.state(), RunState::Done);
        assert_eq!(convert::millis(&message.finished.unwrap()), 5);
    }

    #[test]
    fn nothing_to_do_is_done() {
        let mut run = begun(0);
        assert_eq!(run.end(&Ending::Complete, 1), "nothing to do: no series");
        assert_eq!(run.to_message().state(), RunState::Done);
    }
}
