//! Several series under one objective: judged each, told as one (semantics §8).

use crate::evaluation::{Evaluation, ratio};
use crate::range::Side;
use crate::span::{length_ms, union};
use crate::state::State;
use crate::window::Window;

/// One series' part in a merged answer.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Its evaluation of the common window.
    pub evaluation: &'a Evaluation,
    /// Its state of the instant; an excluded series does not count.
    pub state: State,
}

/// An objective over all its series, in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The common window.
    pub window: Window,
    /// The worst state of all series.
    pub state: State,
    /// Violations: the sum over series.
    pub violations: u64,
    /// The length of the union of all violated time, in milliseconds.
    pub violated_ms: i64,
    /// The length of the union of all known time, in milliseconds.
    pub covered_ms: i64,
    /// The rest of the window, in milliseconds.
    pub unknown_ms: i64,
    /// The length of the union of broken time after the policy for unknown time, in milliseconds.
    pub bad_ms: i64,
    /// The length of the union of judged time after that policy, in milliseconds.
    pub judged_ms: i64,
    /// Finite samples: the sum over series.
    pub samples: u64,
    /// Of these, the ones outside the range.
    pub samples_violating: u64,
    /// NaN and infinite samples: the sum over series.
    pub n_nan: u64,
    /// Stale markers: the sum over series.
    pub n_stale: u64,
    /// The worst value with its side and excess.
    pub worst: Option<(f64, Side, f64)>,
    /// Series that count (not excluded).
    pub series: usize,
    /// Of these, the ones with a known value at the window's end: "3 of 5 seen".
    pub series_seen: usize,
}

impl Merged {
    /// Good over judged time, in [0, 1]; `None` without judged time.
    pub fn good_ratio(&self) -> Option<f64> {
        ratio(self.judged_ms - self.bad_ms, self.judged_ms)
    }

    /// Known time over the window's length, in [0, 1].
    pub fn coverage(&self) -> f64 {
        ratio(self.covered_ms, self.window.length_ms).unwrap_or(0.0)
    }

    /// Whether enough of the window is known to show a percentage and a budget (semantics §7).
    pub fn is_covered(&self, floor: f64) -> bool {
        self.covered_ms > 0 && self.coverage() >= floor
    }
}

