//! The experts: each draws paths of what may come, from the history up to an origin.

use super::copying::{Manner, Neighbours, Offset, copy, next_valid};
use super::drift::Walk;
use super::random::Random;
use super::terrain::{FEATURES, LEVEL, SHAPE, Terrain};
use super::track::Track;

/// Number of experts in the pool.
pub const EXPERTS: usize = 15;
/// Names, in the order of every weight vector.
pub const NAMES: [&str; EXPERTS] = {
    let mut names = [""; EXPERTS];
    let mut i = 0;
    while i < EXPERTS {
        names[i] = TABLE[i].0;
        i += 1;
    }
    names
};

/// How far back an expert looks.
#[derive(Debug, Clone, Copy)]
enum Memory {
    FourHours,
    All,
}

/// What an expert does.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// What followed the places nearest to the present, or any places; a path is copied in this many pieces.
    Copies(Option<&'static [f64; FEATURES]>, Offset, usize),
    /// Residuals around exponential smoothing, the level moving by this share of the slow slope, damped or not.
    Smoothed(f64, bool),
    /// What followed at the same time of earlier days.
    Season,
    /// What followed at the same phase of earlier cycles.
    Cycle,
    /// A simulated autoregression.
    Recursion,
    /// A simulated ARIMA(1,1,1).
    Drift,
}

const SHIFTED: Way = Way::Copies(Some(&SHAPE), Offset::Kept, 1);
const CLIMATE: Way = Way::Copies(None, Offset::None, 1);

/// The experts, in the order of every weight vector.
const TABLE: [(&str, Memory, Way); EXPERTS] = [
    ("near-4h", Memory::FourHours, SHIFTED),
    ("near-24h", Memory::All, SHIFTED),
    ("analog-24h", Memory::All, Way::Copies(Some(&LEVEL), Offset::Fading, 1)),
    (
        "chain-4h",
        Memory::FourHours,
        Way::Copies(Some(&SHAPE), Offset::Kept, 6),
    ),
    ("level-24h", Memory::All, Way::Copies(Some(&LEVEL), Offset::Fading, 4)),
    ("bootstrap", Memory::FourHours, Way::Smoothed(0.0, false)),
    ("theta", Memory::FourHours, Way::Smoothed(0.5, false)),
    ("trend", Memory::FourHours, Way::Smoothed(1.0, true)),
    ("climate-4h", Memory::FourHours, CLIMATE),
    ("climate-24h", Memory::All, CLIMATE),
    ("project-24h", Memory::All, Way::Copies(None, Offset::Fading, 1)),
    ("season", Memory::All, Way::Season),
    ("recursion", Memory::FourHours, Way::Recursion),
    ("cycle", Memory::All, Way::Cycle),
    ("drift", Memory::All, Way::Drift),
];
/// Length of the blocks of residuals drawn together, so that bursts stay bursts, and of the shortest copied pieces.
const BLOCK: usize = 8;
/// Parts of a day by which a place of an earlier day may be off.
const JITTERS_A_DAY: usize = 96;
/// Slots from which the state at an origin is replayed: four times what the longest mean remembers.
const REPLAY: usize = 256;
/// Fewest slots for the autoregression.
const FEWEST_FOR_RECURSION: usize = 12;

/// Draws paths into a caller's buffer; holds the scratch space of the neighbour search.
#[derive(Debug, Default)]
pub(crate) struct Artist {
    nearest: Neighbours,
    walks: Vec<Walk>,
    shocks: Vec<f64>,
}

/// From where and how many paths are drawn.
#[derive(Debug, Clone, Copy)]
struct Draw<'a> {
    terrain: &'a Terrain,
    origin: usize,
    /// First slot of the expert's memory.
    from: usize,
    count: usize,
}

impl Artist {
    /// Draws `count` paths as long as `path` of expert `expert` from `origin`, calling `take` with each (values in the terrain's unit).
    /// Nothing after `origin` is looked at. Takes no path when the expert has nothing to say (history too short).
    pub(crate) fn draw(
        &mut self,
        terrain: &Terrain,
        expert: usize,
        origin: usize,
        count: usize,
        path: &mut [f64],
        random: &mut Random,
        take: impl FnMut(&[f64]),
    ) {
        let (_, memory, way) = TABLE[expert];
        let from = match memory {
            Memory::FourHours => origin.saturating_sub(terrain.spans.four_hours),
            Memory::All => 0,
        };
        let draw = Draw {
            terrain,
            origin,
            from,
            count,
        };
        let day = terrain.spans.day;
        match way {
            Way::Copies(matching, offset, pieces) => {
                let piece = if pieces == 1 {
                    path.len()
                } else {
                    (path.len() / pieces).max(BLOCK)
                };
                let manner = Manner {
                    from,
                    matching,
                    offset,
                    piece,
                };
                self.copies(draw, manner, path, random, take);
            }
            Way::Smoothed(share, damped) => draw.smoothed(share, damped, path, random, take),
            Way::Season => draw.season(day, (day / JITTERS_A_DAY).max(1), path, random, take),
            Way::Cycle => {
                if let Some(cycle) = terrain.cycle {
                    draw.season(cycle, 1, path, random, take);
                }
            }
            Way::Recursion => draw.recursion(path, random, take),
            Way::Drift => self.drift(draw, path, random, take),
        }
    }

