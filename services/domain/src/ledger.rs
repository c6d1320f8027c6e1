//! The ledger: violations as continuous evaluation opens, updates and closes them.
//!
//! Repeating an evaluation changes nothing: a violation is known by objective, generation, series and start.

use crate::evaluation::{Evaluation, Interval};
use crate::objective::{Objective, ObjectiveId};
use crate::range::{AllowedRange, Side};
use crate::series::SeriesId;

/// Whose violations they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerKey {
    /// The objective.
    pub objective: ObjectiveId,
    /// Its generation.
    pub generation: u32,
    /// The series.
    pub series: SeriesId,
}

impl LedgerKey {
    /// Of an objective and one of its series.
    pub fn new(objective: &Objective, series: SeriesId) -> Self {
        Self {
            objective: objective.id.clone(),
            generation: objective.generation,
            series,
        }
    }
}

/// A stored violation: an interval with its real ends, whatever windows show of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Whose it is; with `start_ms` its natural key.
    pub key: LedgerKey,
    /// Where it began, in Unix milliseconds. Never changes once stored.
    pub start_ms: i64,
    /// Where it ended (excluded); `None` while it goes on.
    pub end_ms: Option<i64>,
    /// Up to where it has been seen, in Unix milliseconds; of an ended one its end.
    pub seen_ms: i64,
    /// On which side of the range.
    pub side: Side,
    /// The bound that was broken.
    pub bound: f64,
    /// The worst value so far.
    pub worst: f64,
    /// How far it lies beyond the bound.
    pub excess: f64,
    /// Violating samples seen so far.
    pub samples: u64,
}

impl Violation {
    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.end_ms.is_none()
    }

    /// How long it lasted, or has been seen to last, in milliseconds.
    pub fn duration_ms(&self) -> i64 {
        (self.end_ms.unwrap_or(self.seen_ms) - self.start_ms).max(0)
    }

    /// Whether late samples have shown that it is a part of another one: it has no length and no samples left, and is
    /// not listed.
    pub fn is_withdrawn(&self) -> bool {
        self.samples == 0 && self.end_ms == Some(self.start_ms)
    }

    /// Taken back: see [`Violation::is_withdrawn`].
    fn withdrawn(&self) -> Self {
        Self {
            end_ms: Some(self.start_ms),
            seen_ms: self.start_ms,
            samples: 0,
            ..self.clone()
        }
    }

    fn of(key: &LedgerKey, interval: &Interval, range: &AllowedRange) -> Self {
        let bound = match interval.side {
            Side::Above => range.max(),
            Side::Below => range.min(),
        };
        Self {
            key: key.clone(),
            start_ms: interval.began_ms,
            end_ms: (!interval.open_end).then_some(interval.end_ms),
            seen_ms: interval.end_ms,
            side: interval.side,
            bound: bound.unwrap_or(interval.worst),
            worst: interval.worst,
            excess: interval.excess,
            samples: interval.samples,
        }
    }

    /// What `interval`, seen in a window that may show a part of it only, adds to this record.
    fn updated(&self, interval: &Interval) -> Self {
        let whole = !interval.open_start && interval.began_ms <= self.start_ms;
        let worse = whole || interval.excess > self.excess;
        let samples = if whole {
            interval.samples
        } else {
            // The window shows its end only: count what came after the last look.
            let known = interval.sample_times_ms.partition_point(|&time| time <= self.seen_ms);
            self.samples + (interval.sample_times_ms.len() - known) as u64
        };
        Self {
            end_ms: (!interval.open_end).then_some(interval.end_ms),
            seen_ms: if interval.open_end {
                interval.end_ms.max(self.seen_ms)
            } else {
                interval.end_ms
            },
            worst: if worse { interval.worst } else { self.worst },
            excess: if worse { interval.excess } else { self.excess },
            samples,
            ..self.clone()
        }
    }

    /// Whether `interval` is a view of this violation: the same side, and some time in common. One that goes on is also
    /// continued by an interval that starts at the very instant it was seen last.
    fn is_seen_in(&self, interval: &Interval) -> bool {
        let end_ms = self.end_ms.unwrap_or(self.seen_ms);
        let common = self.start_ms < interval.end_ms && interval.began_ms < end_ms;
        let continued = self.is_open() && self.start_ms <= interval.end_ms && interval.began_ms <= end_ms;
        self.side == interval.side && (common || continued || self.start_ms == interval.began_ms)
    }
}

/// What an evaluation changes in the ledger. Every entry is the whole record to store under its natural key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transitions {
    /// Not stored before, and going on.
    pub opened: Vec<Violation>,
    /// Stored before, changed and still going on; also an ended one of which late samples changed something.
    pub updated: Vec<Violation>,
    /// Ended: either stored as going on before, or begun and ended between two evaluations.
    pub closed: Vec<Violation>,
    /// Stored before, but shown by late samples to belong to an earlier one, or to have begun earlier itself.
    pub withdrawn: Vec<Violation>,
}

impl Transitions {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.updated.is_empty() && self.closed.is_empty() && self.withdrawn.is_empty()
    }

    /// All records to store.
    pub fn records(&self) -> impl Iterator<Item = &Violation> {
        self.opened
            .iter()
            .chain(&self.updated)
            .chain(&self.closed)
            .chain(&self.withdrawn)
    }
}

/// Compares the `stored` violations of one key — at least the open one and those that end inside the evaluation's window —
/// with a new evaluation of the same key.
///
/// An interval belongs to a stored violation of the same side which it overlaps; the record keeps its start, unless late
/// samples show an earlier one. A stored
/// open violation of which the window shows nothing any more ends where it was seen last. Ended ones are never taken
/// back because samples are gone.
pub fn transitions(
    key: &LedgerKey,
    range: &AllowedRange,
    stored: &[Violation],
    evaluation: &Evaluation,
) -> Transitions {
    let mut out = Transitions::default();
    let mut mine: Vec<&Violation> = stored
        .iter()
        .filter(|violation| violation.key == *key && !violation.is_withdrawn())
        .collect();
    mine.sort_by_key(|violation| violation.start_ms);
    let mut used = vec![false; mine.len()];
    for interval in &evaluation.intervals {
        let mut target: Option<&Violation> = None;
        for (violation, used) in mine.iter().zip(used.iter_mut()) {
            if *used || !violation.is_seen_in(interval) {
                continue;
            }
            *used = true;
            if target.is_none() {
                target = Some(violation);
            } else {
                out.withdrawn.push(violation.withdrawn());
            }
        }
        match target {
            None => {
                let new = Violation::of(key, interval, range);
                if new.is_open() {
                    out.opened.push(new);
                } else {
                    out.closed.push(new);
                }
            }
            Some(before) => {
                let mut after = before.updated(interval);
                if !interval.open_start && interval.began_ms < before.start_ms {
                    // A late sample has shown an earlier beginning. The start is a part of the key: the record moves.
                    after.start_ms = interval.began_ms;
                    out.withdrawn.push(before.withdrawn());
                }
                if after == *before {
                } else if before.is_open() && !after.is_open() {
                    out.closed.push(after);
                } else {
                    out.updated.push(after);
                }
            }
        }
    }
    for (violation, used) in mine.iter().zip(used) {
        if !used && violation.is_open() {
            out.closed.push(Violation {
                end_ms: Some(violation.seen_ms.max(violation.start_ms)),
                ..(*violation).clone()
            });
        }
    }
    out
}

#[cfg(test)]
mod tests;
