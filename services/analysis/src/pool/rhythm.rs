//! How a series comes back: its strongest cycle, and how long a deviation from its mean lasts.

use super::track::{ENOUGH_SAMPLES, Track};

/// Lags at which the persistence is measured; between them it is linear.
const PERSISTENCE_KNOTS: usize = 14;
/// Autocorrelation from which a peak is a cycle.
const CYCLE_STRENGTH: f64 = 0.25;
/// Of several peaks the shortest that is this nearly as high as the highest: multiples of a cycle peak as well.
const NEARLY_AS_HIGH: f64 = 0.9;
/// Longest cycle looked for, in slots.
const LONGEST_CYCLE: usize = 960;

/// The shortest lag at which the series, less its slow mean, comes back to itself nearly as well as at any lag up to `longest`: peaks of the
/// autocorrelation above [`CYCLE_STRENGTH`].
pub(crate) fn cycle(x: &[f64], longest: usize) -> Option<usize> {
    let from = x.len().saturating_sub(2 * ENOUGH_SAMPLES);
    let mut track = Track::start(x);
    let mut swings: Vec<f64> = Vec::with_capacity(x.len() - from);
    for (i, &v) in x.iter().enumerate() {
        if v.is_finite() {
            track.advance(v);
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
    peaks.into_iter().find(|&l| correlations[l] >= NEARLY_AS_HIGH * best)
}

/// The share of a deviation from `mean` that is left after 0…`horizon` slots: autocorrelation at geometric lags, clipped to [0, 1], not
/// increasing, linear in between.
pub(crate) fn persistence(x: &[f64], mean: f64, horizon: usize) -> Vec<f64> {
    let mut knots: Vec<(usize, f64)> = vec![(0, 1.0)];
    let ratio = libm::pow(horizon.max(2) as f64, 1.0 / (PERSISTENCE_KNOTS - 1) as f64);
    let mut lag_exact = 1.0_f64;
    for _ in 0..PERSISTENCE_KNOTS {
        let lag = (lag_exact.round() as usize).min(horizon.max(1));
        lag_exact *= ratio;
        let (last, before) = knots[knots.len() - 1];
        if lag > last {
            knots.push((lag, left_after(x, mean, lag).clamp(0.0, before)));
        }
    }
    interpolated(&knots, horizon)
}

/// Regression of the deviation `lag` slots later on the present one; 0 where nothing is known.
fn left_after(x: &[f64], mean: f64, lag: usize) -> f64 {
    // Enough pairs for two digits; all of them would cost more than the rest of the forecast.
    let stride = x.len() / ENOUGH_SAMPLES + 1;
    let (mut product, mut square) = (0.0, 0.0);
    for t in (0..x.len().saturating_sub(lag)).step_by(stride) {
        let (a, b) = (x[t] - mean, x[t + lag] - mean);
        if a.is_finite() && b.is_finite() {
            product += a * b;
            square += a * a;
        }
    }
    if square > 0.0 { product / square } else { 0.0 }
}

fn interpolated(knots: &[(usize, f64)], horizon: usize) -> Vec<f64> {
    let mut right = 1.min(knots.len() - 1);
    let mut out = Vec::with_capacity(horizon + 1);
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
