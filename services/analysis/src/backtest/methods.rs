//! What each method says at an origin, from the training part alone.

use super::plan::Method;
use crate::arima;
use crate::forecast::Forecast;
use crate::holt_winters;
use crate::normal;
use crate::pool::{History, LEVELS, PoolForecast, PoolState, Question, Side, Threshold, forecast};

/// Values that the classic fits look at, at most: 12 h at 15 s.
const CLASSIC_VALUES: usize = 2_880;
/// Season of Holt–Winters in slots: five, as in its two-minute configuration.
const HOLT_WINTERS_SEASON: usize = 5;
/// Window of the straight line.
const LINE_WINDOW_MS: i64 = 3_600_000;

/// An answer: all per slot of the horizon.
#[derive(Debug)]
pub(super) struct Said {
    /// Point forecast per slot.
    pub(super) point: Vec<f64>,
    /// One row per level of [`LEVELS`]; `None` for methods without bands.
    pub(super) bands: Option<Vec<Vec<f64>>>,
    /// Probability per threshold.
    pub(super) probability: Vec<f64>,
}

/// What methods keep from origin to origin.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) state: Option<PoolState>,
    pub(super) pool: Option<PoolForecast>,
    arima: Option<arima::Parameters>,
    holt_winters: Option<holt_winters::Parameters>,
}

/// The question at one origin.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    /// History up to the origin.
    pub(super) training: &'a History,
    /// Horizon in slots and in steps of the caller's samples.
    pub(super) horizon: usize,
    pub(super) horizon_steps: usize,
    /// Season in slots.
    pub(super) season: usize,
    pub(super) thresholds: &'a [Threshold],
    pub(super) seed: u64,
}

impl Origin<'_> {
    /// The answer of `method`; `None` when it has none.
    pub(super) fn ask(&self, method: Method, memory: &mut Memory) -> Option<Said> {
        match method {
            Method::LastValue => Some(self.certain(vec![self.training.last_value(); self.horizon])),
            Method::BaseRate => self.base_rate(),
            Method::SeasonalNaive => self.seasonal_naive(),
            Method::HoltWinters => self.holt_winters(memory),
            Method::Arima => self.arima(memory),
            Method::PredictLinear => self.line(),
            Method::Pool => self.pool(memory),
        }
    }

    /// A point forecast taken for certain.
    fn certain(&self, point: Vec<f64>) -> Said {
        let outside = |t: &Threshold| f64::from(u8::from(point.iter().any(|v| t.is_left_by(*v))));
        Said {
            probability: self.thresholds.iter().map(outside).collect(),
            bands: None,
            point,
        }
    }

    fn base_rate(&self) -> Option<Said> {
        let slots = &self.training.slots;
        let mut finite: Vec<f64> = slots.iter().copied().filter(|v| v.is_finite()).collect();
        finite.sort_unstable_by(f64::total_cmp);
        let quantile = |level: f64| finite[((finite.len() - 1) as f64 * level).round() as usize];
        if slots.len() <= self.horizon {
            return None;
        }
        let probability = self
            .thresholds
            .iter()
            .map(|t| base_rate(slots, self.horizon, t))
            .collect();
        let bands = LEVELS
            .iter()
            .map(|&level| vec![quantile(level); self.horizon])
            .collect();
        Some(Said {
            point: vec![quantile(0.5); self.horizon],
            bands: Some(bands),
            probability,
        })
    }

    fn seasonal_naive(&self) -> Option<Said> {
        let slots = &self.training.slots;
        if slots.len() < self.season {
            return None;
        }
        let point: Vec<f64> = (0..self.horizon)
            .map(|j| slots[slots.len() - self.season + j % self.season])
            .collect();
        // A gap a season ago leaves the last value.
        let last = self.training.last_value();
        Some(
            self.certain(
                point
                    .into_iter()
                    .map(|v| if v.is_finite() { v } else { last })
                    .collect(),
            ),
        )
    }

    fn holt_winters(&self, memory: &mut Memory) -> Option<Said> {
        let values = latest_run(&self.training.slots);
        let fit = match memory.holt_winters {
            Some(last) => holt_winters::warm_fit(values, HOLT_WINTERS_SEASON, last),
            None => holt_winters::fit(values, HOLT_WINTERS_SEASON),
        }
        .ok()?;
        memory.holt_winters = Some(fit.parameters);
        let forecast = padded(fit.forecast(self.horizon), self.horizon)?;
        let bands = gaussian_bands(&forecast);
        Some(Said {
            bands: Some(bands),
            ..self.certain(forecast.mean)
        })
    }

    fn arima(&self, memory: &mut Memory) -> Option<Said> {
        let values = latest_run(&self.training.slots);
        let order = arima::Order::new(1, 1, 1);
        let model = match &memory.arima {
            Some(last) => arima::warm_fit(values, order, last),
            None => arima::fit(values, order),
        }
        .ok()?;
        memory.arima = Some(model.parameters.clone());
        let forecast = padded(model.forecast(self.horizon), self.horizon)?;
        let within = |t: &Threshold| match t.side {
            Side::Upper => model.violation_within(self.horizon, None, Some(t.value)),
            Side::Lower => model.violation_within(self.horizon, Some(t.value), None),
        };
        let probability = self.thresholds.iter().map(within).collect();
        Some(Said {
            probability,
            bands: Some(gaussian_bands(&forecast)),
            point: forecast.mean,
        })
    }

    fn line(&self) -> Option<Said> {
        let slots = &self.training.slots;
        let window = ((LINE_WINDOW_MS / self.training.step_ms) as usize)
            .max(self.horizon)
            .max(2)
            .min(slots.len());
        let part = &slots[slots.len() - window..];
        // Times relative to the newest sample, so that the intercept is the value now.
        let (mut n, mut st, mut sv, mut stt, mut stv) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, v) in part.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let t = i as f64 + 1.0 - window as f64;
            n += 1.0;
            st += t;
            sv += v;
            stt += t * t;
            stv += t * v;
        }
        let spread = n * stt - st * st;
        if spread <= 0.0 {
            return None;
        }
        let slope = (n * stv - st * sv) / spread;
        let now = (sv - slope * st) / n;
        let point: Vec<f64> = (1..=self.horizon).map(|j| now + slope * j as f64).collect();
        point.iter().all(|v| v.is_finite()).then(|| self.certain(point))
    }

    fn pool(&self, memory: &mut Memory) -> Option<Said> {
        let question = Question::new(vec![self.horizon_steps], self.thresholds.to_vec());
        let (answer, state) = forecast(self.training, &question, memory.state.as_ref(), self.seed).ok()?;
        memory.state = Some(state);
        let slots: Vec<usize> = (1..=self.horizon)
            .map(|slot| ((slot as f64 * self.training.steps_per_slot) as usize).max(1))
            .collect();
        let pick = |row: Vec<f64>| {
            slots
                .iter()
                .map(|&step| row[step.min(row.len()) - 1])
                .collect::<Vec<f64>>()
        };
        let bands: Vec<Vec<f64>> = answer.value_per_step().into_iter().map(pick).collect();
        let said = Said {
            point: bands[LEVELS.len() / 2].clone(),
            bands: Some(bands),
            probability: answer.probability[0].clone(),
        };
        memory.pool = Some(answer);
        Some(said)
    }
}

