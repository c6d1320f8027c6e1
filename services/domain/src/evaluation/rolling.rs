//! The same evaluation, carried on: a sample is looked at once, and windows are cut out of what it left behind.
//!
//! A pass over the samples costs what all of them cost, each time. Here a sample lengthens or begins a stretch of known
//! time and, outside the range, a run of violating samples; a window is a cut through both. The results are those of
//! [`super::evaluate_windows`] over the same samples, bit for bit: `tests/evaluation_rolling.rs` holds the two against
//! each other.

use super::outcome::{Evaluation, Interval, Judgement, MAX_SAMPLE_TIMES, reading};
use super::pass::Account;
use crate::objective::MissingPolicy;
use crate::range::{Side, Verdict};
use crate::sample::{Samples, is_stale};
use crate::span::Span;
use crate::window::Window;

/// Where the samples lie in time that a [`Rolling`] was given: it keeps no times of its own.
pub trait Timeline {
    /// How many samples lie at or before `at_ms` (Unix milliseconds).
    fn count_upto(&mut self, at_ms: i64) -> usize;

    /// Appends the times of the samples `from`..`to`, counted from the oldest, to `out`.
    fn append_times(&mut self, from: usize, to: usize, out: &mut Vec<i64>);
}

impl Timeline for &Samples {
    fn count_upto(&mut self, at_ms: i64) -> usize {
        self.times_ms.partition_point(|&time| time <= at_ms)
    }

    fn append_times(&mut self, from: usize, to: usize, out: &mut Vec<i64>) {
        out.extend_from_slice(&self.times_ms[from..to]);
    }
}

/// What a sample is to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There is nothing to judge: a counter's rate needs two samples.
    Absent,
    Good,
    Outside(Side),
    NotANumber,
    Stale,
}

/// Samples of one kind in a row.
#[derive(Debug, Clone, Copy)]
struct Row {
    kind: Kind,
    /// Index behind the last of them.
    end: u32,
}

/// A value that no later one of its run exceeds.
#[derive(Debug, Clone, Copy)]
struct Peak {
    /// The last sample with this value.
    last: u32,
    value: f64,
    excess: f64,
}

/// Violating samples on one side without a gap between them.
#[derive(Debug, Clone)]
struct Run {
    side: Side,
    began_ms: i64,
    /// Where it ends; while it goes on, where its newest sample ceases to hold.
    end_ms: i64,
    first: u32,
    last: u32,
    /// Only unknown time lies between the run before and this one.
    resumes: bool,
    /// Falling: the first one at or behind any sample is the worst from there on.
    peaks: Vec<Peak>,
}

/// One series under one judgement, sample by sample.
#[derive(Debug, Clone)]
pub struct Rolling {
    judgement: Judgement,
    rows: Vec<Row>,
    known: Vec<Span>,
    runs: Vec<Run>,
    in_run: bool,
    /// The side of the last run, for as long as nothing but unknown time followed it.
    last_side: Option<Side>,
    /// The newest number, and whether a stale marker followed it.
    newest: Option<(i64, f64)>,
    ended: bool,
    oldest_ms: Option<i64>,
    last_ms: i64,
}

impl Rolling {
    /// Nothing seen yet. `None` for the policy `zero`, which judges time without samples: it is evaluated as a whole.
    pub fn new(judgement: Judgement) -> Option<Self> {
        (judgement.missing != MissingPolicy::Zero).then(|| Self {
            judgement,
            rows: Vec::new(),
            known: Vec::new(),
            runs: Vec::new(),
            in_run: false,
            last_side: None,
            newest: None,
            ended: false,
            oldest_ms: None,
            last_ms: i64::MIN,
        })
    }

    /// How it judges.
    pub fn judgement(&self) -> &Judgement {
        &self.judgement
    }

    /// How many samples it was given.
    pub fn len(&self) -> usize {
        self.rows.last().map_or(0, |row| row.end as usize)
    }