/// Merges the series of one objective in one common `window`. Series that were not seen at all in the *longest* window
/// must be left out before (see [`drops_out`]); without any part the state is `NoData`.
pub fn merge(window: Window, parts: &[Part<'_>]) -> Merged {
    let counted = || parts.iter().filter(|part| part.state != State::Excluded);
    let evaluations = || counted().map(|part| part.evaluation);
    let violated = union(evaluations().flat_map(|e| e.intervals.iter().map(crate::evaluation::Interval::span)));
    let covered = union(evaluations().flat_map(|e| e.known.iter().copied()));
    let bad = union(evaluations().flat_map(Evaluation::bad_spans));
    let judged = union(evaluations().flat_map(Evaluation::judged_spans));
    let covered_ms = length_ms(&covered);
    Merged {
        window,
        state: State::worst(parts.iter().map(|part| part.state)),
        violations: evaluations().map(|e| e.intervals.len() as u64).sum(),
        violated_ms: length_ms(&violated),
        covered_ms,
        unknown_ms: window.length_ms.max(0) - covered_ms,
        bad_ms: length_ms(&bad),
        judged_ms: length_ms(&judged),
        samples: evaluations().map(|e| e.samples).sum(),
        samples_violating: evaluations().map(|e| e.samples_violating).sum(),
        n_nan: evaluations().map(|e| e.n_nan).sum(),
        n_stale: evaluations().map(|e| e.n_stale).sum(),
        worst: evaluations()
            .filter_map(Evaluation::worst)
            .max_by(|a, b| a.excess.total_cmp(&b.excess))
            .map(|interval| (interval.worst, interval.side, interval.excess)),
        series: counted().count(),
        series_seen: evaluations()
            .filter(|e| e.reading.newest.is_some() && is_known(e))
            .count(),
    }
}

fn is_known(evaluation: &Evaluation) -> bool {
    evaluation.reading.verdict.is_some() && !evaluation.reading.assumed
}

/// Whether a series is forgotten: nothing of it was seen in the longest window.
pub fn drops_out(longest: &Evaluation) -> bool {
    longest.is_unseen()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::{Judgement, evaluate};
    use crate::objective::MissingPolicy;
    use crate::range::AllowedRange;
    use crate::sample::Samples;
    use crate::state::state_of;

    const WINDOW: Window = Window {
        end_ms: 600,
        length_ms: 600,
    };

    fn judged(points: &[(i64, f64)], missing: MissingPolicy) -> Evaluation {
        let samples = Samples::from_columns(
            points.iter().map(|p| p.0).collect(),
            points.iter().map(|p| p.1).collect(),
        );
        let range = AllowedRange::at_most(10.0).unwrap();
        evaluate(&samples, &Judgement::new(range, 200).with_missing(missing), WINDOW)
    }

    fn part(evaluation: &Evaluation) -> Part<'_> {
        Part {
            evaluation,
            state: state_of(&evaluation.reading, None).0,
        }
    }

    #[test]
    fn counts_add_and_seconds_unite() {
        // a: bad [100, 300), known to 600 (+). b: bad [200, 400), unknown from 400 on.
        let a = judged(&[(0, 1.0), (100, 20.0), (300, 1.0), (500, 2.0)], MissingPolicy::Gap);
        let b = judged(&[(200, 15.0)], MissingPolicy::Gap);
        let both = merge(WINDOW, &[part(&a), part(&b)]);
        assert_eq!(both.violations, 2);
        assert_eq!(both.violated_ms, 300);
        assert_eq!(a.violated_ms + b.violated_ms, 400);
        assert_eq!((both.covered_ms, both.unknown_ms, both.judged_ms), (600, 0, 600));
        assert_eq!(both.good_ratio(), Some(0.5));
        assert_eq!((both.samples, both.samples_violating), (4, 2));
        assert_eq!(both.worst, Some((20.0, Side::Above, 10.0)));
        // b is unknown at the end: worse than a's ok.
        assert_eq!(both.state, State::NoData);
        assert_eq!((both.series_seen, both.series), (1, 2));
    }

    #[test]
    fn the_policy_for_unknown_time_acts_on_each_series() {
        let a = judged(&[(0, 1.0), (200, 1.0), (400, 1.0)], MissingPolicy::Bad);
        let b = judged(&[(0, 1.0), (400, 1.0)], MissingPolicy::Bad);
        let both = merge(WINDOW, &[part(&a), part(&b)]);
        assert_eq!((both.violated_ms, both.bad_ms, both.judged_ms), (0, 200, 600));
        let lonely = judged(&[], MissingPolicy::Good);
        let one = merge(WINDOW, &[part(&lonely)]);
        assert_eq!((one.bad_ms, one.judged_ms, one.state), (0, 600, State::NoData));
        assert!(drops_out(&lonely) && !drops_out(&a));
        // Only what is no number: the series is there, and nothing is known of it.
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let odd = judged(&[(400, odd), (500, odd)], MissingPolicy::Gap);
            let one = merge(WINDOW, &[part(&odd)]);
            assert!(!drops_out(&odd));
            assert_eq!((one.state, one.n_nan, one.samples), (State::NoData, 2, 0));
        }
        let ended = judged(
            &[(400, f64::from_bits(crate::sample::STALE_NAN_BITS))],
            MissingPolicy::Gap,
        );
        assert!(drops_out(&ended), "a stale marker says that there is none");
    }

    #[test]
    fn excluded_series_do_not_count() {
        let a = judged(&[(0, 1.0), (400, 1.0), (500, 1.0)], MissingPolicy::Gap);
        let b = judged(&[(500, 99.0)], MissingPolicy::Gap);
        let excluded = Part {
            evaluation: &b,
            state: State::Excluded,
        };
        let merged = merge(WINDOW, &[part(&a), excluded]);
        assert_eq!((merged.state, merged.violations, merged.series), (State::Ok, 0, 1));
        assert_eq!(merge(WINDOW, &[excluded]).state, State::Excluded);
        assert_eq!(merge(WINDOW, &[]).state, State::NoData);
        assert_eq!(merge(WINDOW, &[]).good_ratio(), None);
    }
}
