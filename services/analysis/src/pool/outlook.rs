//! The forecast itself: paths of all experts, weighed, counted and cut into bands.

use super::experts::{Artist, EXPERTS, NAMES};
use super::history::History;
use super::learning::{lay, learn_on, scaled};
use super::question::{Bands, FirstCrossing, LEVELS, PoolError, PoolForecast, Question, Side, Threshold};
use super::random::Random;
use super::state::PoolState;
use super::terrain::Terrain;
use std::fmt::Write as _;

/// Paths per expert in a forecast.
const PATHS: usize = 32;
/// Steps at which bands stand, beside the horizons.
const KNOTS: usize = 16;
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
/// How much bands are widened where the horizon is long against the history.
const WIDENING: f64 = 2.5;
/// History below which the answer is flagged, in seconds.
const CONFIDENT_SPAN_S: f64 = 3_600.0;
/// Fewest slots of history for confidence.
const CONFIDENT_SLOTS: usize = 30;

/// Forecasts the series: probabilities, first crossings and bands for every horizon and threshold of the question.
///
/// With `state` (from [`super::learn`] or an earlier forecast) the weights are taken as they are and cost nothing; without it they are learned from
/// the history first. Returns the forecast and the state to store.
///
/// # Errors
/// [`PoolError::BadQuestion`] when the question is outside its limits.
pub fn forecast(
    history: &History,
    question: &Question,
    state: Option<&PoolState>,
    seed: u64,
) -> Result<(PoolForecast, PoolState), PoolError> {
    let futures = Futures::draw(history, question, state, seed)?;
    let answer = futures.answer(&question.thresholds)?;
    Ok((answer, futures.state))
}

/// The drawn futures of a series: bounds can be asked about at almost no cost, as often as one likes.
#[derive(Debug, Clone)]
pub struct Futures {
    outlook: Outlook,
    ground: Ground,
    horizons: Vec<usize>,
    question: Question,
    state: PoolState,
}

impl Futures {
    /// Draws for the horizons of `question`, as [`forecast`] does.
    ///
    /// # Errors
    /// [`PoolError::BadQuestion`] when the question is outside its limits.
    pub fn draw(
        history: &History,
        question: &Question,
        state: Option<&PoolState>,
        seed: u64,
    ) -> Result<Self, PoolError> {
        question.check()?;
        let (horizons, terrain) = lay(history, question, state);
        let state = match state {
            Some(state) => state.clone(),
            None => learn_on(&terrain, history, question, &horizons, None, seed),
        };
        Ok(Self {
            outlook: Outlook::draw(&terrain, &horizons, question.running_bands, seed),
            ground: Ground::new(&terrain, history),
            horizons,
            question: question.clone(),
            state,
        })
    }

    /// What the futures say about other bounds than those of the question, at the same horizons.
    ///
    /// # Errors
    /// [`PoolError::BadQuestion`] when the thresholds are outside their limits.
    pub fn answer(&self, thresholds: &[Threshold]) -> Result<PoolForecast, PoolError> {
        let question = Question {
            thresholds: thresholds.to_vec(),
            ..self.question.clone()
        };
        question.check()?;
        Ok(self
            .outlook
            .answer(&self.ground, &question, &self.horizons, &self.state))
    }

    /// What was learned about the series, to be stored.
    pub fn state(&self) -> &PoolState {
        &self.state
    }
}

/// What an answer needs to know of the series, besides the paths; in the units of the terrain where it says so.
#[derive(Debug, Clone, Copy)]
struct Ground {
    /// Values of the terrain × this are values of the series.
    unit: f64,
    /// Smallest difference that counts, lowest and highest value a path may reach: in units of the terrain.
    grain: f64,
    floor: f64,
    ceiling: f64,
    /// Lowest and highest value seen, in units of the terrain.
    low: f64,
    high: f64,
    /// No value was ever another.
    constant: bool,
    slots: usize,
    step_ms: i64,
    steps_per_slot: f64,
    span_s: f64,
}

impl Ground {
    fn new(terrain: &Terrain, history: &History) -> Self {
        let seen = || terrain.x.iter().copied().filter(|value| value.is_finite());
        Self {
            low: seen().fold(f64::INFINITY, f64::min),
            high: seen().fold(f64::NEG_INFINITY, f64::max),
            unit: terrain.unit,
            grain: terrain.grain,
            floor: terrain.floor,
            ceiling: terrain.ceiling,
            constant: terrain.ceiling <= terrain.floor || terrain.x.iter().all(|v| v.is_nan() || *v == terrain.x[0]),
            slots: terrain.x.len(),
            step_ms: history.step_ms,
            steps_per_slot: history.steps_per_slot,
            span_s: history.span_s(),
        }
    }

