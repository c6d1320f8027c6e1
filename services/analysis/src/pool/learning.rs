//! Weights from the history at hand: every expert is asked at past origins and held against what came.

use super::experts::{Artist, EXPERTS};
use super::history::History;
use super::question::{PoolError, Question, Side, Threshold};
use super::random::Random;
use super::state::PoolState;
use super::terrain::Terrain;

/// Most origins asked per series.
const LESSON_ORIGINS: usize = 40;
/// Paths per expert and origin.
const LESSON_PATHS: usize = 16;
/// Path steps spent on learning, at most; long horizons get fewer origins.
const LESSON_BUDGET: usize = 3_000_000;
/// Fewest origins; below, the prior stays.
const FEWEST_ORIGINS: usize = 4;
/// Shares of the history below which thresholds are set beside the ones asked for, so that rare events teach something too.
const TEACHING_QUANTILES: [(f64, Side); 5] = [
    (0.75, Side::Upper),
    (0.9, Side::Upper),
    (0.97, Side::Upper),
    (0.1, Side::Lower),
    (0.03, Side::Lower),
];

/// What each expert said at one past origin about one threshold, and what came.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// Index into the question's horizons.
    pub horizon: usize,
    /// Slot of the origin.
    pub origin: usize,
    /// The threshold; the question's own and some quantiles of the history.
    pub threshold: Threshold,
    /// Probability per expert, NaN where it had nothing to say.
    pub probabilities: [f64; EXPERTS],
    /// Whether the threshold was left.
    pub violated: bool,
    /// Share of an independent future this outcome counts for: origins closer than the horizon share most of their future, and so do the
    /// thresholds asked at one origin.
    pub importance: f64,
}

/// Asks every expert at rolling origins inside the history; each sees only what lay before its origin.
pub fn lessons(history: &History, question: &Question, seed: u64) -> Result<Vec<Lesson>, PoolError> {
    question.check()?;
    let horizons = slots_of(history, question);
    let longest = horizons.iter().copied().max().unwrap_or(1);
    let terrain = Terrain::new(&history.slots, history.step_ms, longest, None);
    Ok(ask(&terrain, question, &horizons, seed))
}

/// Learns the weights of each horizon from the history, starting from `state` or the shipped prior.
///
/// # Errors
/// As [`Question::check`].
pub fn learn(
    history: &History,
    question: &Question,
    state: Option<&PoolState>,
    seed: u64,
) -> Result<PoolState, PoolError> {
    question.check()?;
    let (horizons, terrain) = lay(history, question, state);
    Ok(learn_on(&terrain, history, question, &horizons, state, seed))
}

/// The horizons in slots, and the terrain that the longest of them needs; what `state` knows is not searched for again.
pub(crate) fn lay(history: &History, question: &Question, state: Option<&PoolState>) -> (Vec<usize>, Terrain) {
    let horizons = slots_of(history, question);
    let longest = horizons.iter().copied().max().unwrap_or(1);
    let terrain = Terrain::new(
        &history.slots,
        history.step_ms,
        longest,
        state.map(|s| s.known(history.step_ms)),
    );
    (horizons, terrain)
}

/// Horizons in slots.
pub(crate) fn slots_of(history: &History, question: &Question) -> Vec<usize> {
    question
        .horizons_steps
        .iter()
        .map(|&steps| history.slots_of_steps(steps))
        .collect()
}

pub(crate) fn learn_on(
    terrain: &Terrain,
    history: &History,
    question: &Question,
    horizons: &[usize],
    state: Option<&PoolState>,
    seed: u64,
) -> PoolState {
    let mut learned = state.cloned().unwrap_or_default();
    learned.alpha = terrain.smoothing.alpha;
    learned.cycle_ms = terrain.cycle.map_or(0.0, |slots| slots as f64 * history.step_ms as f64);
    if learned.band_factor <= 0.0 {
        learned.band_factor = 1.0;
    }
    for &horizon in horizons {
        learned.record_mut(horizon as i64 * history.step_ms);
    }
    for lesson in ask(terrain, question, horizons, seed) {
        let entry = learned.record_mut(horizons[lesson.horizon] as i64 * history.step_ms);
        entry.observe(&lesson.probabilities, lesson.violated, lesson.importance);
    }
    learned
}

