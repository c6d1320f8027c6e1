//! What is asked of an evaluation and what it answers: judgement, intervals, reading, figures.

use crate::objective::{MissingPolicy, Objective};
use crate::range::{AllowedRange, Side, Verdict};
use crate::sample::{Samples, is_stale};
use crate::span::{Span, complement};
use crate::window::Window;

/// The most times of violating samples one interval lists; `Interval::samples` counts them all.
pub const MAX_SAMPLE_TIMES: usize = 16_384;

/// How samples are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What is allowed.
    pub range: AllowedRange,
    /// How long a sample holds at most without a successor, in milliseconds: `spacing::cap_ms` of the series.
    pub cap_ms: i64,
    /// What unknown time means.
    pub missing: MissingPolicy,
}

impl Judgement {
    /// A judgement with the `gap` policy.
    pub fn new(range: AllowedRange, cap_ms: i64) -> Self {
        Self {
            range,
            cap_ms,
            missing: MissingPolicy::Gap,
        }
    }

    /// As an objective wants it, for a series with this cap (milliseconds).
    pub fn of_objective(objective: &Objective, cap_ms: i64) -> Self {
        Self {
            range: objective.range,
            cap_ms,
            missing: objective.missing,
        }
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_missing(self, missing: MissingPolicy) -> Self {
        Self { missing, ..self }
    }

    /// How long a sample holds: the cap, lengthened by `hold`. Never negative.
    pub fn hold_ms(&self) -> i64 {
        match self.missing {
            MissingPolicy::Hold { max_ms } => self.cap_ms.max(max_ms),
            _ => self.cap_ms,
        }
        .max(0)
    }
}

/// A stretch of time outside the range, on one side, without a gap. Clipped to the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Where it starts inside the window, in Unix milliseconds.
    pub start_ms: i64,
    /// Where it ends inside the window (excluded). Equal to the start when its first sample is the window's last instant.
    pub end_ms: i64,
    /// It began before the window.
    pub open_start: bool,
    /// It had not ended at the window's end.
    pub open_end: bool,
    /// Where it really began, as far back as the samples given reach, in Unix milliseconds.
    pub began_ms: i64,
    /// On which side of the range.
    pub side: Side,
    /// The worst value that held inside the window.
    pub worst: f64,
    /// How far the worst value lies beyond its bound, above 0.
    pub excess: f64,
    /// Violating samples inside the window (one that carries its value in from before is not counted).
    pub samples: u64,
    /// The times of these samples, oldest first, at most [`MAX_SAMPLE_TIMES`].
    pub sample_times_ms: Vec<i64>,
    /// Only unknown time lies between the interval before (on the same side) and this one: display may join the two.
    pub resumes_after_gap: bool,
    /// A part of it rests on the policy `zero`, not on a sample.
    pub assumed: bool,
}

impl Interval {
    /// Its length inside the window, in milliseconds.
    pub fn length_ms(&self) -> i64 {
        self.end_ms - self.start_ms
    }

    /// As a span.
    pub fn span(&self) -> Span {
        Span {
            start_ms: self.start_ms,
            end_ms: self.end_ms,
        }
    }
}

/// The newest knowledge at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The instant asked about, in Unix milliseconds.
    pub at_ms: i64,
    /// The newest finite sample up to that instant, however old: its time and value.
    pub newest: Option<(i64, f64)>,
    /// What the range says about the value that holds at the instant; `None` = unknown.
    pub verdict: Option<Verdict>,
    /// The verdict rests on the policy `zero`.
    pub assumed: bool,
}

impl Reading {
    /// The value that holds at the instant; `None` = unknown.
    pub fn value(&self) -> Option<f64> {
        self.verdict?;
        if self.assumed {
            Some(0.0)
        } else {
            self.newest.map(|(_, value)| value)
        }
    }
}

/// What happened in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The window, (start, end].
    pub window: Window,
    /// The policy for unknown time that was used.
    pub missing: MissingPolicy,
    /// Stretches outside the range, oldest first, apart from each other.
    pub intervals: Vec<Interval>,
    /// Time with a known value: sorted spans, apart from each other.
    pub known: Vec<Span>,
    /// Milliseconds outside the range: the sum of the intervals.
    pub violated_ms: i64,
    /// Milliseconds with a known value.
    pub covered_ms: i64,
    /// Milliseconds without one: window − covered.
    pub unknown_ms: i64,
    /// Milliseconds kept, after the policy for unknown time.
    pub good_ms: i64,
    /// Milliseconds broken, after the policy for unknown time.
    pub bad_ms: i64,
    /// Finite samples inside the window.
    pub samples: u64,
    /// Of these, the ones outside the range.
    pub samples_violating: u64,
    /// Samples that are NaN or infinite, stale markers not counted: a data-quality flag.
    pub n_nan: u64,
    /// Stale markers.
    pub n_stale: u64,
    /// The oldest finite sample given, inside the window or before it, in Unix milliseconds: how far history reaches.
    pub oldest_ms: Option<i64>,
    /// The knowledge at the window's end.
    pub reading: Reading,
}

