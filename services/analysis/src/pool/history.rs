//! A series on its own step: sorted, without repeats of the scrape, with gaps kept as gaps.

use super::question::PoolError;

/// Longest history a forecast looks at, in slots of the step; older slots are dropped. 24 h at 5 s.
pub const MAX_HISTORY_SLOTS: usize = 17_280;
/// A sample holds for at most this many steps (the rule by which violations are judged); beyond it the slot is a gap.
pub const HOLD_STEPS: usize = 2;
/// Fewest finite samples a forecast is made from.
pub const MIN_SAMPLES: usize = 4;
/// Longest step: a year, so that a horizon in ms never overflows.
const MAX_STEP_MS: i64 = 31_622_400_000;
/// Fewest runs of equal values before repeated samples are recognised.
const MIN_RUNS: usize = 8;
/// Share of runs that must have the usual length before values count as repeated by the query step.
const RUN_SHARE: f64 = 0.85;

/// A series laid on a regular grid of its own spacing.
///
/// `slots[i]` is the value at `last_ms - (slots.len() - 1 - i) * step_ms`; NaN is a gap. Gaps are never interpolated: a sample holds for
/// [`HOLD_STEPS`] steps at most. Values are as given (no scaling).
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Values per slot, oldest first, NaN where nothing was seen; first and last are finite.
    pub slots: Vec<f64>,
    /// Milliseconds between slots, at least 1.
    pub step_ms: i64,
    /// Time of the last slot, in ms.
    pub last_ms: i64,
    /// How many steps of the caller's samples one slot stands for: 1 when every sample was a fresh one, 4 when a 15 s scrape
    /// was read at 3.75 s. A horizon of `h` of the caller's steps is `h / steps_per_slot` slots.
    pub steps_per_slot: f64,
    /// Samples given that were NaN or infinite.
    pub skipped_samples: usize,
    /// Finite samples that repeated the one before because the step was finer than the scrape.
    pub repeated_samples: usize,
}

impl History {
    /// Builds a history from samples.
    ///
    /// `times_ms` and `values` have the same length; they may be unsorted, hold duplicates (the later entry wins) and NaN or ±Inf (dropped).
    ///
    /// # Errors
    /// [`PoolError::LengthMismatch`], or [`PoolError::TooShort`] when fewer than [`MIN_SAMPLES`] finite samples remain.
    pub fn new(times_ms: &[i64], values: &[f64]) -> Result<Self, PoolError> {
        if times_ms.len() != values.len() {
            return Err(PoolError::LengthMismatch {
                times: times_ms.len(),
                values: values.len(),
            });
        }
        let mut samples: Vec<(i64, f64)> = times_ms
            .iter()
            .copied()
            .zip(values.iter().copied())
            .filter(|(_, value)| value.is_finite())
            .collect();
        let skipped_samples = values.len() - samples.len();
        if !samples.is_sorted_by_key(|sample| sample.0) {
            samples.sort_by_key(|sample| sample.0); // stable: of two samples at one time the later given stays behind
        }
        let mut kept = 0;
        for i in 0..samples.len() {
            if kept > 0 && samples[kept - 1].0 == samples[i].0 {
                samples[kept - 1] = samples[i];
            } else {
                samples[kept] = samples[i];
                kept += 1;
            }
        }
        samples.truncate(kept);
        if samples.len() < MIN_SAMPLES {
            return Err(PoolError::TooShort {
                samples: samples.len(),
                needed: MIN_SAMPLES,
            });
        }
        let fine_step_ms = median_step(&samples);
        let before = samples.len();
        let steps_per_slot = remove_repeats(&mut samples, fine_step_ms);
        let step_ms = ((fine_step_ms as f64 * steps_per_slot).round() as i64).clamp(1, MAX_STEP_MS);
        Ok(Self::on_grid(
            &samples,
            step_ms,
            steps_per_slot,
            skipped_samples,
            before - samples.len(),
        ))
    }

    /// Builds a history from values at a regular step, NaN or ±Inf meaning a missing sample.
    ///
    /// The last value stands at time `(values.len() - 1) * step_ms`; trailing missing values shorten the history.
    ///
    /// # Errors
    /// [`PoolError::TooShort`] when fewer than [`MIN_SAMPLES`] finite values remain.
    pub fn regular(values: &[f64], step_ms: i64) -> Result<Self, PoolError> {
        let step_ms = step_ms.clamp(1, i64::MAX / (values.len() as i64 + 1));
        let times: Vec<i64> = (0..values.len() as i64).map(|i| i * step_ms).collect();
        Self::new(&times, values)
    }

    /// The newest value.
    pub fn last_value(&self) -> f64 {
        self.slots.last().copied().unwrap_or(f64::NAN)
    }

