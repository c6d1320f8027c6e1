//! Paths copied from the history: what followed a place, carried to the present level, piece by piece.

use super::random::Random;
use super::terrain::{FEATURES, LEVEL, Terrain};

/// Candidates looked at when a path jumps to another place of the history.
const JUMP_CANDIDATES: usize = 10;
/// How much the distance of levels counts in a jump, in units of the span of all paths.
const LEVEL_IN_A_JUMP: f64 = 20.0;
/// Slots per block of neighbour candidates: of each block only the nearest is a candidate, so that neighbours are not one place twice.
const SPREAD: usize = 3;

/// How the difference between the present level and that of the copied place is carried along.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Offset {
    /// Fully: the copy is shifted.
    Kept,
    /// In the share that usually persists (local projection, Jordà 2005).
    Fading,
    /// Not at all.
    None,
}

/// How to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// First slot that may be copied.
    pub(crate) from: usize,
    /// What makes a place similar; `None`: any place will do.
    pub(crate) matching: Option<&'static [f64; FEATURES]>,
    pub(crate) offset: Offset,
    /// Slots copied from one place before the path jumps to a similar one.
    pub(crate) piece: usize,
}

/// The places most like the present, nearest first; kept between searches to spare allocations.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    found: Vec<(f64, u32)>,
}

impl Neighbours {
    /// Searches for the `count` states in `from..origin` nearest to that at `origin` with at least `least` slots after them.
    pub(crate) fn find(
        &mut self,
        terrain: &Terrain,
        origin: usize,
        from: usize,
        least: usize,
        weights: &[f64; FEATURES],
        count: usize,
    ) {
        self.found.clear();
        let by_distance = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1));
        // Nothing farther than the worst of `count` kept ones can be among the nearest.
        let mut bound = f64::INFINITY;
        let mut block = from;
        while block + least <= origin {
            let mut best = (bound, u32::MAX);
            for place in block..(block + SPREAD).min(origin + 1 - least) {
                if terrain.ahead(place, origin) >= least && !terrain.x[place].is_nan() {
                    let distance = terrain.distance(place, origin, weights, best.0);
                    if distance < best.0 {
                        best = (distance, place as u32);
                    }
                }
            }
            if best.1 != u32::MAX {
                self.found.push(best);
                if self.found.len() == 2 * count {
                    self.found.select_nth_unstable_by(count - 1, by_distance);
                    self.found.truncate(count);
                    bound = self.found[count - 1].0;
                }
            }
            block += SPREAD;
        }
        self.found.sort_unstable_by(by_distance);
        self.found.truncate(count);
    }

    /// The places, again from the nearest one when there are fewer than asked for.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.found.iter().map(|&(_, place)| place as usize).cycle()
    }
}

/// The first place from `place` on, before `origin`, from which a copy may begin.
pub(crate) fn next_valid(terrain: &Terrain, place: usize, origin: usize) -> Option<usize> {
    (place..origin).find(|&place| terrain.leads_on(place))
}

/// Copies what followed `source`; where a piece ends (or a gap, or the origin) the path jumps to a similar place.
pub(crate) fn copy(
    terrain: &Terrain,
    source: usize,
    origin: usize,
    manner: Manner,
    path: &mut [f64],
    random: &mut Random,
) {
    let mut place = source;
    let mut value = terrain.x[origin];
    let mut done = 0;
    while done < path.len() {
        let take = terrain.ahead(place, origin).min(manner.piece).min(path.len() - done);
        if take == 0 {
            // Nowhere to go (nothing but gaps): stand still rather than spin.
            path[done..].fill(terrain.walls.hold(value));
            return;
        }
        let difference = value - terrain.x[place];
        let following = &terrain.x[place + 1..=place + take];
        let out = &mut path[done..done + take];
        match manner.offset {
            Offset::Kept => {
                for (o, v) in out.iter_mut().zip(following) {
                    *o = terrain.walls.hold(v + difference);
                }
            }
            Offset::Fading => {
                for ((o, v), share) in out.iter_mut().zip(following).zip(&terrain.persistence[1..]) {
                    *o = terrain.walls.hold(v + difference * share);
                }
            }
            Offset::None => out.copy_from_slice(following),
        }
        done += take;
        if done < path.len() {
            value = path[done - 1];
            place = jump(terrain, place + take, value, origin, manner, random);
        }
    }
}

/// A place similar to the state at `end` (whose path now stands at `value`), the best of a few random ones.
fn jump(terrain: &Terrain, end: usize, value: f64, origin: usize, manner: Manner, random: &mut Random) -> usize {
    let weights = manner.matching.unwrap_or(&LEVEL);
    let mut best = (f64::INFINITY, origin - 1);
    let span = (terrain.walls.ceiling - terrain.walls.floor).max(f64::MIN_POSITIVE);
    for _ in 0..JUMP_CANDIDATES {
        let place = manner.from + random.below(origin - manner.from);
        if !terrain.leads_on(place) {
            continue;
        }
        let mut distance = terrain.distance(place, end, weights, best.0);
        if manner.offset != Offset::Kept {
            distance += LEVEL_IN_A_JUMP * (terrain.x[place] - value).abs() / span;
        }
        if distance < best.0 {
            best = (distance, place);
        }
    }
    // None of them led on: the nearest place before that does, or the start of the history.
    (0..=best.1).rev().find(|&place| terrain.leads_on(place)).unwrap_or(0)
}
