//! What is asked of a backtest, and why it may be refused.

use crate::pool::{MAX_HORIZON_STEPS, MAX_THRESHOLDS, Threshold};
use thiserror::Error;

/// Origins by default: enough for a verdict with room for origins that fall into gaps.
pub const DEFAULT_ORIGINS: usize = 60;
/// Most origins of one backtest.
pub const MAX_ORIGINS: usize = 1_000;
/// Share of the training part below which a threshold is set when none is given.
pub const DEFAULT_QUANTILE: f64 = 0.95;

/// Methods that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// The newest value stays; probability 1 when it is outside now, else 0.
    LastValue,
    /// Climatology of the outcome: the share of past horizons in which the threshold was left; bands from all past values.
    BaseRate,
    /// The values of one season ago.
    SeasonalNaive,
    /// Additive Holt–Winters; probability 1 when a predicted point is outside, else 0.
    HoltWinters,
    /// ARIMA(1,1,1) by exact likelihood, joint Gaussian probability.
    Arima,
    /// A straight line through the last hour, as Prometheus' `predict_linear`; probability 0 or 1.
    PredictLinear,
    /// The online pool.
    Pool,
}

impl Method {
    /// All methods, simple ones first, ours last.
    pub const ALL: [Self; 7] = [
        Self::LastValue,
        Self::BaseRate,
        Self::SeasonalNaive,
        Self::HoltWinters,
        Self::Arima,
        Self::PredictLinear,
        Self::Pool,
    ];

    /// The name on screen and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastValue => "last-value",
            Self::BaseRate => "base-rate",
            Self::SeasonalNaive => "seasonal-naive",
            Self::HoltWinters => "holt-winters",
            Self::Arima => "arima",
            Self::PredictLinear => "predict_linear",
            Self::Pool => "pool",
        }
    }
}

/// Where thresholds come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Bounds {
    /// Those of an objective, the same at every origin.
    Given(Vec<Threshold>),
    /// Upper thresholds at these quantiles of the training part of each origin, each in (0, 1).
    TrainingQuantiles(Vec<f64>),
}

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Horizon in steps of the caller's samples, 1…[`MAX_HORIZON_STEPS`].
    pub horizon_steps: usize,
    /// Thresholds.
    pub bounds: Bounds,
    /// Origins at most, 1…[`MAX_ORIGINS`], spread evenly over the part after the first training part.
    pub most_origins: usize,
    /// Share of the history before the first origin, in (0, 1).
    pub first_training_share: f64,
    /// Season of seasonal-naive in steps of the caller's samples; `None`: one day.
    pub season_steps: Option<usize>,
    /// Methods, in the order of the report's rows.
    pub methods: Vec<Method>,
}

impl Plan {
    /// A plan for one horizon with all methods and defaults.
    pub fn new(horizon_steps: usize, bounds: Bounds) -> Self {
        Self {
            horizon_steps,
            bounds,
            most_origins: DEFAULT_ORIGINS,
            first_training_share: 0.5,
            season_steps: None,
            methods: Method::ALL.to_vec(),
        }
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// [`BacktestError::BadPlan`] names field, value and rule.
    pub fn check(&self) -> Result<(), BacktestError> {
        let bad = |field, value: String, rule| Err(BacktestError::BadPlan { field, value, rule });
        if self.horizon_steps == 0 || self.horizon_steps > MAX_HORIZON_STEPS {
            return bad(
                "horizon_steps",
                self.horizon_steps.to_string(),
                "a horizon is 1 to 21600 steps",
            );
        }
        if self.most_origins == 0 || self.most_origins > MAX_ORIGINS {
            return bad(
                "most_origins",
                self.most_origins.to_string(),
                "1 to 1000 origins are allowed",
            );
        }
        if !(self.first_training_share > 0.0 && self.first_training_share < 1.0) {
            return bad(
                "first_training_share",
                self.first_training_share.to_string(),
                "a share lies strictly inside 0 and 1",
            );
        }
        if self.season_steps == Some(0) {
            return bad("season_steps", "0".to_owned(), "a season has at least one step");
        }
        if self.methods.is_empty() {
            return bad("methods", "empty".to_owned(), "at least one method is compared");
        }
        let (count, odd) = match &self.bounds {
            Bounds::Given(thresholds) => (thresholds.len(), thresholds.iter().any(|t| t.value.is_nan())),
            Bounds::TrainingQuantiles(q) => (q.len(), q.iter().any(|q| !(*q > 0.0 && *q < 1.0))),
        };
        if count == 0 || count > MAX_THRESHOLDS {
            return bad("bounds", format!("{count} entries"), "1 to 64 thresholds are allowed");
        }
        if odd {
            return bad(
                "bounds",
                "NaN or outside (0, 1)".to_owned(),
                "a threshold is a number, a quantile lies inside 0 and 1",
            );
        }
        Ok(())
    }
}

/// Why a backtest cannot be run.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum BacktestError {
    /// The plan is outside its limits.
    #[error("{field} is {value}: {rule}")]
    BadPlan {
        /// Name of the field.
        field: &'static str,
        /// The value given, as text.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// Not one origin has both a training part and a complete future.
    #[error("{slots} steps of history are too few for a horizon of {horizon}: at least {needed} are needed")]
    TooShort {
        /// Steps of history at hand.
        slots: usize,
        /// Horizon in such steps.
        horizon: usize,
        /// Steps needed.
        needed: usize,
    },
}
