//! One pass over the samples: cuts time into stretches that hold a value and stretches that hold none, and tells each
//! window its part of them.

use super::outcome::{Evaluation, Interval, Judgement, MAX_SAMPLE_TIMES, Reading, state_at};
use crate::objective::MissingPolicy;
use crate::range::{Side, Verdict};
use crate::sample::{Samples, is_stale};
use crate::span::Span;
use crate::window::Window;

/// Where time without any sample begins.
const BEFORE_ALL_MS: i64 = i64::MIN;

/// A stretch [from, to) during which one value holds.
#[derive(Clone, Copy)]
struct Held {
    from_ms: i64,
    to_ms: i64,
    value: f64,
    /// Not a sample but the policy `zero`.
    assumed: bool,
}

/// The run of violating stretches that is going on.
#[derive(Clone, Copy)]
struct Run {
    side: Side,
    began_ms: i64,
    resumes: bool,
}

/// One window while it is being filled.
pub(super) struct Account {
    window: Window,
    missing: MissingPolicy,
    pub(super) intervals: Vec<Interval>,
    pub(super) known: Vec<Span>,
    pub(super) samples: u64,
    pub(super) samples_violating: u64,
    pub(super) n_nan: u64,
    pub(super) n_stale: u64,
}

pub(super) fn run(samples: &Samples, judgement: &Judgement, windows: &[Window]) -> Vec<Evaluation> {
    let mut accounts: Vec<Account> = windows.iter().map(|w| Account::new(judgement, *w)).collect();
    let last_end_ms = windows.iter().map(|w| w.end_ms).max().unwrap_or(i64::MIN);
    let upto = samples.times_ms.partition_point(|&t| t <= last_end_ms);
    let hold_ms = judgement.hold_ms();
    let mut tape = Tape {
        judgement,
        accounts: &mut accounts,
        run: None,
        last_side: None,
    };
    let mut oldest_ms = None;
    let mut holding: Option<(i64, f64)> = None;
    // Where unknown time began; before the first sample nothing is known.
    let mut unknown_from_ms = BEFORE_ALL_MS;
    for (time_ms, value) in samples.times_ms[..upto]
        .iter()
        .copied()
        .zip(samples.values.iter().copied())
    {
        let stale = is_stale(value);
        if !stale && !value.is_finite() {
            tape.flag(time_ms, false);
            continue;
        }
        if let Some((from_ms, held)) = holding.take() {
            let to_ms = time_ms.min(from_ms.saturating_add(hold_ms));
            tape.held(Held {
                from_ms,
                to_ms,
                value: held,
                assumed: false,
            });
            unknown_from_ms = to_ms;
        }
        if unknown_from_ms < time_ms {
            tape.unknown(unknown_from_ms, time_ms);
        }
        unknown_from_ms = time_ms;
        if stale {
            tape.flag(time_ms, true);
        } else {
            oldest_ms.get_or_insert(time_ms);
            holding = Some((time_ms, value));
        }
    }
    if let Some((from_ms, value)) = holding {
        let to_ms = from_ms.saturating_add(hold_ms);
        tape.held(Held {
            from_ms,
            to_ms,
            value,
            assumed: false,
        });
        unknown_from_ms = to_ms;
    }
    if unknown_from_ms <= last_end_ms {
        tape.unknown(unknown_from_ms, i64::MAX);
    }
    accounts
        .into_iter()
        .map(|account| {
            let reading = state_at(samples, judgement, account.window.end_ms);
            account.finish(oldest_ms, reading)
        })
        .collect()
}

struct Tape<'a> {
    judgement: &'a Judgement,
    accounts: &'a mut [Account],
    run: Option<Run>,
    /// The side of the last run, for as long as nothing but unknown time followed it.
    last_side: Option<Side>,
}

impl Tape<'_> {
    fn held(&mut self, held: Held) {
        match self.judgement.range.judge(held.value) {
            Verdict::Outside(side) => {
                let run = match self.run {
                    Some(run) if run.side == side => run,
                    ended => Run {
                        side,
                        began_ms: held.from_ms,
                        resumes: ended.is_none() && self.last_side == Some(side),
                    },
                };
                self.run = Some(run);
                self.last_side = Some(side);
                let excess = self.judgement.range.excess(held.value, side);
                for account in self.accounts.iter_mut() {
                    account.violated(&held, run, excess);
                }
            }
            Verdict::Good | Verdict::Warning(_) => {
                self.run = None;
                self.last_side = None;
                for account in self.accounts.iter_mut() {
                    account.kept(&held);
                }
            }
        }
    }

    fn unknown(&mut self, from_ms: i64, to_ms: i64) {
        if self.judgement.missing == MissingPolicy::Zero {
            self.held(Held {
                from_ms,
                to_ms,
                value: 0.0,
                assumed: true,
            });
        } else {
            self.run = None;
        }
    }

    /// A sample that is no number.
    fn flag(&mut self, time_ms: i64, stale: bool) {
        for account in self.accounts.iter_mut().filter(|a| a.window.contains(time_ms)) {
            if stale {
                account.n_stale += 1;
            } else {
                account.n_nan += 1;
            }
        }
    }
}

