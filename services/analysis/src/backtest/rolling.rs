//! The loop over origins and the sums behind the table.

use super::methods::{Memory, Origin, Said, base_rate};
use super::{BacktestError, Bounds, Method, MethodRow, Plan, Report};
use crate::pool::{EXPERTS, History, LEVELS, MIN_SAMPLES, Threshold};
use crate::scoring::{
    CALIBRATION_BINS, Scored, TrackRecord, brier, calibration_error, calibration_table, covers, mase_scale, pinball,
};

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
    let horizon = history.slots_of_steps(plan.horizon_steps);
    let first = ((slots.len() as f64 * plan.first_training_share) as usize).max(FEWEST_TRAINING_SLOTS);
    let needed = first + horizon + 1;
    let too_short = BacktestError::TooShort {
        slots: slots.len(),
        horizon,
        needed,
    };
    if slots.len() < needed {
        return Err(too_short);
    }
    let last = slots.len() - 1 - horizon;
    let origins = plan.most_origins.min(last - first + 1);
    let season = plan.season_steps.map_or_else(
        || ((DAY_MS / history.step_ms) as usize).max(1),
        |steps| history.slots_of_steps(steps),
    );
    let mut rolling = Rolling {
        horizon,
        tallies: vec![Tally::default(); plan.methods.len()],
        ..Rolling::default()
    };
    let mut memory = Memory::default();
    let mut pending: Vec<Pending> = Vec::new();
    for step in 0..origins {
        let at = first + (last - first) * step / origins.saturating_sub(1).max(1);
        let future = &slots[at + 1..=at + horizon];
        let seen = future.iter().filter(|v| v.is_finite()).count();
        if slots[at].is_nan() || 2 * seen < horizon {
            continue;
        }
        let training = History {
            slots: slots[..=at].to_vec(),
            last_ms: history.last_ms - (slots.len() - 1 - at) as i64 * history.step_ms,
            ..history.clone()
        };
        if training.slots.iter().filter(|v| v.is_finite()).count() < MIN_SAMPLES {
            continue;
        }
        let thresholds = thresholds(plan, &training);
        // The pool learns from outcomes that are complete by now, and from no other.
        pending.retain(|outcome| {
            let ripe = outcome.complete_at <= at;
            if let (true, Some(state)) = (ripe, memory.state.as_mut()) {
                state.observe(horizon as i64 * history.step_ms, &outcome.experts, &outcome.outcomes);
                state.observe_band(outcome.inside);
            }
            !ripe
        });
        let outcomes: Vec<bool> = thresholds
            .iter()
            .map(|t| future.iter().any(|v| t.is_left_by(*v)))
            .collect();
        rolling.origins += 1;
        rolling.outcomes += outcomes.len();
        rolling.violations += outcomes.iter().filter(|left| **left).count();
        let origin = Origin {
            training: &training,
            horizon,
            horizon_steps: plan.horizon_steps,
            season,
            thresholds: &thresholds,
            seed: seed.wrapping_add(at as u64),
        };
        let scale = mase_scale(&training.slots, 1);
        let mut arima = None;
        let mut inside = f64::NAN;
        for (i, &method) in plan.methods.iter().enumerate() {
            let started = clock_ns();
            let said = origin.ask(method, &mut memory);
            let spent_ns = clock_ns().saturating_sub(started);
            match &said {
                Some(said) => rolling.tallies[i].take(said, future, &outcomes, scale, spent_ns),
                None => rolling.tallies[i].declined += 1,
            }
            if method == Method::Arima {
                arima = said.map(|said| said.probability);
            } else if let (Method::Pool, Some(said)) = (method, said) {
                let before = (rolling.record.band_inside, rolling.record.band_scored);
                rolling.score(&said, &training, &thresholds, &outcomes, future, arima.as_deref());
                let hits = (rolling.record.band_inside - before.0) as f64;
                inside = hits / (rolling.record.band_scored - before.1) as f64;
            }
        }
        if let Some(answer) = memory.pool.take() {
            let experts = answer.expert_probability.into_iter().next().unwrap_or_default();
            pending.push(Pending {
                complete_at: at + horizon,
                experts,
                outcomes,
                inside,
            });
        }
    }
    if rolling.origins == 0 {
        return Err(too_short);
    }
    Ok(Report {
        origins: rolling.origins,
        horizon_ms: horizon as i64 * history.step_ms,
        outcomes: rolling.outcomes,
        violations: rolling.violations,
        rows: plan
            .methods
            .iter()
            .zip(&rolling.tallies)
            .map(|(&method, tally)| tally.row(method))
            .collect(),
        record: rolling.record,
        state: memory.state.unwrap_or_default(),
    })
}

