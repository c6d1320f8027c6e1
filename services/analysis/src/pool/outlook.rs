//! The forecast itself: paths of all experts, weighed, counted and cut into bands.

use super::bands::bands;
use super::experts::{EXPERTS, NAMES};
use super::ground::Ground;
use super::history::History;
use super::last_step::{Bound, bands_floor};
use super::learning::{lay, learn_on};
use super::paths::Paths;
use super::question::{Bands, FirstCrossing, PoolError, PoolForecast, Question, Threshold, Told};
use super::state::PoolState;
use std::fmt::Write as _;

/// History below which the answer is flagged, in seconds.
const CONFIDENT_SPAN_S: f64 = 3_600.0;
/// Fewest slots of history for confidence.
const CONFIDENT_SLOTS: usize = 30;
/// Probability below which no time of a first crossing is told.
const TELLING: f64 = 0.01;
/// Experts named in an answer …
const NAMED: usize = 4;
/// … if they have at least this share of it.
const NAMED_FROM: f64 = 0.01;

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
    paths: Paths,
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
            paths: Paths::draw(&terrain, &horizons, seed),
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
        let asked = Question {
            thresholds: thresholds.to_vec(),
            ..self.question.clone()
        };
        asked.check()?;
        let weights: Vec<[f64; EXPERTS]> = self.paths.knots.iter().map(|&knot| self.weigh(knot)).collect();
        let value = self.bands(&self.paths.value, &weights);
        let mut probability = vec![Vec::with_capacity(thresholds.len()); self.horizons.len()];
        let mut told = vec![Vec::with_capacity(thresholds.len()); self.horizons.len()];
        let mut first_crossing = Vec::with_capacity(thresholds.len());
        for &threshold in thresholds {
            let growth = self.growth(threshold, &weights, &value);
            for (i, &horizon) in self.horizons.iter().enumerate() {
                // Paths are looked at in few knots, shared by all horizons; each horizon is one of them.
                let at = self.paths.knots.partition_point(|&knot| knot < horizon);
                let at = at.min(self.paths.knots.len() - 1);
                probability[i].push(growth[at].probability);
                told[i].push(growth[at].told);
            }
            first_crossing.push(self.first_crossing(&growth));
        }
        Ok(PoolForecast {
            probability,
            told,
            first_crossing,
            steps: self.steps(),
            value,
            low_confidence: self.is_doubtful(),
            constant: self.ground.constant,
            changed_ms: self.ground.changed_ms(),
            method: method(
                &self.weights_for(self.longest()),
                std::array::from_fn(|expert| !self.paths.of(expert).is_empty()),
            ),
        })
    }

    /// What was learned about the series, to be stored.
    pub fn state(&self) -> &PoolState {
        &self.state
    }

    fn longest(&self) -> usize {
        self.horizons.iter().copied().max().unwrap_or(1)
    }

    fn weights_for(&self, slots: usize) -> [f64; EXPERTS] {
        let horizon_ms = slots as i64 * self.ground.step_ms;
        self.state.weights_for(horizon_ms, self.ground.history_ms())
    }

    /// Weight per path of each expert for a horizon of `slots`: the expert's weight shared by its paths; silent experts leave theirs to the others.
    fn weigh(&self, slots: usize) -> [f64; EXPERTS] {
        let weights = self.weights_for(slots);
        let drawn = |expert: usize| self.paths.of(expert).len() as f64;
        let present: f64 = (0..EXPERTS).filter(|&i| drawn(i) > 0.0).map(|i| weights[i]).sum();
        std::array::from_fn(|i| {
            if present > 0.0 {
                weights[i] / present / drawn(i).max(1.0)
            } else {
                1.0 / self.paths.count() as f64
            }
        })
    }

    fn bands(&self, cells: &[f64], weights: &[[f64; EXPERTS]]) -> Bands {
        let learned = self.state.band_factor;
        let factor = if learned > 0.0 { learned } else { 1.0 };
        bands(&self.paths, cells, weights, factor, &self.ground)
    }

    /// The weighted share of all paths; `weights` are those of one path of each expert.
    fn pooled(&self, shares: &[f64; EXPERTS], weights: &[f64; EXPERTS]) -> f64 {
        (0..EXPERTS)
            .filter(|&expert| !shares[expert].is_nan())
            .map(|expert| shares[expert] * self.paths.of(expert).len() as f64 * weights[expert])
            .sum()
    }

    /// How the probability that a threshold is left grows from knot to knot.
    fn growth(&self, threshold: Threshold, weights: &[[f64; EXPERTS]], value: &Bands) -> Vec<Growth> {
        let threshold = self.ground.scaled(threshold);
        let bound = Bound::new(threshold, &self.ground);
        let record = bound.seen(&self.ground);
        let grain = self.ground.walls.grain;
        let (mut before, mut plain_before) = (0.0_f64, 0.0_f64);
        let knots = self.paths.knots.iter().zip(weights).enumerate();
        knots
            .map(|(k, (&knot, weights))| {
                let experts = self.paths.shares_outside(k, threshold, grain);
                let share = self.pooled(&experts, weights);
                let at_record = record.map_or(1.0, |record| {
                    self.pooled(&self.paths.shares_outside(k, record, grain), weights)
                });
                let plain = bound.probability(share, at_record, knot, &self.ground);
                let floor = bands_floor(value, k, threshold, &self.ground);
                // Weights differ between horizons; a longer horizon still contains the shorter one.
                plain_before = plain_before.max(plain).max(floor);
                let correction = self.state.correction_for(knot as i64 * self.ground.step_ms);
                let said = correction.of(plain_before);
                before = before.max(correction.told(said)).max(floor);
                Growth {
                    knot,
                    probability: before,
                    told: Told { experts, said },
                }
            })
            .collect()
    }

    fn first_crossing(&self, growth: &[Growth]) -> FirstCrossing {
        let total = growth.last().map_or(0.0, |last| last.probability);
        let median = growth.iter().find(|at| at.probability >= total / 2.0);
        FirstCrossing {
            median_step: median
                .filter(|_| total > TELLING)
                .map(|at| self.ground.steps_of(at.knot)),
            cumulative: growth
                .iter()
                .map(|at| (self.ground.steps_of(at.knot), at.probability))
                .collect(),
        }
    }

    /// Steps of the caller's samples at the knots.
    fn steps(&self) -> Vec<usize> {
        let longest = self.question.horizons_steps.iter().copied().max().unwrap_or(1);
        let knots = self.paths.knots.iter();
        knots.map(|&knot| self.ground.steps_of(knot).min(longest)).collect()
    }

    fn is_doubtful(&self) -> bool {
        self.ground.constant
            || self.ground.changed.is_some()
            || self.ground.span_s < CONFIDENT_SPAN_S
            || self.ground.slots < CONFIDENT_SLOTS
            || self.ground.slots < 2 * self.longest()
    }
}

