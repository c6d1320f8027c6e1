//! One series of one objective in a round: what is expected of it now, what came, what the past would have said.

use std::sync::Arc;

use sla_analysis::pool::{PoolState, Told};
use sla_analysis::scoring::covers;
use sla_domain::Samples;
use sla_domain::evaluation::Judgement;
use sla_domain::spacing;
use sla_proto::convert::{millis, timestamp};
use sla_proto::storage::v1::ScoredForecast;

use crate::evaluation::judge::judged_samples;
use crate::outlook::absence::Absence;
use crate::outlook::board::OutlookKey;
use crate::outlook::probability::{Asking, Expectation, arima_rival, expect, seed};
use crate::outlook::store::store_every_ms;
use crate::outlook::track_record::{Outcome, outcome};
use crate::samples::series::{HeldSeries, SeriesMemory};
use crate::sets::catalog::KnownObjective;

/// How often a horizon is looked at while it passes, at most: the usual one at every round.
const LOOKS_A_HORIZON: i64 = 100;

/// A forecast whose time has not come.
#[derive(Debug, Clone)]
pub(crate) struct WaitingForecast {
    pub(crate) forecast: ScoredForecast,
    /// What was said about each bound; unknown after a restart.
    pub(crate) told: Vec<Told>,
    /// Of each of these rows whether it is about the upper bound.
    pub(crate) uppers: Vec<bool>,
    pub(crate) pool_horizon_ms: i64,
    /// What came, once it is known.
    pub(crate) came: Option<Outcome>,
}

impl WaitingForecast {
    /// One that is made now.
    pub(crate) fn new(made_ms: i64, horizon_ms: i64, expected: &Expectation, arima: Option<f64>) -> Self {
        Self {
            forecast: ScoredForecast {
                made: Some(timestamp(made_ms)),
                horizon_ms,
                probability: expected.probability,
                last_value_probability: expected.last_value,
                base_rate_probability: expected.base_rate,
                arima_probability: arima,
                band_low: Some(expected.band.0),
                band_high: Some(expected.band.1),
                method: "pool".to_owned(),
                ..ScoredForecast::default()
            },
            told: expected.told.clone(),
            uppers: expected.uppers.clone(),
            pool_horizon_ms: expected.pool_horizon_ms,
            came: None,
        }
    }

    /// When it was made, Unix milliseconds.
    pub(crate) fn made_ms(&self) -> i64 {
        self.forecast.made.as_ref().map_or(i64::MAX, millis)
    }

    /// What came of it.
    pub(crate) fn settle(&mut self, came: Outcome) {
        self.forecast.left = Some(came.left);
        self.forecast.value = came.value;
        self.came = Some(came);
    }

    /// One of an earlier life of the process.
    pub(crate) fn recalled(forecast: ScoredForecast) -> Self {
        Self {
            forecast,
            told: Vec::new(),
            uppers: Vec::new(),
            pool_horizon_ms: 0,
            came: None,
        }
    }
}

/// What one computation brings.
pub(crate) struct Computed {
    pub(crate) expected: Result<Expectation, Absence>,
    pub(crate) arima: Option<f64>,
    pub(crate) outcomes: Vec<Option<Outcome>>,
}

/// What was known of a series when something was said of it, or that nothing can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The instant, Unix milliseconds.
    at_ms: i64,
    oldest_ms: Option<i64>,
    is_silent: bool,
}

/// One series of one objective in a round.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) known: Arc<KnownObjective>,
    pub(crate) series: Arc<SeriesMemory>,
    pub(crate) spacing_ms: i64,
    pub(crate) key: OutlookKey,
    /// The instant up to which its query was read.
    pub(crate) at_ms: i64,
    pub(crate) horizon_ms: i64,
}

impl Case {
    /// What is known now.
    pub(crate) fn basis(&self) -> Basis {
        let newest_ms = self.series.newest_ms().unwrap_or(i64::MIN);
        Basis {
            at_ms: self.at_ms,
            oldest_ms: self.series.oldest_ms(),
            is_silent: self.at_ms >= newest_ms.saturating_add(self.judgement().hold_ms()),
        }
    }

    /// Whether what was said on this basis holds no longer: a horizon is looked at a hundred times while it passes, and a series
    /// that fell silent, speaks again or has more of a past is told at once.
    pub(crate) fn is_due(&self, said: Basis) -> bool {
        let now = self.basis();
        let is_longer = now
            .oldest_ms
            .is_some_and(|now_ms| said.oldest_ms.is_none_or(|ms| now_ms < ms));
        !(0..self.horizon_ms / LOOKS_A_HORIZON).contains(&(now.at_ms - said.at_ms))
            || now.is_silent != said.is_silent
            || is_longer
    }