    /// Whether it was given none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes the next sample, later than all before it. Without a value it counts as one that has nothing to judge.
    pub fn push(&mut self, time_ms: i64, value: Option<f64>) {
        self.last_ms = time_ms;
        let Some(value) = value else {
            self.note(Kind::Absent);
            return;
        };
        let stale = is_stale(value);
        if !stale && !value.is_finite() {
            self.note(Kind::NotANumber);
            return;
        }
        self.close(time_ms);
        if stale {
            self.ended = true;
            self.note(Kind::Stale);
            return;
        }
        self.ended = false;
        self.newest = Some((time_ms, value));
        self.oldest_ms.get_or_insert(time_ms);
        let until_ms = time_ms.saturating_add(self.judgement.hold_ms());
        self.know(time_ms, until_ms);
        match self.judgement.range.judge(value) {
            Verdict::Outside(side) => {
                let at = self.note(Kind::Outside(side));
                self.violate(side, value, at, time_ms, until_ms);
            }
            Verdict::Good | Verdict::Warning(_) => {
                self.note(Kind::Good);
                self.in_run = false;
                self.last_side = None;
            }
        }
    }

    /// What held so far holds until `time_ms` or its cap; a gap ends a run.
    fn close(&mut self, time_ms: i64) {
        let Some((from_ms, _)) = self.newest.filter(|_| !self.ended) else {
            self.in_run = false;
            return;
        };
        let until_ms = time_ms.min(from_ms.saturating_add(self.judgement.hold_ms()));
        if let Some(known) = self.known.last_mut().filter(|known| known.end_ms > until_ms) {
            known.end_ms = until_ms;
        }
        if self.in_run
            && let Some(run) = self.runs.last_mut()
        {
            run.end_ms = until_ms;
        }
        self.in_run &= until_ms == time_ms;
    }

    fn know(&mut self, from_ms: i64, until_ms: i64) {
        match self.known.last_mut() {
            Some(last) if last.end_ms == from_ms => last.end_ms = until_ms,
            _ if until_ms > from_ms => self.known.push(Span {
                start_ms: from_ms,
                end_ms: until_ms,
            }),
            _ => {}
        }
    }

    fn violate(&mut self, side: Side, value: f64, at: u32, time_ms: i64, until_ms: i64) {
        let goes_on = self.in_run && self.runs.last().is_some_and(|run| run.side == side);
        if !goes_on {
            self.runs.push(Run {
                side,
                began_ms: time_ms,
                end_ms: until_ms,
                first: at,
                last: at,
                resumes: !self.in_run && self.last_side == Some(side),
                peaks: Vec::new(),
            });
        }
        self.in_run = true;
        self.last_side = Some(side);
        if let Some(run) = self.runs.last_mut() {
            run.end_ms = until_ms;
            run.last = at;
            run.peak(Peak {
                last: at,
                value,
                excess: self.judgement.range.excess(value, side),
            });
        }
    }

    /// Counts a sample; its index.
    fn note(&mut self, kind: Kind) -> u32 {
        let at = self.rows.last().map_or(0, |row| row.end);
        match self.rows.last_mut() {
            Some(row) if row.kind == kind => row.end += 1,
            _ => self.rows.push(Row { kind, end: at + 1 }),
        }
        at
    }

    /// One evaluation a window of these lengths (milliseconds), all ending at `at_ms`. `None` where a sample lies after
    /// that instant: the past is evaluated as a whole.
    pub fn windows(&self, at_ms: i64, lengths_ms: &[i64], timeline: &mut impl Timeline) -> Option<Vec<Evaluation>> {
        let window = |&length_ms| Window {
            end_ms: at_ms,
            length_ms,
        };
        (self.last_ms <= at_ms).then(|| {
            let windows = lengths_ms.iter().map(window);
            windows.map(|window| self.window(window, timeline)).collect()
        })
    }