    /// 1 for a value inside the seen range, a half where it lies half that range beyond, then falling with the square of the distance.
    fn nearness(&self, value: f64) -> f64 {
        let beyond = (value - self.high).max(self.low - value).max(0.0);
        let distance = beyond / (0.5 * (self.high - self.low)).max(f64::MIN_POSITIVE);
        1.0 / (1.0 + distance * distance)
    }
}

/// Per-path quantities at the knots, path-major within a knot: `[knot * paths + path]`.
#[derive(Debug, Clone)]
struct Outlook {
    knots: Vec<usize>,
    value: Vec<f64>,
    /// Empty when no running bands are wanted.
    mean: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    /// Paths so far, all experts together.
    paths: usize,
    /// Path after the last one of each expert.
    ends: [usize; EXPERTS],
}

impl Outlook {
    fn draw(terrain: &Terrain, horizons: &[usize], running_bands: bool, seed: u64) -> Self {
        let longest = horizons.iter().copied().max().unwrap_or(1);
        let origin = terrain.x.len() - 1;
        let knots = knots(longest, horizons);
        let capacity = EXPERTS * PATHS;
        let mut outlook = Self {
            value: vec![0.0; knots.len() * capacity],
            mean: vec![0.0; if running_bands { knots.len() * capacity } else { 0 }],
            high: vec![0.0; knots.len() * capacity],
            low: vec![0.0; knots.len() * capacity],
            paths: 0,
            ends: [0; EXPERTS],
            knots,
        };
        let mut artist = Artist::default();
        let mut path = vec![0.0; longest];
        for expert in 0..EXPERTS {
            let mut random = Random::new(seed, (origin * EXPERTS + expert) as u64 + 1);
            artist.draw(terrain, expert, origin, PATHS, &mut path, &mut random, |path| {
                outlook.take(path, capacity);
            });
            outlook.ends[expert] = outlook.paths;
        }
        if outlook.paths == 0 {
            // Too little contiguous history for any expert: the last value stands, and the answer is flagged.
            path.fill(terrain.x[origin]);
            outlook.take(&path, capacity);
            outlook.ends = [1; EXPERTS];
        }
        outlook
    }

    fn take(&mut self, path: &[f64], capacity: usize) {
        let column = self.paths;
        let (mut high, mut low, mut sum, mut done) = (f64::NEG_INFINITY, f64::INFINITY, 0.0, 0);
        for (k, &knot) in self.knots.iter().enumerate() {
            for &v in &path[done..knot] {
                high = high.max(v);
                low = low.min(v);
                sum += v;
            }
            done = knot;
            let cell = k * capacity + column;
            self.value[cell] = path[knot - 1];
            if let Some(mean) = self.mean.get_mut(cell) {
                *mean = sum / knot as f64;
            }
            self.high[cell] = high;
            self.low[cell] = low;
        }
        self.paths += 1;
    }

