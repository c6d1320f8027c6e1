//! The experts: each draws paths of what may come, from the history up to an origin.

use super::drift::Walk;
use super::random::Random;
use super::terrain::{FEATURES, LEVEL, SHAPE, Terrain, Track, advance};

/// Number of experts in the pool.
pub const EXPERTS: usize = 15;
/// Names, in the order of every weight vector.
pub const NAMES: [&str; EXPERTS] = [
    "near-4h",
    "near-24h",
    "analog-24h",
    "chain-4h",
    "level-24h",
    "bootstrap",
    "theta",
    "trend",
    "climate-4h",
    "climate-24h",
    "project-24h",
    "season",
    "recursion",
    "cycle",
    "drift",
];
/// Candidates looked at when a path jumps to another place of the history.
const JUMP_CANDIDATES: usize = 10;
/// Length of the blocks of residuals drawn together, so that bursts stay bursts.
const BLOCK: usize = 8;
/// Slots per block of neighbour candidates: of each block only the nearest is a candidate, so that neighbours are not one place twice.
const SPREAD: usize = 3;

/// Draws paths into a caller's buffer; holds the scratch space of the neighbour search.
#[derive(Debug, Default)]
pub(crate) struct Artist {
    nearest: Vec<(f64, u32)>,
    walks: Vec<Walk>,
    shocks: Vec<f64>,
}

impl Artist {
    /// Draws `count` paths of `horizon` slots of expert `expert` from `origin`, calling `take` with each path (values in the terrain's unit).
    /// Nothing after `origin` is looked at. Returns false when the expert has nothing to say (history too short).
    pub(crate) fn draw(
        &mut self,
        terrain: &Terrain,
        expert: usize,
        origin: usize,
        count: usize,
        path: &mut [f64],
        random: &mut Random,
        mut take: impl FnMut(&[f64]),
    ) -> bool {
        let horizon = path.len();
        let near = origin.saturating_sub(terrain.four_hours);
        let rule = match expert {
            0 => Rule {
                from: near,
                matching: Some(&SHAPE),
                offset: Offset::Kept,
                piece: horizon,
            },
            1 => Rule {
                from: 0,
                matching: Some(&SHAPE),
                offset: Offset::Kept,
                piece: horizon,
            },
            2 => Rule {
                from: 0,
                matching: Some(&LEVEL),
                offset: Offset::Fading,
                piece: horizon,
            },
            3 => Rule {
                from: near,
                matching: Some(&SHAPE),
                offset: Offset::Kept,
                piece: (horizon / 6).max(BLOCK),
            },
            4 => Rule {
                from: 0,
                matching: Some(&LEVEL),
                offset: Offset::Fading,
                piece: (horizon / 4).max(BLOCK),
            },
            5..=7 => return Self::smoothed(terrain, expert, origin, near, count, path, random, take),
            8 => Rule {
                from: near,
                matching: None,
                offset: Offset::None,
                piece: horizon,
            },
            9 => Rule {
                from: 0,
                matching: None,
                offset: Offset::None,
                piece: horizon,
            },
            10 => Rule {
                from: 0,
                matching: None,
                offset: Offset::Fading,
                piece: horizon,
            },
            12 => return Self::recursion(terrain, origin, near, count, path, random, take),
            13 => {
                let Some(cycle) = terrain.cycle else { return false };
                return Self::season(terrain, cycle, 1, origin, count, path, random, take);
            }
            14 => return self.drift(terrain, origin, count, path, random, take),
            _ => {
                let day = terrain.day;
                return Self::season(terrain, day, (day / 96).max(1), origin, count, path, random, take);
            }
        };
        if origin < rule.from + 2 {
            return false;
        }
        let least = horizon.min((origin - rule.from) / 3).max(1);
        if let Some(weights) = rule.matching {
            self.find(terrain, origin, rule.from, least, weights, count);
            if self.nearest.is_empty() {
                return false;
            }
            for i in 0..count {
                let source = self.nearest[i % self.nearest.len()].1 as usize;
                copy(terrain, source, origin, &rule, path, random);
                take(path);
            }
            return true;
        }
        // Without matching: places spread evenly over the window with one random start.
        let places = origin - rule.from - least + 1;
        let start = random.below(places);
        for i in 0..count {
            let source = rule.from + (start + i * places / count) % places;
            let Some(source) = next_valid(terrain, source, origin) else {
                continue;
            };
            copy(terrain, source, origin, &rule, path, random);
            take(path);
        }
        true
    }

