//! What a series took in past runs.

use std::sync::{Mutex, PoisonError};

use sla_proto::convert;
use sla_proto::etl::v1::{Run, RunState};

/// How much the newest run counts.
const NEWEST: f64 = 0.3;

/// A moving average of wall time a series, milliseconds.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<f64>>);

impl Pace {
    /// Learns from a run that tried all its series.
    pub(super) fn learn(&self, run: &Run) {
        let ended = run.series_done + run.series_failed;
        let (Some(started), Some(finished)) = (&run.started, &run.finished) else {
            return;
        };
        if !matches!(run.state(), RunState::Done | RunState::Partial) || ended == 0 {
            return;
        }
        let ms = (convert::millis(finished) - convert::millis(started)).max(0) as f64 / f64::from(ended);
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *pace = Some(pace.map_or(ms, |before| before + NEWEST * (ms - before)));
    }

    /// Milliseconds a series; `None` before the first run.
    pub(super) fn ms_per_series(&self) -> Option<f64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(state: RunState, ms: i64, done: u32) -> Run {
        Run {
            state: state.into(),
            started: Some(convert::timestamp(1_000)),
            finished: Some(convert::timestamp(1_000 + ms)),
            series_done: done,
            ..Run::default()
        }
    }

    #[test]
    fn only_whole_runs_teach() {
        let pace = Pace::default();
        pace.learn(&run(RunState::Cancelled, 100, 10));
        pace.learn(&run(RunState::Done, 100, 0));
        assert_eq!(pace.ms_per_series(), None);
        pace.learn(&run(RunState::Done, 100, 10));
        assert_eq!(pace.ms_per_series(), Some(10.0));
        pace.learn(&run(RunState::Partial, 200, 10));
        assert_eq!(pace.ms_per_series(), Some(13.0));
    }
}