/// Share of windows of `horizon` slots in which the threshold was left; 0 when the history is shorter.
pub(super) fn base_rate(slots: &[f64], horizon: usize, threshold: &Threshold) -> f64 {
    let (mut left, mut newest) = (0_usize, None);
    let windows = (slots.len() + 1).saturating_sub(horizon);
    for (i, v) in slots.iter().enumerate() {
        if threshold.is_left_by(*v) {
            newest = Some(i);
        }
        if i + 1 >= horizon && newest.is_some_and(|at| at + horizon > i) {
            left += 1;
        }
    }
    if windows == 0 {
        0.0
    } else {
        left as f64 / windows as f64
    }
}

/// The newest values without a gap, at most [`CLASSIC_VALUES`].
fn latest_run(slots: &[f64]) -> &[f64] {
    let from = slots.iter().rposition(|v| v.is_nan()).map_or(0, |gap| gap + 1);
    &slots[from.max(slots.len().saturating_sub(CLASSIC_VALUES))..]
}

/// A forecast cut by its method's own limit goes on with its last step; `None` when it is not finite.
fn padded(mut forecast: Forecast, horizon: usize) -> Option<Forecast> {
    let finite = forecast
        .mean
        .iter()
        .chain(&forecast.standard_error)
        .all(|v| v.is_finite());
    let (mean, error) = (*forecast.mean.last()?, *forecast.standard_error.last()?);
    forecast.mean.resize(horizon, mean);
    forecast.standard_error.resize(horizon, error);
    finite.then_some(forecast)
}

fn gaussian_bands(forecast: &Forecast) -> Vec<Vec<f64>> {
    LEVELS
        .iter()
        .map(|&level| {
            let z = normal::quantile(level);
            forecast
                .mean
                .iter()
                .zip(&forecast.standard_error)
                .map(|(m, s)| m + z * s)
                .collect()
        })
        .collect()
}
