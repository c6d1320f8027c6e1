//! Quantile bands of what the paths say.

use super::experts::EXPERTS;
use super::ground::Ground;
use super::last_step::unseen;
use super::paths::Paths;
use super::question::{Bands, LEVELS};

/// How much bands are widened where the horizon is long against the history.
const WIDENING: f64 = 2.5;
/// Bits of a key that hold the number of a path; the others hold where its value lies.
const PATH_BITS: u32 = 16;

/// Bands of one row of `paths` at its knots; `weights` are those of one path of each expert at each knot, `factor` is what was learned about the width.
pub(crate) fn bands(paths: &Paths, cells: &[f64], weights: &[[f64; EXPERTS]], factor: f64, ground: &Ground) -> Bands {
    let mut rows = vec![Vec::with_capacity(paths.knots.len()); LEVELS.len()];
    let mut sorted: Vec<(f64, f64)> = Vec::with_capacity(paths.count());
    let mut keys: Vec<u64> = Vec::with_capacity(paths.count());
    let expert_of: Vec<usize> = (0..EXPERTS)
        .flat_map(|expert| paths.of(expert).map(move |_| expert))
        .collect();
    for (k, &knot) in paths.knots.iter().enumerate() {
        let values = paths.at(cells, k);
        rank(values, &mut keys);
        sorted.clear();
        let mut least = f64::NEG_INFINITY;
        sorted.extend(keys.iter().map(|key| {
            let path = (key & ((1 << PATH_BITS) - 1)) as usize;
            // Values that share a key come in any order: what is given never falls.
            least = least.max(values[path]);
            (least, weights[k][expert_of[path]])
        }));
        let quantiles = weighted_quantiles(&sorted);
        let median = quantiles[LEVELS.len() / 2];
        let factor = factor * (1.0 + WIDENING * unseen(knot, ground.slots));
        let low = ground.walls.floor.min(quantiles[0]);
        let high = ground.walls.ceiling.max(quantiles[LEVELS.len() - 1]);
        for (row, q) in rows.iter_mut().zip(quantiles) {
            let widened = (median + (q - median) * factor).clamp(low, high);
            // Headroom beyond 1e308 would overflow.
            row.push((widened * ground.unit).clamp(f64::MIN, f64::MAX));
        }
    }
    Bands { rows }
}

/// Fills `keys` with the numbers of the values, ascending by value: whole numbers sort several times faster than pairs. Values nearer to
/// each other than 2⁻⁴⁷ of their range come in any order.
fn rank(values: &[f64], keys: &mut Vec<u64>) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in values {
        low = low.min(value);
        high = high.max(value);
    }
    let scale = if high > low {
        (1_u64 << 47) as f64 / (high - low)
    } else {
        0.0
    };
    keys.clear();
    keys.extend(
        values
            .iter()
            .enumerate()
            .map(|(path, value)| (((value - low) * scale) as u64) << PATH_BITS | path as u64),
    );
    keys.sort_unstable();
}

/// Quantiles at [`LEVELS`] of values with weights (sorted by value, weights sum 1): linear between the mid-points of the weights.
fn weighted_quantiles(sorted: &[(f64, f64)]) -> [f64; LEVELS.len()] {
    let mut out = [0.0; LEVELS.len()];
    let mut next = 0;
    let (mut sum, mut left) = (0.0, (0.0, f64::NAN));
    for &(value, weight) in sorted.iter().filter(|(_, weight)| *weight > 0.0) {
        let middle = sum + weight / 2.0;
        while next < LEVELS.len() && LEVELS[next] <= middle {
            out[next] = if left.1.is_nan() {
                value
            } else {
                left.1 + (value - left.1) * (LEVELS[next] - left.0) / (middle - left.0)
            };
            next += 1;
        }
        sum += weight;
        left = (middle, value);
    }
    out[next..].fill(left.1);
    out
}