impl Account {
    pub(super) fn new(judgement: &Judgement, window: Window) -> Self {
        Self {
            window,
            missing: judgement.missing,
            intervals: Vec::new(),
            known: Vec::new(),
            samples: 0,
            samples_violating: 0,
            n_nan: 0,
            n_stale: 0,
        }
    }

    /// The part of a stretch inside the window; empty only for a sample at the window's last instant.
    fn part(&self, held: &Held) -> Option<Span> {
        let start_ms = held.from_ms.max(self.window.start_ms());
        let end_ms = held.to_ms.min(self.window.end_ms);
        (start_ms < end_ms || self.counts(held)).then_some(Span {
            start_ms,
            end_ms: end_ms.max(start_ms),
        })
    }

    fn counts(&self, held: &Held) -> bool {
        !held.assumed && self.window.contains(held.from_ms)
    }

    fn kept(&mut self, held: &Held) {
        if let Some(part) = self.part(held) {
            self.samples += u64::from(self.counts(held));
            self.know(held, part);
        }
    }

    fn know(&mut self, held: &Held, part: Span) {
        if held.assumed || part.length_ms() == 0 {
            return;
        }
        match self.known.last_mut() {
            Some(last) if last.end_ms == part.start_ms => last.end_ms = part.end_ms,
            _ => self.known.push(part),
        }
    }

    fn violated(&mut self, held: &Held, run: Run, excess: f64) {
        let Some(part) = self.part(held) else {
            // No sample stands behind this stretch, but what it assumes carries the run on over the window's edge.
            let edge_ms = self.window.end_ms;
            if held.from_ms == edge_ms
                && let Some(last) = self.intervals.last_mut()
                && last.end_ms == edge_ms
                && last.began_ms == run.began_ms
            {
                last.open_end = true;
            }
            return;
        };
        let counted = self.counts(held);
        let start_ms = self.window.start_ms();
        let open_end = held.to_ms > self.window.end_ms;
        self.know(held, part);
        let goes_on = self
            .intervals
            .last()
            .is_some_and(|last| last.began_ms == run.began_ms && last.side == run.side);
        if !goes_on {
            self.intervals.push(Interval {
                start_ms: part.start_ms,
                end_ms: part.start_ms,
                open_start: run.began_ms < start_ms,
                open_end: false,
                began_ms: run.began_ms,
                side: run.side,
                worst: held.value,
                excess,
                samples: 0,
                sample_times_ms: Vec::new(),
                resumes_after_gap: run.resumes && !self.intervals.is_empty(),
                assumed: false,
            });
        }
        let Some(interval) = self.intervals.last_mut() else {
            return;
        };
        interval.end_ms = part.end_ms;
        interval.open_end = open_end;
        interval.assumed |= held.assumed;
        if excess > interval.excess {
            interval.excess = excess;
            interval.worst = held.value;
        }
        if counted {
            self.samples += 1;
            self.samples_violating += 1;
            interval.samples += 1;
            if interval.sample_times_ms.len() < MAX_SAMPLE_TIMES {
                interval.sample_times_ms.push(held.from_ms);
            }
        }
    }

    pub(super) fn finish(mut self, oldest_ms: Option<i64>, reading: Reading) -> Evaluation {
        let length_ms = self.window.length_ms.max(0);
        for interval in self.intervals.iter_mut().filter(|i| i.began_ms == BEFORE_ALL_MS) {
            // The policy `zero` judges time before history: it began nobody knows when.
            interval.began_ms = self.window.start_ms();
        }
        let violated_ms = self.intervals.iter().map(Interval::length_ms).sum::<i64>();
        let covered_ms = crate::span::length_ms(&self.known);
        let unknown_ms = length_ms - covered_ms;
        let (good_ms, bad_ms) = match self.missing {
            MissingPolicy::Gap | MissingPolicy::Hold { .. } => (covered_ms - violated_ms, violated_ms),
            MissingPolicy::Good | MissingPolicy::Zero => (length_ms - violated_ms, violated_ms),
            MissingPolicy::Bad => (covered_ms - violated_ms, violated_ms + unknown_ms),
        };
        Evaluation {
            window: self.window,
            missing: self.missing,
            intervals: self.intervals,
            known: self.known,
            violated_ms,
            covered_ms,
            unknown_ms,
            good_ms,
            bad_ms,
            samples: self.samples,
            samples_violating: self.samples_violating,
            n_nan: self.n_nan,
            n_stale: self.n_stale,
            // What lies after the window's end is not known at its instant.
            oldest_ms: oldest_ms.filter(|&t| t <= self.window.end_ms),
            reading,
        }
    }
}