    fn copies(
        &mut self,
        draw: Draw<'_>,
        manner: Manner,
        path: &mut [f64],
        random: &mut Random,
        mut take: impl FnMut(&[f64]),
    ) {
        let Draw {
            terrain,
            origin,
            from,
            count,
        } = draw;
        if origin < from + 2 {
            return;
        }
        let least = path.len().min((origin - from) / 3).max(1);
        if let Some(weights) = manner.matching {
            self.nearest.find(terrain, origin, from, least, weights, count);
            for source in self.nearest.places().take(count) {
                copy(terrain, source, origin, manner, path, random);
                take(path);
            }
            return;
        }
        // Without matching: places spread evenly over the memory with one random start.
        let places = origin - from - least + 1;
        let start = random.below(places);
        for i in 0..count {
            let source = from + (start + i * places / count) % places;
            if let Some(source) = next_valid(terrain, source, origin) {
                copy(terrain, source, origin, manner, path, random);
                take(path);
            }
        }
    }

    /// Every other path takes the shocks of the one before with the other sign (antithetic, Hammersley & Morton 1956).
    fn drift(&mut self, draw: Draw<'_>, path: &mut [f64], random: &mut Random, mut take: impl FnMut(&[f64])) {
        let Draw {
            terrain, origin, count, ..
        } = draw;
        terrain
            .drift
            .draw(&terrain.x, origin, count / 2, random, &mut self.walks);
        for &walk in &self.walks {
            self.shocks.clear();
            self.shocks.extend(path.iter().map(|_| random.bell()));
            for sign in [1.0, -1.0] {
                let (mut walk, mut value) = (walk, terrain.x[origin]);
                for (out, shock) in path.iter_mut().zip(&self.shocks) {
                    value = terrain.walls.hold(value + walk.advance(sign * shock));
                    *out = value;
                }
                take(path);
            }
        }
    }
}

impl Draw<'_> {
    /// Bootstrap of residuals in blocks around exponential smoothing.
    fn smoothed(self, share: f64, damped: bool, path: &mut [f64], random: &mut Random, mut take: impl FnMut(&[f64])) {
        let Self { terrain, origin, .. } = self;
        let first = self.from.max(1);
        if origin < first + 3 {
            return;
        }
        let smoothing = &terrain.smoothing;
        let damping = if damped {
            1.0 - 1.0 / (path.len() as f64).max(BLOCK as f64)
        } else {
            1.0
        };
        for _ in 0..self.count {
            let (mut level, mut slope) = (smoothing.level[origin], share * smoothing.slope[origin]);
            let mut source = first;
            for (j, out) in path.iter_mut().enumerate() {
                if j % BLOCK == 0 {
                    source = first + random.below(origin + 1 - first);
                }
                let error = smoothing.error[source];
                source = if source == origin { first } else { source + 1 };
                level += slope;
                slope *= damping;
                *out = terrain.walls.hold(level + error);
                level += smoothing.alpha * error;
            }
            take(path);
        }
    }

    /// Simulates the autoregression with its own errors, half of the paths with errors of the last hours, half with errors of the whole history.
    fn recursion(self, path: &mut [f64], random: &mut Random, mut take: impl FnMut(&[f64])) {
        let Self { terrain, origin, .. } = self;
        if origin < FEWEST_FOR_RECURSION {
            return;
        }
        let recursion = &terrain.recursion;
        let coefficients = recursion.at(origin);
        let replayed = &terrain.x[origin.saturating_sub(REPLAY)..=origin];
        let mut start = Track::start(replayed);
        for &v in replayed.iter().filter(|v| v.is_finite()) {
            start.advance(v);
        }
        for i in 0..self.count {
            let first = if i % 2 == 0 { self.from.max(1) } else { 1 };
            let mut track = start;
            let mut source = first;
            for (j, out) in path.iter_mut().enumerate() {
                if j % BLOCK == 0 {
                    source = first + random.below(origin + 1 - first);
                }
                let error = recursion.errors[source];
                source = if source == origin { first } else { source + 1 };
                let expected = recursion.expect(coefficients, &track, &terrain.x[..=origin], origin + j);
                let change = expected + if error.is_finite() { error } else { 0.0 };
                let value = terrain.walls.hold(track.last + change);
                track.advance(value);
                *out = value;
            }
            take(path);
        }
    }

    /// What followed at the same time of earlier periods, moved by the fading part of the present difference. Places are taken up to `jitter`
    /// slots around it.
    fn season(self, period: usize, jitter: usize, path: &mut [f64], random: &mut Random, mut take: impl FnMut(&[f64])) {
        let Self { terrain, origin, .. } = self;
        let periods = (origin + jitter) / period;
        if periods == 0 {
            return;
        }
        let manner = Manner {
            from: self.from,
            matching: None,
            offset: Offset::Fading,
            piece: path.len(),
        };
        for i in 0..self.count {
            let back = (1 + i % periods) * period;
            let place = (origin + jitter / 2)
                .saturating_sub(back)
                .saturating_sub(random.below(jitter + 1));
            if let Some(place) = next_valid(terrain, place, origin) {
                copy(terrain, place, origin, manner, path, random);
                take(path);
            }
        }
    }
}