/// A pool forecast whose future is not complete yet.
struct Pending {
    complete_at: usize,
    experts: Vec<[f64; EXPERTS]>,
    outcomes: Vec<bool>,
    /// Share of the future's values inside the 95 % band.
    inside: f64,
}

#[derive(Default)]
struct Rolling {
    horizon: usize,
    origins: usize,
    outcomes: usize,
    violations: usize,
    tallies: Vec<Tally>,
    record: TrackRecord,
}

impl Rolling {
    /// Takes our forecast into the track record, beside what the rivals said at the same origin.
    fn score(
        &mut self,
        said: &Said,
        training: &History,
        thresholds: &[Threshold],
        outcomes: &[bool],
        future: &[f64],
        arima: Option<&[f64]>,
    ) {
        let last = training.last_value();
        for (i, threshold) in thresholds.iter().enumerate() {
            self.record.score(&Scored {
                probability: said.probability[i],
                last_value: f64::from(u8::from(threshold.is_left_by(last))),
                base_rate: Some(base_rate(&training.slots, self.horizon, threshold)),
                arima: arima.map(|p| p[i]),
                violated: outcomes[i],
            });
        }
        let Some(bands) = &said.bands else { return };
        for (j, value) in future.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let inside = covers(bands[0][j], bands[LEVELS.len() - 1][j], *value);
            self.record.score_band(inside, mean_pinball(bands, j, *value));
        }
    }
}

/// Sums of one method.
#[derive(Debug, Clone, Default)]
struct Tally {
    answered: usize,
    declined: usize,
    scaled_error: f64,
    scaled: usize,
    pinball: f64,
    values: usize,
    inside: usize,
    banded: usize,
    pairs: Vec<(f64, bool)>,
    spent_ns: u64,
}

impl Tally {
    fn take(&mut self, said: &Said, future: &[f64], outcomes: &[bool], scale: Option<f64>, spent_ns: u64) {
        self.answered += 1;
        self.spent_ns += spent_ns;
        self.pairs
            .extend(said.probability.iter().copied().zip(outcomes.iter().copied()));
        for (j, value) in future.iter().copied().enumerate().filter(|(_, v)| v.is_finite()) {
            if let Some(scale) = scale {
                self.scaled_error += (value - said.point[j]).abs() / scale;
                self.scaled += 1;
            }
            self.values += 1;
            if let Some(bands) = &said.bands {
                self.pinball += mean_pinball(bands, j, value);
                self.banded += 1;
                self.inside += usize::from(covers(bands[0][j], bands[LEVELS.len() - 1][j], value));
            } else {
                let sum: f64 = LEVELS.iter().map(|&level| pinball(level, said.point[j], value)).sum();
                self.pinball += sum / LEVELS.len() as f64;
            }
        }
    }

    fn row(&self, method: Method) -> MethodRow {
        let mean = |sum: f64, count: usize| (count > 0 && sum.is_finite()).then(|| sum / count as f64);
        let calibration = calibration_table(&self.pairs, CALIBRATION_BINS);
        MethodRow {
            method,
            answered: self.answered,
            declined: self.declined,
            mase: mean(self.scaled_error, self.scaled),
            pinball: mean(self.pinball, self.values),
            brier: mean(
                self.pairs.iter().map(|&(p, left)| brier(p, left)).sum(),
                self.pairs.len(),
            ),
            calibration_error: (!calibration.is_empty()).then(|| calibration_error(&calibration)),
            calibration,
            coverage: mean(self.inside as f64, self.banded),
            cost_ms: mean(self.spent_ns as f64 / 1e6, self.answered),
        }
    }
}

fn mean_pinball(bands: &[Vec<f64>], j: usize, value: f64) -> f64 {
    let sum: f64 = LEVELS
        .iter()
        .zip(bands)
        .map(|(&level, row)| pinball(level, row[j], value))
        .sum();
    sum / LEVELS.len() as f64
}

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
