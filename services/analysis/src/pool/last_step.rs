//! From the share of paths to the probability that is said.

use super::ground::Ground;
use super::question::{Bands, LEVELS, Side, Threshold};

/// Probabilities stay this far from 0 and 1.
const LEAST: f64 = 0.002;
/// How strongly a probability is pulled off 0 and 1 where the horizon is long against the history.
const PULL: f64 = 1.35;
/// And at most this much.
const MOST_PULL: f64 = 0.2;
/// Slope and shift of the logarithm of the odds after pooling: an average of probabilities is nearer to ½ than it should be (Ranjan &
/// Gneiting 2010), and drawn paths roam farther than series do.
const SHARPENING: f64 = 1.135;
const SHIFT: f64 = -0.21;

/// The probability that a scaled threshold is left within `slots`, when paths of weight `share` leave it.
pub(crate) fn probability(share: f64, slots: usize, threshold: Threshold, ground: &Ground) -> f64 {
    if ground.constant {
        return tempered(share, 0.0, 1.0);
    }
    let near = ground.nearness(threshold.value);
    sharpened(tempered(share, unseen(slots, ground.slots), near), slots)
}

/// Share of the unseen: a horizon of `slots` after a history of `seen` slots is this part of the whole.
pub(crate) fn unseen(slots: usize, seen: usize) -> f64 {
    slots as f64 / (slots + seen) as f64
}

/// What the bands of the value at knot `k` say at least about the share beyond a scaled threshold.
pub(crate) fn bands_floor(value: &Bands, k: usize, threshold: Threshold, ground: &Ground) -> f64 {
    // A band that lies on the threshold but for rounding does not leave it.
    let beyond = |row: &Vec<f64>| match threshold.side {
        Side::Upper => row[k] / ground.unit > threshold.value + ground.walls.grain,
        Side::Lower => row[k] / ground.unit < threshold.value - ground.walls.grain,
    };
    let share = match threshold.side {
        Side::Upper => value.rows.iter().position(beyond).map(|i| 1.0 - LEVELS[i]),
        Side::Lower => value.rows.iter().rposition(beyond).map(|i| LEVELS[i]),
    };
    share.unwrap_or(0.0)
}

/// Undoes the pull toward ½ of an average of probabilities for a horizon of `slots`. At a single slot nothing is shifted: half of all
/// values lie beyond the median.
fn sharpened(p: f64, slots: usize) -> f64 {
    let odds = libm::log(p / (1.0 - p));
    let shift = SHIFT * (1.0 - 1.0 / slots as f64);
    (1.0 / (1.0 + libm::exp(-(shift + SHARPENING * odds)))).clamp(LEAST, 1.0 - LEAST)
}

/// Keeps a share of paths off 0 and 1, the further the less history there is: what never happened in a short history may still happen (rule
/// of succession, Laplace). `near` is 1 for thresholds among the seen values and falls to 0 far from them: there the paths know enough.
fn tempered(share: f64, unseen: f64, near: f64) -> f64 {
    let pull = (PULL * unseen * unseen).min(MOST_PULL) * near;
    let share = share.clamp(0.0, 1.0);
    LEAST + (1.0 - 2.0 * LEAST) * (share + (1.0 - share) * pull) * (1.0 - pull)
}