    fn answer(&self, ground: &Ground, question: &Question, horizons: &[usize], state: &PoolState) -> PoolForecast {
        let capacity = EXPERTS * PATHS;
        let seen = ground.slots;
        let history_ms = ground.span_s * 1000.0;
        let drawn: [f64; EXPERTS] = std::array::from_fn(|expert| self.columns(expert).len() as f64);
        // Weight per path of each expert for a horizon of `slots`: the expert's weight shared by its paths.
        let weigh = |slots: usize| -> [f64; EXPERTS] {
            let weights = state.weights_for(slots as i64 * ground.step_ms, history_ms);
            let present: f64 = (0..EXPERTS).filter(|&i| drawn[i] > 0.0).map(|i| weights[i]).sum();
            std::array::from_fn(|i| {
                if present > 0.0 {
                    weights[i] / present / drawn[i].max(1.0)
                } else {
                    1.0 / self.paths as f64
                }
            })
        };
        let constant = ground.constant;
        let mut probability = vec![Vec::with_capacity(question.thresholds.len()); horizons.len()];
        let mut expert_probability = vec![Vec::with_capacity(question.thresholds.len()); horizons.len()];
        let mut first_crossing = Vec::with_capacity(question.thresholds.len());
        let knot_weights: Vec<[f64; EXPERTS]> = self.knots.iter().map(|&knot| weigh(knot)).collect();
        let factor = if state.band_factor > 0.0 {
            state.band_factor
        } else {
            1.0
        };
        let bands = |cells: &[f64]| self.bands(cells, &knot_weights, factor, ground);
        let value = bands(&self.value);
        for threshold in &question.thresholds {
            let threshold = scaled(*threshold, ground.unit);
            let near = ground.nearness(threshold.value);
            let mut cumulative = Vec::with_capacity(self.knots.len());
            let mut before = 0.0_f64;
            let mut hits = vec![[0.0_f64; EXPERTS]; self.knots.len()];
            for (k, &knot) in self.knots.iter().enumerate() {
                let mut crossed = 0.0;
                let (above, below) = (threshold.value + ground.grain, threshold.value - ground.grain);
                for (expert, hit) in hits[k].iter_mut().enumerate() {
                    let columns = self.columns(expert);
                    let cells = k * capacity + columns.start..k * capacity + columns.end;
                    *hit = match threshold.side {
                        Side::Upper => self.high[cells].iter().filter(|high| **high > above).count() as f64,
                        Side::Lower => self.low[cells].iter().filter(|low| **low < below).count() as f64,
                    };
                    crossed += knot_weights[k][expert] * *hit;
                }
                // Weights differ between horizons; a longer horizon still contains the shorter one.
                let told = if constant {
                    tempered(crossed, 0.0, 1.0)
                } else {
                    sharpened(tempered(crossed, unseen(knot, seen), near), knot)
                };
                before = before.max(told).max(bands_floor(&value, k, threshold, ground));
                cumulative.push((knot, before));
            }
            for (i, &horizon) in horizons.iter().enumerate() {
                let at = self
                    .knots
                    .partition_point(|&knot| knot < horizon)
                    .min(self.knots.len() - 1);
                probability[i].push(cumulative[at].1);
                expert_probability[i].push(std::array::from_fn(|e| {
                    if drawn[e] > 0.0 {
                        hits[at][e] / drawn[e]
                    } else {
                        f64::NAN
                    }
                }));
            }
            let total = cumulative.last().map_or(0.0, |last| last.1);
            let median = cumulative
                .iter()
                .find(|(_, p)| *p >= total / 2.0)
                .map(|&(knot, _)| knot);
            first_crossing.push(FirstCrossing {
                median_step: median.filter(|_| total > 0.01).map(|knot| steps_of(ground, knot)),
                cumulative: cumulative
                    .into_iter()
                    .map(|(knot, p)| (steps_of(ground, knot), p))
                    .collect(),
            });
        }
        let longest_steps = question.horizons_steps.iter().copied().max().unwrap_or(1);
        let steps: Vec<usize> = self
            .knots
            .iter()
            .map(|&knot| steps_of(ground, knot).min(longest_steps))
            .collect();
        let running = |cells: &[f64]| {
            if question.running_bands {
                bands(cells)
            } else {
                Bands::default()
            }
        };
        let longest = horizons.iter().copied().max().unwrap_or(1);
        let low_confidence = constant
            || ground.span_s < CONFIDENT_SPAN_S
            || ground.slots < CONFIDENT_SLOTS
            || ground.slots < 2 * longest;
        PoolForecast {
            probability,
            expert_probability,
            first_crossing,
            steps,
            value,
            running_mean: running(&self.mean),
            running_max: running(&self.high),
            running_min: running(&self.low),
            low_confidence,
            constant,
            method: method(&state.weights_for(longest as i64 * ground.step_ms, history_ms)),
        }
    }

    /// The paths of an expert.
    fn columns(&self, expert: usize) -> std::ops::Range<usize> {
        let start = expert.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[expert]
    }

    fn bands(&self, cells: &[f64], weights: &[[f64; EXPERTS]], factor: f64, ground: &Ground) -> Bands {
        let capacity = EXPERTS * PATHS;
        let mut rows = vec![Vec::with_capacity(self.knots.len()); LEVELS.len()];
        let mut sorted: Vec<(f64, f64)> = Vec::with_capacity(self.paths);
        let mut keys: Vec<u64> = Vec::with_capacity(self.paths);
        let mut expert_of = Vec::with_capacity(self.paths);
        for expert in 0..EXPERTS {
            expert_of.extend(self.columns(expert).map(|_| expert));
        }
        for k in 0..self.knots.len() {
            let values = &cells[k * capacity..][..self.paths];
            rank(values, &mut keys);
            sorted.clear();
            let mut least = f64::NEG_INFINITY;
            sorted.extend(keys.iter().map(|key| {
                let path = (key & PATH_BITS) as usize;
                least = least.max(values[path]);
                (least, weights[k][expert_of[path]])
            }));
            let mut quantiles = [0.0; LEVELS.len()];
            weighted_quantiles(&sorted, &mut quantiles);
            let median = quantiles[LEVELS.len() / 2];
            let factor = factor * (1.0 + WIDENING * unseen(self.knots[k], ground.slots));
            let (low, high) = (
                ground.floor.min(quantiles[0]),
                ground.ceiling.max(quantiles[LEVELS.len() - 1]),
            );
            for (row, q) in rows.iter_mut().zip(quantiles) {
                // Headroom beyond 1e308 would overflow.
                let widened = (median + (q - median) * factor).clamp(low, high);
                row.push((widened * ground.unit).clamp(f64::MIN, f64::MAX));
            }
        }
        Bands { rows }
    }
}

