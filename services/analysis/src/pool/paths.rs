//! The drawn paths of all experts, cut down to what questions about them need.

use super::experts::{Artist, EXPERTS};
use super::question::{Side, Threshold};
use super::random::Random;
use super::terrain::Terrain;
use std::ops::Range;

/// Paths per expert.
const PER_EXPERT: usize = 32;
/// Room for the paths of all experts.
const CAPACITY: usize = EXPERTS * PER_EXPERT;
/// Steps at which paths are looked at, beside the horizons.
const KNOTS: usize = 16;

/// Per-path quantities at the knots, path-major within a knot: see [`Paths::at`]. In units of the terrain.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Slots after the origin, ascending.
    pub(crate) knots: Vec<usize>,
    /// Value at the knot.
    pub(crate) value: Vec<f64>,
    /// Highest and lowest value up to the knot.
    pub(crate) high: Vec<f64>,
    pub(crate) low: Vec<f64>,
    /// Paths so far, all experts together.
    count: usize,
    /// Path after the last one of each expert.
    ends: [usize; EXPERTS],
}

impl Paths {
    /// Draws from the end of the terrain.
    pub(crate) fn draw(terrain: &Terrain, horizons: &[usize], seed: u64) -> Self {
        let longest = horizons.iter().copied().max().unwrap_or(1);
        let origin = terrain.x.len() - 1;
        let knots = knots(longest, horizons);
        let cells = knots.len() * CAPACITY;
        let mut paths = Self {
            value: vec![0.0; cells],
            high: vec![0.0; cells],
            low: vec![0.0; cells],
            count: 0,
            ends: [0; EXPERTS],
            knots,
        };
        let mut artist = Artist::default();
        let mut path = vec![0.0; longest];
        for expert in 0..EXPERTS {
            let mut random = Random::new(seed, (origin * EXPERTS + expert) as u64 + 1);
            artist.draw(terrain, expert, origin, PER_EXPERT, &mut path, &mut random, |path| {
                paths.take(path);
            });
            paths.ends[expert] = paths.count;
        }
        if paths.count == 0 {
            // Too little contiguous history for any expert: the last value stands, and the answer is flagged.
            path.fill(terrain.x[origin]);
            paths.take(&path);
            paths.ends = [1; EXPERTS];
        }
        paths
    }

    fn take(&mut self, path: &[f64]) {
        let (mut high, mut low, mut done) = (f64::NEG_INFINITY, f64::INFINITY, 0);
        for (k, &knot) in self.knots.iter().enumerate() {
            for &v in &path[done..knot] {
                high = high.max(v);
                low = low.min(v);
            }
            done = knot;
            let cell = k * CAPACITY + self.count;
            self.value[cell] = path[knot - 1];
            self.high[cell] = high;
            self.low[cell] = low;
        }
        self.count += 1;
    }

    /// What `cells` (one of the public rows) holds at knot `k`, one entry a path.
    pub(crate) fn at<'a>(&self, cells: &'a [f64], k: usize) -> &'a [f64] {
        &cells[k * CAPACITY..][..self.count]
    }

    /// Paths of all experts.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The paths of an expert.
    pub(crate) fn of(&self, expert: usize) -> Range<usize> {
        let start = expert.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[expert]
    }

    /// Share of each expert's paths that leave a scaled threshold by knot `k`, NaN where it drew none.
    pub(crate) fn shares_outside(&self, k: usize, threshold: Threshold, grain: f64) -> [f64; EXPERTS] {
        let (high, low) = (self.at(&self.high, k), self.at(&self.low, k));
        std::array::from_fn(|expert| {
            let paths = self.of(expert);
            let drawn = paths.len() as f64;
            let left = match threshold.side {
                Side::Upper => count(&high[paths], |high| high > threshold.value + grain),
                Side::Lower => count(&low[paths], |low| low < threshold.value - grain),
            };
            left / drawn
        })
    }
}

fn count(values: &[f64], counts: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|value| counts(**value)).count() as f64
}

/// Knots in slots: every one up to [`KNOTS`], beyond that growing, always with the horizons.
fn knots(longest: usize, horizons: &[usize]) -> Vec<usize> {
    let mut knots: Vec<usize> = if longest <= KNOTS {
        (1..=longest).collect()
    } else {
        // Quadratic: dense where the paths still spread fast.
        (1..=KNOTS)
            .map(|i| 1 + (longest - 1) * i * i / (KNOTS * KNOTS))
            .chain([1])
            .collect()
    };
    knots.extend_from_slice(horizons);
    knots.sort_unstable();
    knots.dedup();
    knots
}