impl Evaluation {
    /// Known time over the window's length, in [0, 1]: the ratio of `covered_ms` and the length, rounded once.
    pub fn coverage(&self) -> f64 {
        ratio(self.covered_ms, self.window.length_ms).unwrap_or(0.0)
    }

    /// Milliseconds that count: good and bad.
    pub fn judged_ms(&self) -> i64 {
        self.good_ms + self.bad_ms
    }

    /// Good over judged time, in [0, 1]; `None` without judged time.
    pub fn good_ratio(&self) -> Option<f64> {
        ratio(self.good_ms, self.judged_ms())
    }

    /// Whether enough of the window is known to show a percentage and a budget (semantics §7).
    pub fn is_covered(&self, floor: f64) -> bool {
        self.covered_ms > 0 && self.coverage() >= floor
    }

    /// Whether nothing at all was seen in the window. A sample that is no number was seen, though nothing is known by it.
    pub fn is_unseen(&self) -> bool {
        self.covered_ms == 0 && self.samples == 0 && self.n_nan == 0
    }

    /// The interval with the greatest excess.
    pub fn worst(&self) -> Option<&Interval> {
        self.intervals.iter().max_by(|a, b| a.excess.total_cmp(&b.excess))
    }

    /// The window as a span: the same length, whatever edge is open.
    pub fn span(&self) -> Span {
        Span {
            start_ms: self.window.start_ms(),
            end_ms: self.window.end_ms,
        }
    }

    /// The broken time as spans, after the policy for unknown time; it may overlap itself nowhere, but is unsorted.
    pub fn bad_spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.intervals.iter().map(Interval::span).collect();
        if self.missing == MissingPolicy::Bad {
            spans.extend(complement(self.span(), &self.known));
        }
        spans
    }

    /// The time that counts as spans, after the policy for unknown time.
    pub fn judged_spans(&self) -> Vec<Span> {
        match self.missing {
            MissingPolicy::Gap | MissingPolicy::Hold { .. } => self.known.clone(),
            MissingPolicy::Good | MissingPolicy::Bad | MissingPolicy::Zero => vec![self.span()],
        }
    }

    /// Intervals for display: those joined that only unknown time keeps apart, then those shorter than
    /// `min_duration_ms` left out (an interval that is cut by an edge of the window stays). Storage and figures always
    /// use `intervals`.
    pub fn shown(&self, min_duration_ms: i64) -> Vec<ShownInterval> {
        let mut out: Vec<ShownInterval> = Vec::new();
        for interval in &self.intervals {
            match out.last_mut() {
                Some(last) if interval.resumes_after_gap => last.join(interval),
                _ => out.push(ShownInterval {
                    whole: interval.clone(),
                    violated_ms: interval.length_ms(),
                    gaps: Vec::new(),
                }),
            }
        }
        out.retain(|shown| shown.violated_ms >= min_duration_ms || shown.whole.open_start || shown.whole.open_end);
        out
    }
}

/// One or more intervals drawn as one.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownInterval {
    /// From the start of the first to the end of the last, worst over all, samples summed.
    pub whole: Interval,
    /// The violated time in it, without the gaps, in milliseconds.
    pub violated_ms: i64,
    /// The unknown stretches inside.
    pub gaps: Vec<Span>,
}

impl ShownInterval {
    fn join(&mut self, next: &Interval) {
        self.gaps.push(Span {
            start_ms: self.whole.end_ms,
            end_ms: next.start_ms,
        });
        self.violated_ms += next.length_ms();
        self.whole.end_ms = next.end_ms;
        self.whole.open_end = next.open_end;
        self.whole.samples += next.samples;
        let room = MAX_SAMPLE_TIMES.saturating_sub(self.whole.sample_times_ms.len());
        self.whole
            .sample_times_ms
            .extend(next.sample_times_ms.iter().take(room));
        self.whole.assumed |= next.assumed;
        if next.excess > self.whole.excess {
            self.whole.excess = next.excess;
            self.whole.worst = next.worst;
        }
    }
}

/// What is known at `at_ms` (Unix milliseconds): from the newest finite sample up to it, within its cap. Samples after
/// it are not looked at.
pub fn state_at(samples: &Samples, judgement: &Judgement, at_ms: i64) -> Reading {
    let upto = samples.times_ms.partition_point(|&t| t <= at_ms);
    let mut ended = false;
    let mut newest = None;
    for at in (0..upto).rev() {
        let value = samples.values[at];
        if value.is_finite() {
            newest = Some((samples.times_ms[at], value));
            break;
        }
        ended |= is_stale(value);
    }
    reading(judgement, newest, ended, at_ms)
}

/// From the newest number and whether a stale marker followed it.
pub(super) fn reading(judgement: &Judgement, newest: Option<(i64, f64)>, ended: bool, at_ms: i64) -> Reading {
    let held = newest.filter(|(time, _)| !ended && at_ms < time.saturating_add(judgement.hold_ms()));
    let assumed = held.is_none() && judgement.missing == MissingPolicy::Zero;
    let value = held.map(|(_, value)| value).or(assumed.then_some(0.0));
    Reading {
        at_ms,
        newest,
        verdict: value.map(|value| judgement.range.judge(value)),
        assumed,
    }
}

/// part / whole, rounded once; `None` when the whole is not above 0.
pub fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