    /// The `count` nearest states to `origin` in `from..origin` with at least `least` slots after them, nearest first.
    fn find(
        &mut self,
        terrain: &Terrain,
        origin: usize,
        from: usize,
        least: usize,
        weights: &[f64; FEATURES],
        count: usize,
    ) {
        self.nearest.clear();
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
                self.nearest.push(best);
                if self.nearest.len() == 2 * count {
                    self.nearest.select_nth_unstable_by(count - 1, by_distance);
                    self.nearest.truncate(count);
                    bound = self.nearest[count - 1].0;
                }
            }
            block += SPREAD;
        }
        self.nearest.sort_unstable_by(by_distance);
        self.nearest.truncate(count);
    }

    /// Bootstrap of residuals around exponential smoothing: plain, with half the slope (theta), with the damped slope (trend).
    fn smoothed(
        terrain: &Terrain,
        expert: usize,
        origin: usize,
        near: usize,
        count: usize,
        path: &mut [f64],
        random: &mut Random,
        mut take: impl FnMut(&[f64]),
    ) -> bool {
        let first = near.max(1);
        if origin < first + 3 {
            return false;
        }
        let (slope, damping) = match expert {
            5 => (0.0, 1.0),
            6 => (terrain.slope[origin] / 2.0, 1.0),
            _ => (terrain.slope[origin], 1.0 - 1.0 / (path.len() as f64).max(8.0)),
        };
        let places = origin + 1 - first;
        for _ in 0..count {
            let (mut level, mut slope) = (terrain.level[origin], slope);
            let mut source = 0;
            for (j, out) in path.iter_mut().enumerate() {
                if j % BLOCK == 0 {
                    source = first + random.below(places);
                }
                let error = terrain.error[source];
                source = if source == origin { first } else { source + 1 };
                level += slope;
                slope *= damping;
                *out = (level + error).clamp(terrain.floor, terrain.ceiling);
                level += terrain.alpha * error;
            }
            take(path);
        }
        true
    }

    /// Simulates ARIMA(1,1,1); every other path takes the shocks of the one before with the other sign (antithetic, Hammersley & Morton 1956).
    fn drift(
        &mut self,
        terrain: &Terrain,
        origin: usize,
        count: usize,
        path: &mut [f64],
        random: &mut Random,
        mut take: impl FnMut(&[f64]),
    ) -> bool {
        terrain
            .drift
            .draw(&terrain.x, origin, count / 2, random, &mut self.walks);
        for &walk in &self.walks {
            self.shocks.clear();
            self.shocks.extend(path.iter().map(|_| random.bell()));
            for sign in [1.0, -1.0] {
                let (mut walk, mut value) = (walk, terrain.x[origin]);
                for (out, shock) in path.iter_mut().zip(&self.shocks) {
                    value = (value + walk.advance(sign * shock)).clamp(terrain.floor, terrain.ceiling);
                    *out = value;
                }
                take(path);
            }
        }
        !self.walks.is_empty()
    }

    /// Simulates the autoregression with its own errors, half of the paths with errors of the last hours, half with errors of the whole history.
    fn recursion(
        terrain: &Terrain,
        origin: usize,
        near: usize,
        count: usize,
        path: &mut [f64],
        random: &mut Random,
        mut take: impl FnMut(&[f64]),
    ) -> bool {
        if origin < 12 {
            return false;
        }
        let recursion = &terrain.recursion;
        let coefficients = recursion.at(origin);
        // The state at the origin, replayed over what the longest mean remembers.
        let from = origin.saturating_sub(256);
        let mut start = Track::start(&terrain.x[from..]);
        for &v in terrain.x[from..=origin].iter().filter(|v| v.is_finite()) {
            advance(&mut start, v);
        }
        for i in 0..count {
            let first = if i % 2 == 0 { near.max(1) } else { 1 };
            let mut track = start;
            let mut source = first;
            for (j, out) in path.iter_mut().enumerate() {
                if j % BLOCK == 0 {
                    source = first + random.below(origin + 1 - first);
                }
                let error = terrain.recursion.errors[source];
                source = if source == origin { first } else { source + 1 };
                let expected = recursion.expect(coefficients, &track, &terrain.x[..=origin], origin + j);
                let change = expected + if error.is_finite() { error } else { 0.0 };
                let value = (track.last + change).clamp(terrain.floor, terrain.ceiling);
                advance(&mut track, value);
                *out = value;
            }
            take(path);
        }
        true
    }

    /// What followed at the same time of earlier cycles, moved by the fading part of the present difference. Places are taken up to `jitter` slots
    /// around it.
    fn season(
        terrain: &Terrain,
        period: usize,
        jitter: usize,
        origin: usize,
        count: usize,
        path: &mut [f64],
        random: &mut Random,
        mut take: impl FnMut(&[f64]),
    ) -> bool {
        let days = (origin + jitter) / period;
        if days == 0 {
            return false;
        }
        let rule = Rule {
            from: 0,
            matching: None,
            offset: Offset::Fading,
            piece: path.len(),
        };
        let mut drawn = false;
        for i in 0..count {
            let back = (1 + i % days) * period;
            let place = (origin + jitter / 2)
                .saturating_sub(back)
                .saturating_sub(random.below(jitter + 1));
            let Some(place) = next_valid(terrain, place, origin) else {
                continue;
            };
            copy(terrain, place, origin, &rule, path, random);
            take(path);
            drawn = true;
        }
        drawn
    }
}