/// Bits of a key that hold the number of a path; the others hold where its value lies.
const PATH_BITS: u64 = 0xFFFF;

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
            .map(|(path, value)| (((value - low) * scale) as u64) << 16 | path as u64),
    );
    keys.sort_unstable();
}

/// Quantiles at [`LEVELS`] of values with weights (sorted by value, weights sum 1): linear between the mid-points of the weights.
fn weighted_quantiles(sorted: &[(f64, f64)], out: &mut [f64; LEVELS.len()]) {
    let mut next = 0;
    let (mut sum, mut left) = (0.0, (0.0, f64::NAN));
    for &(value, weight) in sorted {
        if weight <= 0.0 {
            continue;
        }
        let middle = sum + weight / 2.0;
        while next < LEVELS.len() && LEVELS[next] <= middle {
            let share = if left.1.is_nan() {
                1.0
            } else {
                (LEVELS[next] - left.0) / (middle - left.0)
            };
            out[next] = if left.1.is_nan() {
                value
            } else {
                left.1 + (value - left.1) * share
            };
            next += 1;
        }
        sum += weight;
        left = (middle, value);
    }
    while next < LEVELS.len() {
        out[next] = left.1;
        next += 1;
    }
}

/// Share of the unseen: a horizon of `slots` after a history of `seen` slots is this part of the whole.
fn unseen(slots: usize, seen: usize) -> f64 {
    slots as f64 / (slots + seen) as f64
}

/// Undoes the pull toward ½ of an average of probabilities for a horizon of `slots`. At a single slot nothing is shifted: half of all
/// values lie beyond the median.
fn sharpened(p: f64, slots: usize) -> f64 {
    let odds = libm::log(p / (1.0 - p));
    let shift = SHIFT * (1.0 - 1.0 / slots as f64);
    (1.0 / (1.0 + libm::exp(-(shift + SHARPENING * odds)))).clamp(LEAST, 1.0 - LEAST)
}

/// What the bands of the value at knot `k` say at least about the share beyond a scaled threshold.
fn bands_floor(value: &Bands, k: usize, threshold: Threshold, ground: &Ground) -> f64 {
    // A band that lies on the threshold but for rounding does not leave it.
    let beyond = |row: &Vec<f64>| match threshold.side {
        Side::Upper => row[k] / ground.unit > threshold.value + ground.grain,
        Side::Lower => row[k] / ground.unit < threshold.value - ground.grain,
    };
    let share = match threshold.side {
        Side::Upper => value.rows.iter().position(beyond).map(|i| 1.0 - LEVELS[i]),
        Side::Lower => value.rows.iter().rposition(beyond).map(|i| LEVELS[i]),
    };
    share.unwrap_or(0.0)
}

/// Keeps a share of paths off 0 and 1, the further the less history there is: what never happened in a short history may still happen (rule
/// of succession, Laplace). `near` is 1 for thresholds among the seen values and falls to 0 far from them: there the paths know enough.
fn tempered(share: f64, unseen: f64, near: f64) -> f64 {
    let pull = (PULL * unseen * unseen).min(MOST_PULL) * near;
    let share = share.clamp(0.0, 1.0);
    LEAST + (1.0 - 2.0 * LEAST) * (share + (1.0 - share) * pull) * (1.0 - pull)
}

fn steps_of(ground: &Ground, slots: usize) -> usize {
    ((slots as f64 * ground.steps_per_slot).round() as usize).max(1)
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

fn method(weights: &[f64; EXPERTS]) -> String {
    let mut order: Vec<usize> = (0..EXPERTS).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    let mut text = String::from("pool:");
    for &i in order.iter().take(4) {
        let _ = write!(text, " {} {:.2}", NAMES[i], weights[i]); // writing to a String cannot fail
    }
    text.push_str(" …");
    text
}
