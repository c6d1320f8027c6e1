//! Values of expressions, held so that only the new end of the grid is asked of the server.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sla_domain::{Labels, Samples};
use sla_source::reader::DOUBTED_MS;
use sla_source::{Call, ExpressionRead, ExpressionRequest, MetricSource, ReadLimits, SourceError};

/// Most samples held over all expressions; the longest unused go first.
pub(super) const MAX_HELD_SAMPLES: usize = 4_000_000;
/// How much of the newest time is evaluated again: late samples, milliseconds.
pub(super) const REREAD_MS: i64 = 300_000;

/// What identifies an expression: its normal form and its step, milliseconds.
pub(super) type Key = (String, i64);

#[derive(Debug, Default)]
struct Held {
    series: Vec<(Labels, Samples)>,
    /// Evaluated at every instant of the grid in (after, until].
    after_ms: i64,
    until_ms: i64,
    used: u64,
}

impl Held {
    fn samples(&self) -> usize {
        self.series.iter().map(|(_, samples)| samples.len()).sum()
    }

    /// Whether an answer about the time from `after_ms` on lacks everything that was evaluated there before and is not older
    /// than [`DOUBTED_MS`]: such an answer is not believed.
    fn is_taken_back(&self, read: &ExpressionRead, after_ms: i64, until_ms: i64) -> bool {
        let has = |series: &[(Labels, Samples)], from_ms: i64| {
            let mut all = series.iter();
            all.any(|(_, samples)| !samples.between(from_ms, self.until_ms).0.is_empty())
        };
        has(&self.series, after_ms.max(until_ms - DOUBTED_MS)) && !has(&read.series, after_ms)
    }

    /// Puts what was evaluated in (`after_ms`, `until_ms`] in the place of what was known about it. A range that does not
    /// touch the known one replaces it.
    fn merge(&mut self, read: ExpressionRead, after_ms: i64, until_ms: i64, keep_after_ms: i64) {
        if after_ms > self.until_ms || until_ms < self.after_ms {
            *self = Self {
                used: self.used,
                after_ms,
                until_ms,
                ..Self::default()
            };
        }
        let mut brought: HashMap<Labels, Samples> = read.series.into_iter().collect();
        for (labels, samples) in &mut self.series {
            let middle = brought.remove(labels).unwrap_or_default();
            let pieces = [
                samples.between(i64::MIN, after_ms),
                middle.between(after_ms, until_ms),
                samples.between(until_ms, i64::MAX),
            ];
            let mut merged = Samples::default();
            for (times, values) in pieces {
                merged.times_ms.extend_from_slice(times);
                merged.values.extend_from_slice(values);
            }
            *samples = merged;
        }
        self.series.extend(brought);
        self.after_ms = self.after_ms.min(after_ms).max(keep_after_ms);
        self.until_ms = self.until_ms.max(until_ms);
        for (_, samples) in &mut self.series {
            let old = samples.times_ms.partition_point(|&time| time <= keep_after_ms);
            samples.times_ms.drain(..old);
            samples.values.drain(..old);
        }
        self.series.retain(|(_, samples)| !samples.is_empty());
        self.series.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

#[derive(Debug, Default)]
struct HeldExpressions {
    held: HashMap<Key, Held>,
    turn: u64,
}

/// The expressions read so far.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    state: Mutex<HeldExpressions>,
}

impl Expressions {
    fn state(&self) -> MutexGuard<'_, HeldExpressions> {
        // Merges do not panic; an entry is dropped as a whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be evaluated so that (`after_ms`, `until_ms`] is known: a range of grid instants, or nothing. The grid is
    /// the multiples of the step, so that two reads agree on it.
    pub(super) fn missing(&self, key: &Key, after_ms: i64, until_ms: i64) -> Option<(i64, i64)> {
        let step_ms = key.1;
        let until_ms = until_ms.div_euclid(step_ms) * step_ms;
        let state = self.state();
        let whole = Some((after_ms, until_ms));
        let Some(held) = state.held.get(key) else { return whole };
        if after_ms < held.after_ms {
            return whole;
        }
        if until_ms <= held.until_ms {
            return None;
        }
        Some(((held.until_ms - REREAD_MS).max(after_ms), until_ms))
    }

    /// Forgets values evaluated at instants that have not come yet: a clock that was ahead leaves them behind, and they say
    /// nothing about what those instants will be.
    pub(super) fn doubt_after(&self, key: &Key, present_ms: i64) {
        let held = &mut self.state().held;
        if held.get(key).is_some_and(|held| held.until_ms > present_ms) {
            held.remove(key);
        }
    }