    pub(crate) fn judgement(&self) -> Judgement {
        Judgement::of_objective(&self.known.objective, spacing::cap_ms(self.spacing_ms))
    }

    /// What is judged, decoded, and whether that is the rate.
    pub(crate) fn judged(&self) -> (Arc<Samples>, bool) {
        let held = HeldSeries {
            spacing_ms: self.spacing_ms,
            ..self.series.held()
        };
        judged_samples(&self.known, &held)
    }

    /// Makes the drawn paths repeatable.
    pub(crate) fn seed(&self) -> u64 {
        seed(self.key.series)
    }
}

/// An outcome teaches the experts' weights, the last step and the width of the band; overlapping forecasts share one lesson.
pub(crate) fn learn(state: &mut PoolState, pending: &WaitingForecast) {
    let Some(came) = pending.came else { return };
    let horizon_ms = pending.forecast.horizon_ms;
    let shared = (store_every_ms(horizon_ms) as f64 / horizon_ms.max(1) as f64).min(1.0);
    let importance = shared / pending.told.len().max(1) as f64;
    // One row a bound, the upper one first; after a restart nobody knows any more what was said.
    for (told, is_upper) in pending.told.iter().zip(&pending.uppers) {
        let left = if *is_upper { came.above } else { came.below };
        state.record_mut(pending.pool_horizon_ms).learn(told, left, importance);
    }
    let band = (
        pending.forecast.band_low,
        pending.forecast.band_high,
        pending.forecast.value,
    );
    if let (Some(low), Some(high), Some(value)) = band {
        state.observe_band(if covers(low, high, value) { 1.0 } else { 0.0 });
    }
}

/// Says whose a row is.
pub(crate) fn name(row: &mut ScoredForecast, case: &Case) {
    case.key.objective.as_str().clone_into(&mut row.objective_id);
    row.generation = case.key.generation;
    row.series_id = case.key.series.0.to_vec();
}

/// What a round computes of a case, and whether that is about the rate.
pub(crate) fn compute(
    case: &Case,
    state: Option<&PoolState>,
    due: &[(i64, i64)],
    with_rival: bool,
) -> (Computed, bool) {
    let (judged, rate) = case.judged();
    let judgement = case.judgement();
    let asking = Asking {
        range: &case.known.objective.range,
        samples: &judged,
        at_ms: case.at_ms,
        horizon_ms: case.horizon_ms,
        cap_ms: judgement.hold_ms(),
        state,
        seed: case.seed(),
    };
    (ask(&asking, &judgement, due, with_rival), rate)
}

/// What is expected now, and what came of the forecasts that are `due` (when each was made, and how far it looked).
pub(crate) fn ask(asking: &Asking<'_>, judgement: &Judgement, due: &[(i64, i64)], with_rival: bool) -> Computed {
    let expected = expect(asking);
    let arima = if with_rival && expected.is_ok() {
        arima_rival(asking)
    } else {
        None
    };
    let came = |&(made_ms, horizon_ms): &(i64, i64)| outcome(asking.samples, judgement, made_ms, horizon_ms);
    Computed {
        expected,
        arima,
        outcomes: due.iter().map(came).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_analysis::pool::{EXPERTS, Said};

    #[test]
    fn an_outcome_moves_the_weights_towards_who_was_right() {
        let mut told = Told {
            experts: [f64::NAN; EXPERTS],
            said: Said {
                plain: 0.2,
                corrected: 0.2,
            },
        };
        told.experts[0] = 0.9;
        told.experts[1] = 0.1;
        let pending = |came: Option<Outcome>| WaitingForecast {
            forecast: ScoredForecast {
                horizon_ms: 600_000,
                band_low: Some(0.0),
                band_high: Some(1.0),
                value: Some(5.0),
                ..ScoredForecast::default()
            },
            told: vec![
                told,
                Told {
                    experts: [0.5; EXPERTS],
                    ..told
                },
            ],
            uppers: vec![true, false],
            pool_horizon_ms: 600_000,
            came,
        };
        let came = Outcome {
            left: true,
            above: true,
            below: false,
            value: Some(5.0),
        };
        let mut state = PoolState::default();
        learn(&mut state, &pending(None));
        assert_eq!(state, PoolState::default(), "what is unknown teaches nothing");
        for _ in 0..20 {
            learn(&mut state, &pending(Some(came)));
        }
        let gain = state.record_mut(600_000).gain;
        assert!(gain[0] > gain[1], "{gain:?}");
        assert!(state.band_factor > 1.0, "a band that misses is widened");
    }
}
