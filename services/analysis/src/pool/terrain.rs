//! The history prepared for drawing paths: scaled exactly, with the state of the series at every slot.

use super::drift::Drift;
use super::recursion::Recursion;
use super::rhythm::{cycle, persistence};
use super::smoothing::Smoothing;
use super::track::Track;

/// Features of the state at a slot: level, then four that do not change when the series is shifted.
pub(crate) const FEATURES: usize = 5;
/// Weights of the features when a shifted copy will be drawn: shape only.
pub(crate) const SHAPE: [f64; FEATURES] = [0.0, 1.0, 1.0, 0.7, 0.5];
/// Weights of the features when the level matters.
pub(crate) const LEVEL: [f64; FEATURES] = [1.5, 0.8, 0.6, 0.4, 0.3];
/// Hours in which a cycle is sought.
const CYCLE_HOURS: f64 = 4.0;
/// Share of samples on the very minimum (maximum) from which it counts as a floor (ceiling) that is never left.
const WALL_SHARE: f64 = 0.02;
/// And at least this many samples: in a short history one sample is already a large share, and the extreme seen so far is no wall.
const WALL_SAMPLES: f64 = 30.0;
/// How far beyond the seen range a path may go, in units of that range.
const HEADROOM: f64 = 0.5;

/// Everything the experts need to know about the history up to each slot. All arrays have the length of the history.
#[derive(Debug)]
pub(crate) struct Terrain {
    /// Values divided by `unit`, NaN in gaps.
    pub(crate) x: Vec<f64>,
    /// Power of two by which values were divided, so that 1e300 and subnormals behave alike; exact.
    pub(crate) unit: f64,
    /// Valid slots that follow without a gap.
    pub(crate) run: Vec<u32>,
    /// State features, each divided by its mean absolute size.
    features: Vec<[f64; FEATURES]>,
    pub(crate) smoothing: Smoothing,
    /// Autoregression of the next change.
    pub(crate) recursion: Recursion,
    /// ARIMA(1,1,1) of the value.
    pub(crate) drift: Drift,
    /// Length of the strongest cycle in slots, if there is one.
    pub(crate) cycle: Option<usize>,
    /// Persistence: share of a deviation from the mean that is left after j slots, j = 0…horizon.
    pub(crate) persistence: Vec<f64>,
    pub(crate) walls: Walls,
    pub(crate) spans: Spans,
}

/// What bounds paths and comparisons, in units of the terrain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walls {
    /// Lowest and highest value that a path may reach.
    pub(crate) floor: f64,
    pub(crate) ceiling: f64,
    /// Smallest difference that counts, for comparison with a threshold after shifting.
    pub(crate) grain: f64,
}

/// Times in slots, each at least 8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spans {
    pub(crate) four_hours: usize,
    pub(crate) day: usize,
}

/// What an earlier forecast found out and need not be searched for again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) alpha: f64,
    pub(crate) cycle: Option<usize>,
}

impl Terrain {
    /// Prepares `slots` (first and last finite) for paths of `horizon` slots.
    pub(crate) fn new(slots: &[f64], step_ms: i64, horizon: usize, known: Option<Known>) -> Self {
        let largest = slots
            .iter()
            .filter(|v| v.is_finite())
            .fold(0.0_f64, |a, v| a.max(v.abs()));
        let unit = power_of_two(largest);
        let x: Vec<f64> = slots.iter().map(|v| v / unit).collect();
        let (sum, count) = finite(&x).fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
        let mean = sum / count;
        let slots_per_hour = (3_600_000.0 / step_ms as f64).max(1.0);
        let smoothing = Smoothing::fit(&x, slots_per_hour, known.map(|known| known.alpha));
        // A state whose constant is not ours knows no cycle either.
        let known = known.filter(|known| known.alpha == smoothing.alpha);
        let cycle = known.map_or_else(
            || cycle(&x, ((CYCLE_HOURS * 3_600_000.0 / step_ms as f64) as usize).max(16)),
            |known| known.cycle,
        );
        let spans = Spans::new(slots_per_hour);
        Self {
            unit,
            run: runs(&x),
            features: features(&x, mean),
            smoothing,
            recursion: Recursion::fit(&x, mean, spans.day),
            drift: Drift::fit(&x),
            cycle,
            persistence: persistence(&x, mean, horizon),
            walls: Walls::of(&x),
            spans,
            x,
        }
    }

