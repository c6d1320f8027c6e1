//! The one evaluation: samples, a judgement and a window in; violated, known and unknown time out (semantics §1 to §8).
//!
//! Nobody computes violations a second way. There is no clock inside: the instant is the window's end.

use crate::sample::Samples;
use crate::window::Window;

mod outcome;
mod pass;
mod rolling;

pub use outcome::{Evaluation, Interval, Judgement, MAX_SAMPLE_TIMES, Reading, ShownInterval, ratio, state_at};
pub use rolling::{Rolling, Timeline};

/// Judges `samples` over `window`. Samples before the window are welcome: the newest of them carries its value in, older
/// ones tell where an open interval really began. Samples after the window's end are not looked at.
pub fn evaluate(samples: &Samples, judgement: &Judgement, window: Window) -> Evaluation {
    pass::run(samples, judgement, &[window]).pop().unwrap_or_else(|| {
        let reading = state_at(samples, judgement, window.end_ms);
        pass::Account::new(judgement, window).finish(None, reading)
    })
}

/// Judges `samples` over several windows in one pass; one evaluation a window, in their order.
pub fn evaluate_windows(samples: &Samples, judgement: &Judgement, windows: &[Window]) -> Vec<Evaluation> {
    pass::run(samples, judgement, windows)
}

#[cfg(test)]
mod tests;