/// What is known at one knot about one threshold.
#[derive(Debug)]
struct Growth {
    knot: usize,
    /// That the threshold was left at or before the knot.
    probability: f64,
    /// Of what that is made.
    told: Told,
}

/// The experts that drew paths, by the weight they really have; those below a hundredth are not named.
fn method(weights: &[f64; EXPERTS], drawn: [bool; EXPERTS]) -> String {
    let present: f64 = (0..EXPERTS).filter(|&i| drawn[i]).map(|i| weights[i]).sum();
    let share = |i: usize| weights[i] / present;
    let mut order: Vec<usize> = (0..EXPERTS).filter(|&i| drawn[i] && share(i) >= NAMED_FROM).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
    if order.is_empty() {
        // Nobody who drew has a weight: all paths count alike.
        return "pool: all paths alike".to_owned();
    }
    let mut text = String::from("pool:");
    for &i in order.iter().take(NAMED) {
        let _ = write!(text, " {} {:.2}", NAMES[i], share(i)); // writing to a String cannot fail
    }
    if order.len() > NAMED {
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_drew_is_named_and_shares_add_up() {
        let mut weights = [0.0; EXPERTS];
        (weights[0], weights[1], weights[2]) = (0.5, 0.25, 0.25);
        let mut drawn = [true; EXPERTS];
        drawn[0] = false;
        assert_eq!(
            method(&weights, drawn),
            format!("pool: {} 0.50 {} 0.50", NAMES[1], NAMES[2])
        );
        assert_eq!(method(&weights, [false; EXPERTS]), "pool: all paths alike");
    }
}
