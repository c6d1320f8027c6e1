//! The history prepared for drawing paths: scaled exactly, with the state of the series at every slot.

use super::drift::Drift;
use super::recursion::Recursion;

/// Features of the state at a slot: level, then four that do not change when the series is shifted.
pub(crate) const FEATURES: usize = 5;
/// Weights of the features when a shifted copy will be drawn: shape only.
pub(crate) const SHAPE: [f64; FEATURES] = [0.0, 1.0, 1.0, 0.7, 0.5];
/// Weights of the features when the level matters.
pub(crate) const LEVEL: [f64; FEATURES] = [1.5, 0.8, 0.6, 0.4, 0.3];
/// Smoothing constants tried for simple exponential smoothing.
const ALPHAS: [f64; 6] = [0.05, 0.12, 0.25, 0.5, 0.8, 1.0];
/// Lags at which the persistence is measured; between them it is linear.
const PERSISTENCE_KNOTS: usize = 14;
/// Samples from which a moment of the whole history is known well enough.
pub(crate) const ENOUGH_SAMPLES: usize = 2_048;
/// Autocorrelation from which a peak is a cycle.
const CYCLE_STRENGTH: f64 = 0.25;
/// Longest cycle looked for, in slots.
const LONGEST_CYCLE: usize = 960;
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
    pub(crate) features: Vec<[f64; FEATURES]>,
    /// Level of simple exponential smoothing.
    pub(crate) level: Vec<f64>,
    /// One-step error of the smoothing (0 in gaps).
    pub(crate) error: Vec<f64>,
    /// Slow slope per slot (exponentially weighted).
    pub(crate) slope: Vec<f64>,
    /// Autoregression of the next change.
    pub(crate) recursion: Recursion,
    /// ARIMA(1,1,1) of the value.
    pub(crate) drift: Drift,
    /// Smoothing constant of `level`.
    pub(crate) alpha: f64,
    /// Length of the strongest cycle in slots, if there is one.
    pub(crate) cycle: Option<usize>,
    /// Persistence: share of a deviation from the mean that is left after j slots, j = 0…horizon.
    pub(crate) persistence: Vec<f64>,
    /// Paths are kept inside these.
    pub(crate) floor: f64,
    pub(crate) ceiling: f64,
    /// Smallest difference that counts, for comparison with a threshold after shifting.
    pub(crate) grain: f64,
    /// Slots in four hours and in a day, at least 8.
    pub(crate) four_hours: usize,
    pub(crate) day: usize,
}