    fn window(&self, window: Window, timeline: &mut impl Timeline) -> Evaluation {
        let (start_ms, end_ms) = (window.start_ms(), window.end_ms);
        // Samples before this one lie before the window.
        let gone = timeline.count_upto(start_ms) as u32;
        let mut account = Account::new(&self.judgement, window);
        for (kind, count) in self
            .pieces(gone, u32::MAX)
            .map(|(kind, from, to)| (kind, u64::from(to - from)))
        {
            match kind {
                Kind::Absent => {}
                Kind::Good => account.samples += count,
                Kind::Outside(_) => {
                    account.samples += count;
                    account.samples_violating += count;
                }
                Kind::NotANumber => account.n_nan += count,
                Kind::Stale => account.n_stale += count,
            }
        }
        let first_known = self.known.partition_point(|span| span.end_ms <= start_ms);
        let cut = |span: &Span| Span {
            start_ms: span.start_ms.max(start_ms),
            end_ms: span.end_ms.min(end_ms),
        };
        let inside = self.known[first_known..].iter().map(cut);
        account.known = inside.filter(|span| span.length_ms() > 0).collect();
        let first_run = self.runs.partition_point(|run| run.end_ms <= start_ms);
        for run in &self.runs[first_run..] {
            let interval = self.interval(run, window, gone, !account.intervals.is_empty(), timeline);
            account.intervals.push(interval);
        }
        let reading = reading(&self.judgement, self.newest, self.ended, end_ms);
        account.finish(self.oldest_ms, reading)
    }

    fn interval(&self, run: &Run, window: Window, gone: u32, follows: bool, timeline: &mut impl Timeline) -> Interval {
        let window_start_ms = window.start_ms();
        let start_ms = run.began_ms.max(window_start_ms);
        // A run that began before carries in the value that held at the window's start.
        let first_inside = if run.began_ms <= window_start_ms {
            self.last_violating(gone, run)
        } else {
            run.first
        };
        let worst = run.peaks[run.peaks.partition_point(|peak| peak.last < first_inside)];
        let mut samples = 0;
        let mut sample_times_ms = Vec::new();
        for (kind, from, to) in self.pieces(run.first.max(gone), run.last + 1) {
            if kind == Kind::Outside(run.side) {
                samples += u64::from(to - from);
                let room = (MAX_SAMPLE_TIMES - sample_times_ms.len()).min((to - from) as usize);
                timeline.append_times(from as usize, from as usize + room, &mut sample_times_ms);
            }
        }
        Interval {
            start_ms,
            end_ms: run.end_ms.min(window.end_ms).max(start_ms),
            open_start: run.began_ms < window_start_ms,
            open_end: run.end_ms > window.end_ms,
            began_ms: run.began_ms,
            side: run.side,
            worst: worst.value,
            excess: worst.excess,
            samples,
            sample_times_ms,
            resumes_after_gap: run.resumes && follows,
            assumed: false,
        }
    }

    /// Samples of one kind in a row within `from`..`to`: kind, first, behind the last.
    fn pieces(&self, from: u32, to: u32) -> impl Iterator<Item = (Kind, u32, u32)> {
        let first = self.rows.partition_point(|row| row.end <= from);
        let mut at = from;
        self.rows[first..].iter().map_while(move |row| {
            let (begin, end) = (at, row.end.min(to));
            at = row.end;
            (begin < end).then_some((row.kind, begin, end))
        })
    }

    /// The newest violating sample of `run` before the index `before`; its first one where there is none.
    fn last_violating(&self, before: u32, run: &Run) -> u32 {
        let Some(newest) = before.checked_sub(1) else {
            return run.first;
        };
        let row = self.rows.partition_point(|row| row.end <= newest);
        let rows = self.rows[..=row.min(self.rows.len() - 1)].iter().rev();
        let mut violating = rows.filter(|row| row.kind == Kind::Outside(run.side));
        let last = violating.next().map_or(run.first, |row| (row.end - 1).min(newest));
        last.max(run.first)
    }
}

impl Run {
    fn peak(&mut self, new: Peak) {
        while self.peaks.last().is_some_and(|last| last.excess < new.excess) {
            self.peaks.pop();
        }
        // Of equal values the latest counts: it is inside whatever window holds an earlier one's stretch, too. Values that
        // only round to the same excess are kept apart, for the earliest one inside is the one that is told.
        match self.peaks.last_mut() {
            Some(last) if last.value.to_bits() == new.value.to_bits() => last.last = new.last,
            _ => self.peaks.push(new),
        }
    }
}