    /// Evaluates a missing range and keeps the values; older ones than `keep_ms` before the newest are dropped. Gives the bytes
    /// read and what the server said beside its answer; `None` where there was nothing to ask.
    pub(super) async fn read(
        &self,
        source: &dyn MetricSource,
        key: &Key,
        (after_ms, until_ms): (i64, i64),
        keep_ms: i64,
        max_series: usize,
        call: &Call,
    ) -> Result<Option<(u64, Vec<String>)>, SourceError> {
        let step_ms = key.1;
        let request = ExpressionRequest {
            expression: key.0.clone(),
            start_ms: (after_ms.div_euclid(step_ms) + 1) * step_ms,
            end_ms: until_ms,
            step_ms,
            limits: ReadLimits { max_series },
        };
        if request.start_ms > request.end_ms {
            return Ok(None);
        }
        let mut read = source.read_expression(&request, call).await?;
        let (bytes, warnings) = (read.bytes, std::mem::take(&mut read.warnings));
        let mut state = self.state();
        state.turn += 1;
        let turn = state.turn;
        let held = state.held.entry(key.clone()).or_insert_with(|| Held {
            after_ms,
            until_ms,
            ..Held::default()
        });
        held.used = turn;
        if !held.is_taken_back(&read, after_ms, until_ms) {
            held.merge(read, after_ms, until_ms, until_ms.saturating_sub(keep_ms));
        }
        while state.held.len() > 1 && state.held.values().map(Held::samples).sum::<usize>() > MAX_HELD_SAMPLES {
            let oldest = state
                .held
                .iter()
                .min_by_key(|(_, held)| held.used)
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                state.held.remove(&oldest);
            }
        }
        Ok(Some((bytes, warnings)))
    }

    /// The values in (`after_ms` − step, `until_ms`] as far as they are known, series by series; the one in front carries its
    /// value in.
    pub(super) fn get(&self, key: &Key, after_ms: i64, until_ms: i64) -> Vec<(Labels, Samples)> {
        let mut state = self.state();
        state.turn += 1;
        let turn = state.turn;
        let Some(held) = state.held.get_mut(key) else {
            return Vec::new();
        };
        held.used = turn;
        held.series
            .iter()
            .map(|(labels, samples)| {
                let (times, values) = samples.between(after_ms - key.1, until_ms);
                (
                    labels.clone(),
                    Samples {
                        times_ms: times.to_vec(),
                        values: values.to_vec(),
                    },
                )
            })
            .filter(|(_, samples)| !samples.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(labels: &str, times: &[i64], value: f64) -> ExpressionRead {
        let samples = Samples::from_columns(times.to_vec(), vec![value; times.len()]);
        ExpressionRead {
            series: vec![(Labels::from_pairs([("a", labels)]), samples)],
            ..ExpressionRead::default()
        }
    }

    #[test]
    fn a_tail_replaces_the_end_and_old_values_go() {
        let mut held = Held {
            after_ms: 0,
            until_ms: 40,
            ..Held::default()
        };
        held.merge(read("x", &[10, 20, 30, 40], 1.0), 0, 40, -100);
        held.merge(read("x", &[30, 40, 50], 2.0), 20, 50, 10);
        assert_eq!((held.after_ms, held.until_ms), (10, 50));
        let samples = &held.series[0].1;
        assert_eq!(samples.times_ms, [20, 30, 40, 50]);
        assert_eq!(samples.values, [1.0, 2.0, 2.0, 2.0]);
        // A series that came later lies beside it, one that went out of sight is dropped.
        held.merge(read("y", &[60], 3.0), 50, 60, 55);
        assert_eq!(held.series.len(), 1);
        assert_eq!(held.series[0].0.get("a"), Some("y"));
    }

    #[test]
    fn a_range_apart_replaces_all() {
        let mut held = Held {
            after_ms: 0,
            until_ms: 40,
            ..Held::default()
        };
        held.merge(read("x", &[10], 1.0), 0, 40, -100);
        held.merge(read("x", &[110], 1.0), 100, 110, -100);
        assert_eq!((held.after_ms, held.until_ms, held.samples()), (100, 110, 1));
    }

    #[test]
    fn only_the_end_is_missing_after_the_first_read() {
        let expressions = Expressions::default();
        let key = ("sum(up)".to_owned(), 15_000);
        assert_eq!(expressions.missing(&key, 5, 46_000_007), Some((5, 45_990_000)));
        let held = Held {
            after_ms: 5,
            until_ms: 45_990_000,
            ..Held::default()
        };
        expressions.state().held.insert(key.clone(), held);
        assert_eq!(
            expressions.missing(&key, 5, 45_999_999),
            None,
            "the next instant of the grid is not there yet"
        );
        assert_eq!(
            expressions.missing(&key, 100, 46_005_001),
            Some((45_690_000, 46_005_000))
        );
        assert_eq!(
            expressions.missing(&key, 0, 46_005_001),
            Some((0, 46_005_000)),
            "further back: read it whole"
        );
    }
}