    /// Seconds from the first to the last slot.
    pub fn span_s(&self) -> f64 {
        self.slots.len().saturating_sub(1) as f64 * self.step_ms as f64 / 1000.0
    }

    /// The caller's steps in slots, at least 1, rounded up.
    pub fn slots_of_steps(&self, steps: usize) -> usize {
        ((steps as f64 / self.steps_per_slot - 1e-9).ceil() as usize).max(1)
    }

    fn on_grid(
        samples: &[(i64, f64)],
        step_ms: i64,
        steps_per_slot: f64,
        skipped_samples: usize,
        repeated_samples: usize,
    ) -> Self {
        let last_ms = samples[samples.len() - 1].0;
        let back = |time: i64| {
            let distance = last_ms.saturating_sub(time);
            // Rounded to the nearest slot; i128 so that extreme times cannot overflow.
            ((i128::from(distance) * 2 + i128::from(step_ms)) / (2 * i128::from(step_ms))) as usize
        };
        let mut first = 0;
        while first < samples.len() && back(samples[first].0) >= MAX_HISTORY_SLOTS {
            first += 1;
        }
        let count = back(samples[first].0) + 1;
        let mut slots = vec![f64::NAN; count];
        for &(time, value) in &samples[first..] {
            slots[count - 1 - back(time)] = value;
        }
        let mut since = 0;
        for i in 1..count {
            since = if slots[i].is_nan() { since + 1 } else { 0 };
            if since > 0 && since < HOLD_STEPS {
                slots[i] = slots[i - 1];
            }
        }
        Self {
            slots,
            step_ms,
            last_ms,
            steps_per_slot,
            skipped_samples,
            repeated_samples,
        }
    }
}

/// Median distance of neighbours in ms, at least 1.
fn median_step(samples: &[(i64, f64)]) -> i64 {
    let mut deltas: Vec<i64> = samples
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].0))
        .collect();
    let middle = deltas.len() / 2;
    let (_, median, _) = deltas.select_nth_unstable(middle);
    (*median).max(1)
}

/// Removes samples that only repeat the last scrape: runs of equal values whose lengths are all alike (Prometheus repeats the newest
/// sample at every query step). Coarsely quantised series have runs of many lengths and are left alone. Returns steps per fresh sample.
fn remove_repeats(samples: &mut Vec<(i64, f64)>, step_ms: i64) -> f64 {
    let mut lengths: Vec<usize> = Vec::new();
    let mut run = 1;
    for pair in samples.windows(2) {
        let contiguous = pair[1].0.saturating_sub(pair[0].0) <= step_ms.saturating_add(step_ms / 2);
        if pair[0].1 == pair[1].1 && contiguous {
            run += 1;
        } else {
            lengths.push(run);
            run = 1;
        }
    }
    if lengths.len() < MIN_RUNS {
        return 1.0;
    }
    lengths.remove(0); // the first run is cut by the window's edge
    let mut sorted = lengths.clone();
    let middle = sorted.len() / 2;
    let median = *sorted.select_nth_unstable(middle).1;
    // A run may be one short or long of the usual (scrape not a multiple of the step), or double where two scrapes gave the same value.
    let usual = |length: usize| length + 1 >= median && length <= median + 1;
    let alike: Vec<usize> = lengths.iter().copied().filter(|&length| usual(length)).collect();
    let mean = alike.iter().sum::<usize>() as f64 / alike.len() as f64;
    let share = lengths
        .iter()
        .filter(|&&length| usual(length) || is_multiple(length as f64, mean))
        .count() as f64
        / lengths.len() as f64;
    let ones = lengths.iter().filter(|&&length| length == 1).count() as f64 / lengths.len() as f64;
    // Mean 1.4 means a scrape of 1.4 steps; below, or with many single samples against a median of 2, chance repeats are as likely.
    if median < 2 && mean < 1.4 || share < RUN_SHARE || median >= 3 && ones > 0.05 || median < 3 && mean - ones < 1.0 {
        return 1.0;
    }
    let mut kept: Vec<(i64, f64)> = Vec::with_capacity((samples.len() as f64 / mean) as usize + 1);
    let spacing_ms = mean * step_ms as f64;
    let mut held_from = i64::MIN;
    for &(time, value) in samples.iter() {
        let repeats = kept.last().is_some_and(|last| last.1 == value)
            && (time.saturating_sub(held_from) as f64) < spacing_ms - step_ms as f64 / 2.0;
        if !repeats {
            kept.push((time, value));
            held_from = time;
        }
    }
    *samples = kept;
    mean
}

fn is_multiple(length: f64, unit: f64) -> bool {
    let times = (length / unit).round();
    times >= 2.0 && (length - times * unit).abs() <= 1.0
}
