//! What really happens: the samples of each series as a function of the seed, and a second, naive evaluation of them.

use sla_domain::query::Query;
use sla_domain::{Labels, METRIC_NAME, STALE_NAN_BITS, Samples, is_stale};

use crate::dice::drawn;

/// The metric names; some have two series.
pub(crate) const NAMES: [&str; 4] = ["sim_load", "sim_queue", "sim_heat", "sim_pace"];
/// Values keep their character for so long, milliseconds.
const BLOCK_MS: i64 = 90_000;
/// Samples are missing for so long, where they are, milliseconds.
const SILENCE_MS: i64 = 120_000;
/// The young series began so long before, and gets slower so long after, milliseconds.
const YOUTH_MS: i64 = 60_000;
/// History before the simulation begins, milliseconds.
pub(crate) const HISTORY_MS: i64 = 20 * 60_000;

/// One series.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    pub(crate) labels: Labels,
    seed: u64,
    begin_ms: i64,
    spacing_ms: i64,
    /// From this instant on samples lie half as far apart again.
    slower_ms: i64,
}

/// The series of a world that begins at `begin_ms`. One is young and soon gets slower: what it was at first sight must be
/// remembered.
pub(crate) fn signals(seed: u64, begin_ms: i64) -> Vec<Signal> {
    let mut signals = Vec::new();
    for (at, name) in NAMES.into_iter().enumerate() {
        for host in 0..=i64::from(at == 0) {
            let place = [at as i64, host];
            let own = drawn(seed, &place);
            let is_young = name == "sim_pace";
            let history_ms = if is_young { YOUTH_MS } else { HISTORY_MS };
            signals.push(Signal {
                labels: Labels::from_pairs([(METRIC_NAME, name.to_owned()), ("host", format!("h{host}"))]),
                seed: own,
                begin_ms: begin_ms - history_ms + (own % 5_000).cast_signed(),
                spacing_ms: if is_young { 10_000 } else { 15_000 },
                slower_ms: if is_young { begin_ms + YOUTH_MS } else { i64::MAX },
            });
        }
    }
    signals
}

impl Signal {
    /// Whether `selector` selects it.
    pub(crate) fn is_of(&self, selector: &str) -> bool {
        Query::parse_selector(selector).is_ok_and(|selector| selector.matches(&self.labels))
    }

    /// Its samples in (`after_ms`, `until_ms`].
    pub(crate) fn samples(&self, after_ms: i64, until_ms: i64) -> Samples {
        let mut samples = Samples::default();
        let ends = [
            (self.begin_ms, self.slower_ms, self.spacing_ms),
            (self.slower_ms, i64::MAX, self.spacing_ms * 3 / 2),
        ];
        for (from_ms, to_ms, step_ms) in ends {
            if from_ms == i64::MAX {
                continue;
            }
            let skipped = (after_ms + 1 - from_ms).max(0) + step_ms - 1;
            let mut time_ms = from_ms + skipped / step_ms * step_ms;
            while time_ms <= until_ms && time_ms < to_ms {
                if let Some(value) = self.value(time_ms) {
                    samples.push(time_ms, value);
                }
                time_ms += step_ms;
            }
        }
        samples
    }

    /// `None`: no sample was taken.
    fn value(&self, time_ms: i64) -> Option<f64> {
        let own = drawn(self.seed, &[1, time_ms]);
        if drawn(self.seed, &[2, time_ms.div_euclid(SILENCE_MS)]) % 100 < 3 || own.is_multiple_of(50) {
            return None;
        }
        if own % 200 == 1 {
            return Some(f64::NAN);
        }
        if own % 250 == 3 {
            return Some(f64::from_bits(STALE_NAN_BITS));
        }
        let level = match drawn(self.seed, &[3, time_ms.div_euclid(BLOCK_MS)]) % 100 {
            0..15 => 100,
            15..25 => 85,
            _ => 50,
        };
        Some((level + own / 1_000 % 10) as f64)
    }
}

/// A state as the naive evaluation tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    /// The newest value is outside.
    Violated,
    /// There is none that holds.
    NoData,
    /// It is inside.
    Fine,
}

/// A stretch outside the range.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) start_ms: i64,
    /// `None`: it goes on.
    pub(crate) end_ms: Option<i64>,
    pub(crate) samples: u64,
    pub(crate) worst: f64,
}

/// The bound that all objectives here have: values above it are outside.
pub(crate) fn is_outside(value: f64, max: f64) -> bool {
    value > max
}

/// The state at `at_ms`, where a sample holds for `cap_ms`.
pub(crate) fn state(samples: &Samples, max: f64, cap_ms: i64, at_ms: i64) -> Word {
    let mut word = Word::NoData;
    for (time_ms, value) in samples.iter().filter(|&(time_ms, _)| time_ms <= at_ms) {
        if is_stale(value) {
            word = Word::NoData;
        } else if value.is_finite() {
            word = match (at_ms < time_ms + cap_ms, is_outside(value, max)) {
                (false, _) => Word::NoData,
                (true, true) => Word::Violated,
                (true, false) => Word::Fine,
            };
        }
    }
    word
}

/// All stretches outside up to `at_ms`.
pub(crate) fn stretches(samples: &Samples, max: f64, cap_ms: i64, at_ms: i64) -> Vec<Stretch> {
    let known: Vec<(i64, f64)> = samples
        .iter()
        .filter(|&(time_ms, value)| time_ms <= at_ms && (is_stale(value) || value.is_finite()))
        .collect();
    let mut found: Vec<Stretch> = Vec::new();
    for (at, &(time_ms, value)) in known.iter().enumerate() {
        if is_stale(value) || !is_outside(value, max) {
            continue;
        }
        let next_ms = known.get(at + 1).map_or(i64::MAX, |next| next.0);
        let to_ms = next_ms.min(time_ms + cap_ms);
        let end_ms = (to_ms <= at_ms).then_some(to_ms);
        match found.last_mut() {
            Some(last) if last.end_ms == Some(time_ms) => {
                last.end_ms = end_ms;
                last.samples += 1;
                last.worst = last.worst.max(value);
            }
            _ => found.push(Stretch {
                start_ms: time_ms,
                end_ms,
                samples: 1,
                worst: value,
            }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_semantics() {
        let samples = Samples::from_columns(
            vec![0, 60_000, 120_000, 180_000, 600_000, 660_000],
            vec![50.0, 90.0, 95.0, 70.0, 85.0, 60.0],
        );
        let found = stretches(&samples, 80.0, 120_000, 720_000);
        let ends: Vec<_> = found.iter().map(|one| (one.start_ms, one.end_ms, one.worst)).collect();
        assert_eq!(ends, [(60_000, Some(180_000), 95.0), (600_000, Some(660_000), 85.0)]);
        for (at_s, word) in [(590, Word::NoData), (650, Word::Violated), (720, Word::Fine)] {
            assert_eq!(state(&samples, 80.0, 120_000, at_s * 1_000), word, "{at_s}");
        }
    }

    #[test]
    fn samples_are_the_same_in_whatever_pieces_they_are_asked_for() {
        for signal in signals(7, 1_700_000_000_000) {
            let (from, to) = (1_700_000_000_000 - HISTORY_MS, 1_700_000_600_000);
            let whole = signal.samples(from, to);
            let mut pieces = Samples::default();
            for start in (from..to).step_by(7_000) {
                for (time, value) in signal.samples(start, (start + 7_000).min(to)).iter() {
                    assert!(pieces.push(time, value));
                }
            }
            assert_eq!(whole.times_ms, pieces.times_ms);
            assert!(whole.len() > 20, "{:?}", signal.labels);
        }
    }
}