    /// Slots that may be copied after `source` by one who stands at `origin` and must not see beyond it.
    pub(crate) fn ahead(&self, source: usize, origin: usize) -> usize {
        (self.run[source] as usize).min(origin.saturating_sub(source))
    }

    /// Whether a copy may begin at `place`: there is a value, and one that follows.
    pub(crate) fn leads_on(&self, place: usize) -> bool {
        !self.x[place].is_nan() && self.run[place] > 0
    }

    /// Distance of two states under `weights`, abandoned once it exceeds `limit`.
    pub(crate) fn distance(&self, a: usize, b: usize, weights: &[f64; FEATURES], limit: f64) -> f64 {
        let (left, right) = (&self.features[a], &self.features[b]);
        let mut sum = 0.0;
        for i in 0..FEATURES {
            sum += weights[i] * (left[i] - right[i]).abs();
            if sum > limit {
                return f64::INFINITY;
            }
        }
        sum
    }
}

impl Walls {
    fn of(x: &[f64]) -> Self {
        let low = finite(x).fold(f64::INFINITY, f64::min);
        let high = finite(x).fold(f64::NEG_INFINITY, f64::max);
        let range = high - low;
        let often = (WALL_SHARE * finite(x).count() as f64).max(WALL_SAMPLES);
        let is_wall = |value: f64| finite(x).filter(|v| *v == value).count() as f64 >= often;
        let mut floor = if is_wall(low) { low } else { low - HEADROOM * range };
        if low >= 0.0 {
            floor = floor.max(0.0);
        }
        Self {
            floor,
            ceiling: if is_wall(high) { high } else { high + HEADROOM * range },
            grain: 1e-9 * (range + f64::MIN_POSITIVE) + 4.0 * f64::EPSILON * high.abs().max(low.abs()),
        }
    }

    /// The nearest value that a path may take.
    pub(crate) fn hold(&self, value: f64) -> f64 {
        value.clamp(self.floor, self.ceiling)
    }
}

impl Spans {
    fn new(slots_per_hour: f64) -> Self {
        let hours = |count: f64| ((slots_per_hour * count) as usize).max(8);
        Self {
            four_hours: hours(4.0),
            day: hours(24.0),
        }
    }
}

fn finite(x: &[f64]) -> impl Iterator<Item = f64> + '_ {
    x.iter().copied().filter(|v| v.is_finite())
}

/// For each slot how many valid ones follow it without a gap.
fn runs(x: &[f64]) -> Vec<u32> {
    let mut run = vec![0_u32; x.len()];
    for i in (0..x.len().saturating_sub(1)).rev() {
        run[i] = if x[i + 1].is_nan() { 0 } else { run[i + 1] + 1 };
    }
    run
}

/// The power of two at or below `largest`, so that division is exact; 1 for zero.
fn power_of_two(largest: f64) -> f64 {
    // The exponent's bits alone: a logarithm could round up, and not on every machine alike.
    const EXPONENT: u64 = 0x7FF0_0000_0000_0000;
    if largest > 0.0 {
        f64::from_bits(largest.to_bits() & EXPONENT).max(2.0 * f64::MIN_POSITIVE)
    } else {
        1.0
    }
}

/// Level, distance from the short mean, differences of means over 4, 16 and 64 slots, and the size of recent changes.
fn features(x: &[f64], mean: f64) -> Vec<[f64; FEATURES]> {
    let mut out = Vec::with_capacity(x.len());
    let mut track = Track::start(x);
    let mut sizes = [0.0_f64; FEATURES];
    for &v in x {
        if v.is_finite() {
            track.advance(v);
        }
        let row = [
            track.last - mean,
            track.last - track.mean4,
            track.mean4 - track.mean16,
            track.mean16 - track.mean64,
            track.size,
        ];
        for i in 0..FEATURES {
            sizes[i] += row[i].abs();
        }
        out.push(row);
    }
    let count = x.len() as f64;
    let factors = sizes.map(|size| if size / count > 1e-300 { count / size } else { 0.0 });
    for row in &mut out {
        for i in 0..FEATURES {
            row[i] *= factors[i];
        }
    }
    out
}
