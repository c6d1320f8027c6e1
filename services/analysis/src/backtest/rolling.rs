//! The loop over origins.

use super::methods::{Memory, Origin, Said, base_rate};
use super::plan::{BacktestError, Bounds, Method, Plan};
use super::report::Report;
use super::tally::{Tally, mean_pinball};
use crate::pool::{History, LEVELS, MIN_SAMPLES, Threshold, Told};
use crate::scoring::{Scored, TrackRecord, covers, mase_scale};

/// Slots of history before the first origin, at least.
const FEWEST_TRAINING_SLOTS: usize = 24;
const DAY_MS: i64 = 86_400_000;

/// Runs `plan` over `history`. `clock_ns` is a monotonic clock in ns for the cost column (this crate has none); give `&mut || 0` when
/// cost does not matter.
///
/// # Errors
/// [`BacktestError::BadPlan`]; [`BacktestError::TooShort`] when no origin has a training part and a complete future.
pub fn run(
    history: &History,
    plan: &Plan,
    seed: u64,
    clock_ns: &mut dyn FnMut() -> u64,
) -> Result<Report, BacktestError> {
    plan.check()?;
    let slots = &history.slots;
    let mut rolling = Rolling::new(history, plan, seed);
    let first = ((slots.len() as f64 * plan.first_training_share) as usize).max(FEWEST_TRAINING_SLOTS);
    let needed = first + rolling.horizon + 1;
    let too_short = BacktestError::TooShort {
        slots: slots.len(),
        horizon: rolling.horizon,
        needed,
    };
    if slots.len() < needed {
        return Err(too_short);
    }
    let last = slots.len() - 1 - rolling.horizon;
    let origins = plan.most_origins.min(last - first + 1);
    for step in 0..origins {
        let at = first + (last - first) * step / origins.saturating_sub(1).max(1);
        if let Some(training) = rolling.training(at) {
            rolling.visit(at, &training, clock_ns);
        }
    }
    if rolling.origins == 0 {
        return Err(too_short);
    }
    Ok(rolling.report())
}

/// A pool forecast whose future is not complete yet.
#[derive(Debug)]
struct Pending {
    complete_at: usize,
    told: Vec<Told>,
    outcomes: Vec<bool>,
    /// Share of the future's values inside the 95 % band.
    inside: f64,
}

/// The run so far.
#[derive(Debug)]
struct Rolling<'a> {
    history: &'a History,
    plan: &'a Plan,
    seed: u64,
    /// Horizon and season in slots.
    horizon: usize,
    season: usize,
    memory: Memory,
    pending: Vec<Pending>,
    tallies: Vec<Tally>,
    record: TrackRecord,
    origins: usize,
    outcomes: usize,
    violations: usize,
}

impl<'a> Rolling<'a> {
    fn new(history: &'a History, plan: &'a Plan, seed: u64) -> Self {
        Self {
            history,
            plan,
            seed,
            horizon: history.slots_of_steps(plan.horizon_steps),
            season: plan.season_steps.map_or_else(
                || ((DAY_MS / history.step_ms) as usize).max(1),
                |steps| history.slots_of_steps(steps),
            ),
            memory: Memory::default(),
            pending: Vec::new(),
            tallies: vec![Tally::default(); plan.methods.len()],
            record: TrackRecord::default(),
            origins: 0,
            outcomes: 0,
            violations: 0,
        }
    }

    /// The history up to slot `at`; `None` where too little of it, or of what came after it, was seen.
    fn training(&self, at: usize) -> Option<History> {
        let slots = &self.history.slots;
        let seen = |part: &[f64]| part.iter().filter(|v| v.is_finite()).count();
        let told = 2 * seen(&slots[at + 1..=at + self.horizon]) >= self.horizon;
        (slots[at].is_finite() && told && seen(&slots[..=at]) >= MIN_SAMPLES).then(|| History {
            slots: slots[..=at].to_vec(),
            last_ms: self.history.last_ms - (slots.len() - 1 - at) as i64 * self.history.step_ms,
            ..self.history.clone()
        })
    }