fn ask(terrain: &Terrain, question: &Question, horizons: &[usize], seed: u64) -> Vec<Lesson> {
    let n = terrain.x.len();
    let shortest = horizons.iter().copied().min().unwrap_or(1);
    let mut out = Vec::new();
    // A quarter comes before the first question: an expert without a past would be marked down for what it could not know.
    let first = (n / 4).max(6);
    if n < first + shortest + FEWEST_ORIGINS {
        return out;
    }
    let last = n - 1 - shortest;
    let longest = horizons.iter().copied().max().unwrap_or(1);
    // Cost is origins × experts × paths × length: a long horizon is asked less often, not less well.
    let affordable = LESSON_BUDGET / (EXPERTS * LESSON_PATHS * longest);
    let origins = LESSON_ORIGINS.min(affordable.max(FEWEST_ORIGINS)).min(last - first + 1);
    let thresholds = teaching_thresholds(terrain, question);
    let spacing = (last - first + 1) as f64 / origins as f64;
    let mut artist = Artist::default();
    let mut path = vec![0.0; longest];
    let mut order: Vec<usize> = (0..horizons.len()).collect();
    order.sort_by_key(|&i| horizons[i]);
    let mut hits = vec![[0_u32; EXPERTS]; thresholds.len() * horizons.len()];
    for step in 0..origins {
        let origin = first + (last - first) * step / origins.saturating_sub(1).max(1);
        if terrain.x[origin].is_nan() {
            continue;
        }
        hits.fill([0; EXPERTS]);
        let mut drawn = [0_u32; EXPERTS];
        // Only as far as an outcome is known.
        let reach = order
            .iter()
            .map(|&i| horizons[i])
            .filter(|h| origin + h < n)
            .max()
            .unwrap_or(shortest);
        for expert in 0..EXPERTS {
            // A stream of its own each: what one expert draws does not move what another one is judged by.
            let mut random = Random::new(seed, (origin * EXPERTS + expert) as u64 + 1);
            artist.draw(
                terrain,
                expert,
                origin,
                LESSON_PATHS,
                &mut path[..reach],
                &mut random,
                |path| {
                    drawn[expert] += 1;
                    count_hits(path, horizons, &order, &thresholds, terrain.walls.grain, |cell| {
                        hits[cell][expert] += 1;
                    });
                },
            );
        }
        for (i, &horizon) in horizons.iter().enumerate() {
            let future = &terrain.x[origin + 1..(origin + 1 + horizon).min(n)];
            // The outcome must have been seen: more than half of the samples, up to the horizon's end.
            let seen = future.iter().filter(|v| v.is_finite()).count();
            if future.len() < horizon || 2 * seen < horizon {
                continue;
            }
            for (t, threshold) in thresholds.iter().enumerate() {
                let violated = future.iter().any(|&v| threshold.is_left_by(v));
                let counts = &hits[t * horizons.len() + i];
                let mut probabilities = [f64::NAN; EXPERTS];
                for expert in 0..EXPERTS {
                    if drawn[expert] > 0 {
                        probabilities[expert] = f64::from(counts[expert]) / f64::from(drawn[expert]);
                    }
                }
                out.push(Lesson {
                    horizon: i,
                    origin,
                    threshold: threshold.divided_by(1.0 / terrain.unit),
                    probabilities,
                    violated,
                    // Futures of origins closer than a horizon overlap: together they are one observation.
                    importance: (spacing / horizon as f64).min(1.0) / thresholds.len() as f64,
                });
            }
        }
    }
    out
}

/// Calls `hit` with `threshold index × horizons + horizon index` for every threshold left within every horizon.
pub(crate) fn count_hits(
    path: &[f64],
    horizons: &[usize],
    order: &[usize],
    thresholds: &[Threshold],
    grain: f64,
    mut hit: impl FnMut(usize),
) {
    let (mut high, mut low) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut done = 0;
    for &i in order {
        if horizons[i] > path.len() {
            break;
        }
        for &v in &path[done..horizons[i]] {
            high = high.max(v);
            low = low.min(v);
        }
        done = horizons[i];
        for (t, threshold) in thresholds.iter().enumerate() {
            let left = match threshold.side {
                Side::Upper => high > threshold.value + grain,
                Side::Lower => low < threshold.value - grain,
            };
            if left {
                hit(t * horizons.len() + i);
            }
        }
    }
}

fn teaching_thresholds(terrain: &Terrain, question: &Question) -> Vec<Threshold> {
    let mut thresholds: Vec<Threshold> = question.thresholds.iter().map(|t| t.divided_by(terrain.unit)).collect();
    let mut finite: Vec<f64> = terrain.x.iter().copied().filter(|v| v.is_finite()).collect();
    finite.sort_unstable_by(f64::total_cmp);
    // Bounds that nobody asked about teach, too: the ones asked about may never have been left, and all experts are right then.
    for (share, side) in TEACHING_QUANTILES {
        let value = finite[((finite.len() - 1) as f64 * share) as usize];
        thresholds.push(Threshold { side, value });
    }
    thresholds
}