impl Terrain {
    /// Prepares `slots` (first and last finite) for paths of `horizon` slots. `alpha` is a smoothing constant learned before.
    pub(crate) fn new(slots: &[f64], step_ms: i64, horizon: usize, known: Option<Known>) -> Self {
        let n = slots.len();
        let largest = slots
            .iter()
            .filter(|v| v.is_finite())
            .fold(0.0_f64, |a, v| a.max(v.abs()));
        let unit = power_of_two(largest);
        let x: Vec<f64> = slots.iter().map(|v| v / unit).collect();
        let mut run = vec![0_u32; n];
        for i in (0..n.saturating_sub(1)).rev() {
            run[i] = if x[i + 1].is_nan() { 0 } else { run[i + 1] + 1 };
        }
        let finite: Vec<f64> = x.iter().copied().filter(|v| v.is_finite()).collect();
        let count = finite.len() as f64;
        let (mut low, mut high, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
        for &v in &finite {
            low = low.min(v);
            high = high.max(v);
            sum += v;
        }
        let mean = sum / count;
        let range = high - low;
        let at_low = finite.iter().filter(|&&v| v == low).count() as f64;
        let at_high = finite.iter().filter(|&&v| v == high).count() as f64;
        let wall = (WALL_SHARE * count).max(WALL_SAMPLES);
        let mut floor = if at_low >= wall { low } else { low - HEADROOM * range };
        if low >= 0.0 {
            floor = floor.max(0.0);
        }
        let ceiling = if at_high >= wall { high } else { high + HEADROOM * range };
        let (features, _) = features(&x, mean);
        let known = known.filter(|known| ALPHAS.contains(&known.alpha));
        let alpha = known.map_or_else(|| best_alpha(&x), |known| known.alpha);
        let cycle = known.map_or_else(
            || cycle(&x, ((4.0 * 3_600_000.0 / step_ms as f64) as usize).max(16)),
            |known| known.cycle,
        );
        let slots_per_hour = (3_600_000.0 / step_ms as f64).max(1.0);
        let (level, error, slope) = smooth(&x, alpha, slots_per_hour);
        let persistence = persistence(&x, mean, horizon);
        let day = ((slots_per_hour * 24.0) as usize).max(8);
        Self {
            unit,
            recursion: Recursion::fit(&x, mean, day),
            drift: Drift::fit(&x),
            run,
            features,
            level,
            error,
            slope,
            alpha,
            cycle,
            persistence,
            floor,
            ceiling,
            grain: 1e-9 * (range + f64::MIN_POSITIVE) + 4.0 * f64::EPSILON * high.abs().max(low.abs()),
            four_hours: ((slots_per_hour * 4.0) as usize).max(8),
            day,
            x,
        }
    }

    /// Slots that may be copied after `source` by one who stands at `origin` and must not see beyond it.
    pub(crate) fn ahead(&self, source: usize, origin: usize) -> usize {
        (self.run[source] as usize).min(origin.saturating_sub(source))
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

/// What an earlier forecast found out and need not be searched for again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) alpha: f64,
    pub(crate) cycle: Option<usize>,
}

/// The shortest lag at which the series, less its slow mean, comes back to itself nearly as well as at any lag up to `longest`: peaks of the
/// autocorrelation above [`CYCLE_STRENGTH`].
fn cycle(x: &[f64], longest: usize) -> Option<usize> {
    let from = x.len().saturating_sub(2 * ENOUGH_SAMPLES);
    let mut track = Track::start(x);
    let mut swings: Vec<f64> = Vec::with_capacity(x.len() - from);
    for (i, &v) in x.iter().enumerate() {
        if v.is_finite() {
            advance(&mut track, v);
        }
        if i >= from {
            swings.push(if v.is_finite() { v - track.mean64 } else { 0.0 });
        }
    }
    let mean = swings.iter().sum::<f64>() / swings.len() as f64;
    for swing in &mut swings {
        *swing -= mean;
    }
    let power: f64 = swings.iter().map(|v| v * v).sum();
    let longest = longest.min(swings.len() / 4).min(LONGEST_CYCLE);
    if power <= 0.0 || longest < 8 {
        return None;
    }
    let at = |lag: usize| {
        let product: f64 = swings[lag..].iter().zip(&swings).map(|(a, b)| a * b).sum();
        product / power * swings.len() as f64 / (swings.len() - lag) as f64
    };
    let correlations: Vec<f64> = (0..=longest).map(at).collect();
    let peaks = (4..longest).filter(|&l| {
        let r = correlations[l];
        r > CYCLE_STRENGTH && r >= correlations[l - 1] && r > correlations[l + 1]
    });
    let best = peaks.clone().map(|l| correlations[l]).fold(0.0, f64::max);
    peaks.into_iter().find(|&l| correlations[l] >= 0.9 * best)
}

/// The power of two at or below `largest`, so that division is exact; 1 for zero.
fn power_of_two(largest: f64) -> f64 {
    if largest > 0.0 {
        f64::exp2(largest.log2().floor().clamp(-1021.0, 1023.0))
    } else {
        1.0
    }
}

/// Exponential means over 4, 16 and 64 slots and the recent changes, as the series goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Track {
    pub(crate) last: f64,
    pub(crate) mean4: f64,
    pub(crate) mean16: f64,
    pub(crate) mean64: f64,
    pub(crate) change: f64,
    pub(crate) change_before: f64,
    size: f64,
}

impl Track {
    /// Before the first value.
    pub(crate) fn start(x: &[f64]) -> Self {
        let first = x.iter().copied().find(|v| v.is_finite()).unwrap_or(0.0);
        Self {
            last: first,
            mean4: first,
            mean16: first,
            mean64: first,
            change: 0.0,
            change_before: 0.0,
            size: 0.0,
        }
    }
}

/// Takes the next value in.
pub(crate) fn advance(track: &mut Track, value: f64) {
    track.change_before = track.change;
    track.change = value - track.last;
    track.mean4 += (value - track.mean4) * 0.4;
    track.mean16 += (value - track.mean16) * (2.0 / 17.0);
    track.mean64 += (value - track.mean64) * (2.0 / 65.0);
    track.size += (track.change.abs() - track.size) * (2.0 / 17.0);
    track.last = value;
}

/// Level, distance from the short mean, differences of means over 4, 16 and 64 slots, and the size of recent changes; with the track at the end.
fn features(x: &[f64], mean: f64) -> (Vec<[f64; FEATURES]>, Track) {
    let mut out = Vec::with_capacity(x.len());
    let mut track = Track::start(x);
    let mut sizes = [0.0_f64; FEATURES];
    for &v in x {
        if v.is_finite() {
            advance(&mut track, v);
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
    (out, track)
}

/// The smoothing constant with the least squared one-step error.
fn best_alpha(x: &[f64]) -> f64 {
    let mut levels = [x[0]; ALPHAS.len()];
    let mut losses = [0.0_f64; ALPHAS.len()];
    for &v in x.iter().filter(|v| v.is_finite()) {
        for i in 0..ALPHAS.len() {
            let error = v - levels[i];
            losses[i] += error * error;
            levels[i] += ALPHAS[i] * error;
        }
    }
    let best = (0..ALPHAS.len()).fold(0, |best, i| if losses[i] < losses[best] { i } else { best });
    ALPHAS[best]
}

fn smooth(x: &[f64], alpha: f64, slots_per_hour: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let n = x.len();
    let (mut levels, mut errors, mut slopes) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
    let gain = (2.0 / (slots_per_hour + 1.0)).min(0.2);
    let (mut level, mut slope, mut slow) = (x[0], 0.0, x[0]);
    for &v in x {
        let mut error = 0.0;
        if v.is_finite() {
            error = v - level;
            level += alpha * error;
            // Double smoothing over the last hour (Brown): the slope that explains how far the slow mean lags.
            let before = slow;
            slow += gain * (v - slow);
            slope += gain * ((slow - before) - slope);
        }
        levels.push(level);
        errors.push(error);
        slopes.push(slope);
    }
    (levels, errors, slopes)
}

/// Autocorrelation at geometric lags up to the horizon, clipped to [0, 1], not increasing, linear in between.
fn persistence(x: &[f64], mean: f64, horizon: usize) -> Vec<f64> {
    let n = x.len();
    let mut knots: Vec<(usize, f64)> = vec![(0, 1.0)];
    let ratio = (horizon.max(2) as f64).powf(1.0 / (PERSISTENCE_KNOTS - 1) as f64);
    // Enough pairs for two digits; all of them would cost more than the rest of the forecast.
    let stride = n / ENOUGH_SAMPLES + 1;
    let mut lag_exact = 1.0_f64;
    for _ in 0..PERSISTENCE_KNOTS {
        let lag = (lag_exact.round() as usize).min(horizon.max(1));
        lag_exact *= ratio;
        if lag <= knots[knots.len() - 1].0 {
            continue;
        }
        let (mut product, mut square) = (0.0, 0.0);
        if lag < n {
            for t in (0..n - lag).step_by(stride) {
                let (a, b) = (x[t] - mean, x[t + lag] - mean);
                if a.is_finite() && b.is_finite() {
                    product += a * b;
                    square += a * a;
                }
            }
        }
        let before = knots[knots.len() - 1].1;
        let value = if square > 0.0 {
            (product / square).clamp(0.0, before)
        } else {
            0.0
        };
        knots.push((lag, value));
    }
    let mut out = Vec::with_capacity(horizon + 1);
    let mut right = 1.min(knots.len() - 1);
    for lag in 0..=horizon {
        while right + 1 < knots.len() && knots[right].0 < lag {
            right += 1;
        }
        let ((l0, v0), (l1, v1)) = (knots[right.saturating_sub(1)], knots[right]);
        let share = if l1 > l0 {
            ((lag as f64 - l0 as f64) / (l1 - l0) as f64).clamp(0.0, 1.0)
        } else {
            1.0
        };
        out.push(v0 + (v1 - v0) * share);
    }
    out
}