    /// Asks every method at slot `at` and holds the answers against what came.
    fn visit(&mut self, at: usize, training: &History, clock_ns: &mut dyn FnMut() -> u64) {
        self.learn_until(at);
        let future = &self.history.slots[at + 1..=at + self.horizon];
        let thresholds = thresholds(self.plan, training);
        let left = |t: &Threshold| future.iter().any(|v| t.is_left_by(*v));
        let outcomes: Vec<bool> = thresholds.iter().map(left).collect();
        self.origins += 1;
        self.outcomes += outcomes.len();
        self.violations += outcomes.iter().filter(|left| **left).count();
        let origin = Origin {
            training,
            horizon: self.horizon,
            horizon_steps: self.plan.horizon_steps,
            season: self.season,
            thresholds: &thresholds,
            seed: self.seed.wrapping_add(at as u64),
        };
        let scale = mase_scale(&training.slots, 1);
        let (mut arima, mut pool) = (None, None);
        for (&method, tally) in self.plan.methods.iter().zip(&mut self.tallies) {
            let started = clock_ns();
            let said = origin.ask(method, &mut self.memory);
            let spent_ns = clock_ns().saturating_sub(started);
            match &said {
                Some(said) => tally.take(said, future, &outcomes, scale, spent_ns),
                None => tally.declined += 1,
            }
            match method {
                Method::Arima => arima = said.map(|said| said.probability),
                Method::Pool => pool = said,
                _ => {}
            }
        }
        let Some(said) = pool else { return };
        self.score(&said, &origin, &outcomes, arima.as_deref());
        let inside = self.score_bands(&said, future);
        if let Some(answer) = self.memory.pool.take() {
            self.pending.push(Pending {
                complete_at: at + self.horizon,
                told: answer.told.into_iter().next().unwrap_or_default(),
                outcomes,
                inside,
            });
        }
    }

    /// The pool learns from outcomes that are complete by now, and from no other.
    fn learn_until(&mut self, at: usize) {
        let horizon_ms = self.horizon as i64 * self.history.step_ms;
        let memory = &mut self.memory;
        self.pending.retain(|outcome| {
            let ripe = outcome.complete_at <= at;
            if let (true, Some(state)) = (ripe, memory.state.as_mut()) {
                state.observe(horizon_ms, &outcome.told, &outcome.outcomes);
                state.observe_band(outcome.inside);
            }
            !ripe
        });
    }

    /// Takes our forecast into the track record, beside what the rivals said at the same origin.
    fn score(&mut self, said: &Said, origin: &Origin<'_>, outcomes: &[bool], arima: Option<&[f64]>) {
        let last = origin.training.last_value();
        for (i, threshold) in origin.thresholds.iter().enumerate() {
            self.record.score(&Scored {
                probability: said.probability[i],
                last_value: f64::from(u8::from(threshold.is_left_by(last))),
                base_rate: Some(base_rate(&origin.training.slots, self.horizon, threshold)),
                arima: arima.map(|p| p[i]),
                provider: None,
                violated: outcomes[i],
            });
        }
    }

    /// Takes our bands into the track record; the share of values inside the 95 % band.
    fn score_bands(&mut self, said: &Said, future: &[f64]) -> f64 {
        let Some(bands) = &said.bands else { return f64::NAN };
        let (mut hits, mut values) = (0.0, 0.0);
        for (j, value) in future.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let inside = covers(bands[0][j], bands[LEVELS.len() - 1][j], *value);
            self.record.score_band(inside, mean_pinball(bands, j, *value));
            hits += f64::from(u8::from(inside));
            values += 1.0;
        }
        hits / values
    }

    fn report(self) -> Report {
        let rows = self.plan.methods.iter().zip(&self.tallies);
        Report {
            origins: self.origins,
            horizon_ms: self.horizon as i64 * self.history.step_ms,
            outcomes: self.outcomes,
            violations: self.violations,
            rows: rows.map(|(&method, tally)| tally.row(method)).collect(),
            record: self.record,
            state: self.memory.state.unwrap_or_default(),
        }
    }
}

/// The thresholds of the plan, or quantiles of the training part.
fn thresholds(plan: &Plan, training: &History) -> Vec<Threshold> {
    match &plan.bounds {
        Bounds::Given(thresholds) => thresholds.clone(),
        Bounds::TrainingQuantiles(levels) => {
            let mut finite: Vec<f64> = training.slots.iter().copied().filter(|v| v.is_finite()).collect();
            finite.sort_unstable_by(f64::total_cmp);
            let at = |level: f64| finite[((finite.len() - 1) as f64 * level).round() as usize];
            levels.iter().map(|&level| Threshold::upper(at(level))).collect()
        }
    }
}