/// How the difference between the present level and that of the copied place is carried along.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Offset {
    /// Fully: the copy is shifted.
    Kept,
    /// In the share that usually persists (local projection, Jordà 2005).
    Fading,
    /// Not at all.
    None,
}

#[derive(Debug)]
struct Rule<'a> {
    from: usize,
    matching: Option<&'a [f64; FEATURES]>,
    offset: Offset,
    piece: usize,
}

fn next_valid(terrain: &Terrain, mut place: usize, origin: usize) -> Option<usize> {
    while place < origin && (terrain.x[place].is_nan() || terrain.run[place] == 0) {
        place += 1;
    }
    (place < origin).then_some(place)
}

/// Copies what followed `source`, piece by piece; where a piece ends (or a gap, or the origin) the path jumps to a similar place.
fn copy(terrain: &Terrain, source: usize, origin: usize, rule: &Rule<'_>, path: &mut [f64], random: &mut Random) {
    let mut place = source;
    let mut value = terrain.x[origin];
    let mut done = 0;
    while done < path.len() {
        let take = terrain.ahead(place, origin).min(rule.piece).min(path.len() - done);
        if take == 0 {
            // Nowhere to go (nothing but gaps): stand still rather than spin.
            path[done..].fill(value.clamp(terrain.floor, terrain.ceiling));
            return;
        }
        let difference = value - terrain.x[place];
        let following = &terrain.x[place + 1..=place + take];
        let out = &mut path[done..done + take];
        match rule.offset {
            Offset::Kept => {
                for (o, v) in out.iter_mut().zip(following) {
                    *o = (v + difference).clamp(terrain.floor, terrain.ceiling);
                }
            }
            Offset::Fading => {
                for ((o, v), share) in out.iter_mut().zip(following).zip(&terrain.persistence[1..]) {
                    *o = (v + difference * share).clamp(terrain.floor, terrain.ceiling);
                }
            }
            Offset::None => out.copy_from_slice(following),
        }
        done += take;
        if done < path.len() {
            if done > 0 {
                value = path[done - 1];
            }
            place = jump(terrain, place + take, value, origin, rule, random);
        }
    }
}

/// A place similar to the state at `end` (whose path now stands at `value`), the best of a few random ones.
fn jump(terrain: &Terrain, end: usize, value: f64, origin: usize, rule: &Rule<'_>, random: &mut Random) -> usize {
    let weights = rule.matching.unwrap_or(&LEVEL);
    let mut best = (f64::INFINITY, origin - 1);
    let span = (terrain.ceiling - terrain.floor).max(f64::MIN_POSITIVE);
    for _ in 0..JUMP_CANDIDATES {
        let place = rule.from + random.below(origin - rule.from);
        if terrain.x[place].is_nan() || terrain.run[place] == 0 {
            continue;
        }
        let mut distance = terrain.distance(place, end, weights, best.0);
        if rule.offset != Offset::Kept {
            distance += 20.0 * (terrain.x[place] - value).abs() / span;
        }
        if distance < best.0 {
            best = (distance, place);
        }
    }
    if terrain.x[best.1].is_nan() || terrain.run[best.1] == 0 {
        let mut place = best.1;
        while place > 0 && (terrain.x[place].is_nan() || terrain.run[place] == 0) {
            place -= 1;
        }
        return if terrain.x[place].is_nan() || terrain.run[place] == 0 {
            0
        } else {
            place
        };
    }
    best.1
}
