//! From the share of paths to the probability that is said.

use super::ground::Ground;
use super::question::{Bands, LEVELS, Side, Threshold};

/// Probabilities stay this far from 0 and 1.
const LEAST: f64 = 0.002;
/// How strongly a share is pulled off 0 and off 1, per squared share of the unseen: what few samples did not show may still come.
const PULL: f64 = 1.35;
/// And at most this much.
const MOST_PULL: f64 = 0.2;
/// Shift of the logarithm of the odds after pooling: drawn paths roam farther than series do.
const SHIFT: f64 = -0.15;

/// A bound, scaled, with what the history says about it whatever the horizon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) threshold: Threshold,
    /// P(a new record lies beyond it), 1 for a bound among the values seen.
    record: f64,
}

impl Bound {
    pub(crate) fn new(threshold: Threshold, ground: &Ground) -> Self {
        Self {
            threshold,
            record: ground.extremes.beyond(threshold.side, threshold.value),
        }
    }

    /// The bound at the outermost value seen, for one that lies beyond it.
    pub(crate) fn seen(&self, ground: &Ground) -> Option<Threshold> {
        let value = ground.extremes.record(self.threshold.side);
        (self.record < 1.0).then_some(Threshold {
            value,
            ..self.threshold
        })
    }

    /// The probability that the bound is left within `slots`, when paths of weight `share` leave it and of weight `at_record` leave the
    /// outermost value seen.
    pub(crate) fn probability(&self, share: f64, at_record: f64, slots: usize, ground: &Ground) -> f64 {
        let share = share.clamp(0.0, 1.0);
        if ground.constant {
            return share.clamp(LEAST, 1.0 - LEAST);
        }
        let unseen = unseen(slots, ground.slots);
        let pull = (PULL * unseen * unseen).min(MOST_PULL);
        let share = if self.record < 1.0 {
            // Beyond all that was seen: of exchangeable windows the next one holds the record with probability `unseen`, and the record
            // must reach that far. As far as deviations die out within the horizon the next window is one more of those that were seen; as
            // far as they last, the paths know more. A farther bound is never more likely than the record itself.
            let lasts = ground.lasting(slots);
            (lasts * share + (1.0 - lasts) * unseen * self.record).min(at_record)
        } else {
            share
        };
        let up = pull.min(unseen) * self.record;
        // Where every window so far left the threshold, only a change of the series itself could spare it.
        let down = if ground.always_left(slots, self.threshold) {
            0.0
        } else {
            pull
        };
        shifted(share + (1.0 - share) * up - share * down, slots)
    }
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

/// Takes back how much too far paths of `slots` roam. At a single slot nothing is shifted: half of all values lie beyond the median.
fn shifted(p: f64, slots: usize) -> f64 {
    let p = p.clamp(LEAST, 1.0 - LEAST);
    let odds = libm::log(p / (1.0 - p));
    let shift = SHIFT * (1.0 - 1.0 / slots as f64);
    (1.0 / (1.0 + libm::exp(-(shift + odds)))).clamp(LEAST, 1.0 - LEAST)
}
