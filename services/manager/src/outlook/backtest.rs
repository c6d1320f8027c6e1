//! A new objective is scored at once: the same forecaster, asked at past instants, each time knowing only what came before.

use sla_analysis::pool::PoolState;
use sla_domain::Samples;
use sla_domain::evaluation::Judgement;
use sla_proto::storage::v1::ScoredForecast;

use crate::outlook::case::WaitingForecast;
use crate::outlook::probability::{Asking, arima_rival, expect};
use crate::outlook::track_record::outcome;

/// Past instants asked at.
pub const ORIGINS: i64 = 60;
/// The least history before the first of them, milliseconds (1 h).
const LEAST_HISTORY_MS: i64 = 3_600_000;
/// Share of the history that lies before the first instant.
const WARM_UP: i64 = 4;

/// What to go back over.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// What is judged.
    pub samples: &'a Samples,
    /// How it is judged.
    pub judgement: &'a Judgement,
    /// The present instant, Unix milliseconds.
    pub at_ms: i64,
    /// How far ahead each forecast looks, milliseconds.
    pub horizon_ms: i64,
    /// Makes the drawn paths repeatable.
    pub seed: u64,
}

/// The instants, oldest first: evenly apart, none closer than half a horizon, all with their outcome in the past.
pub fn origins(past: &Past<'_>) -> Vec<i64> {
    let Some(&first_ms) = past.samples.times_ms.first() else {
        return Vec::new();
    };
    let span_ms = past.at_ms.saturating_sub(first_ms);
    let from_ms = first_ms.saturating_add((span_ms / WARM_UP).max(LEAST_HISTORY_MS));
    let until_ms = past.at_ms.saturating_sub(past.horizon_ms);
    if until_ms <= from_ms {
        return Vec::new();
    }
    let apart_ms = ((until_ms - from_ms) / ORIGINS).max(past.horizon_ms / 2).max(1);
    let count = (until_ms - from_ms) / apart_ms;
    (0..=count).rev().map(|back| until_ms - back * apart_ms).collect()
}

/// Forecasts at `origins` (in order) with their outcomes, without the names of objective and series, and what was
/// learned before the first of them: all of them stand on it, so nothing is looked up that was not known then. Give the
/// state back for the next part of the origins. `stop` is asked before each.
pub fn backtest(
    past: &Past<'_>,
    origins: &[i64],
    mut state: Option<PoolState>,
    stop: &dyn Fn() -> bool,
) -> (Vec<ScoredForecast>, Option<PoolState>) {
    let mut out = Vec::new();
    for &made_ms in origins {
        if stop() {
            break;
        }
        let asking = Asking {
            range: &past.judgement.range,
            samples: past.samples,
            at_ms: made_ms,
            horizon_ms: past.horizon_ms,
            cap_ms: past.judgement.hold_ms(),
            state: state.as_ref(),
            seed: past.seed,
        };
        let Ok(expected) = expect(&asking) else { continue };
        if let Some(came) = outcome(past.samples, past.judgement, made_ms, past.horizon_ms) {
            let mut said = WaitingForecast::new(made_ms, past.horizon_ms, &expected, arima_rival(&asking));
            said.settle(came);
            said.forecast.backtest = true;
            out.push(said.forecast);
        }
        state = Some(expected.state);
    }
    (out, state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outlook::track_record::of_forecasts;
    use sla_domain::range::AllowedRange;
    use sla_proto::convert::millis;

    const STEP_MS: i64 = 30_000;

    /// Ten hours with a daily-looking bump every 80 min.
    fn samples() -> Samples {
        let values = (0..1200_i32).map(|i| if i % 160 > 120 { 9.0 } else { 1.0 } + f64::from(i * 31 % 17) / 17.0);
        Samples::from_columns((0..1200).map(|i| i * STEP_MS).collect(), values.collect())
    }

    fn judgement() -> Judgement {
        Judgement::new(AllowedRange::at_most(5.0).unwrap(), 2 * STEP_MS)
    }

    fn past<'a>(samples: &'a Samples, judgement: &'a Judgement) -> Past<'a> {
        Past {
            samples,
            judgement,
            at_ms: 1199 * STEP_MS,
            horizon_ms: 600_000,
            seed: 7,
        }
    }

    #[test]
    fn past_forecasts_are_scored_and_the_present_is_not_asked() {
        let (samples, judgement) = (samples(), judgement());
        let past = past(&samples, &judgement);
        let origins = origins(&past);
        assert!(origins.windows(2).all(|pair| pair[1] - pair[0] >= 300_000));
        assert!(*origins.last().unwrap() + 600_000 <= past.at_ms);
        let (first, state) = backtest(&past, &origins[..10], None, &|| false);
        let (mut scored, _) = backtest(&past, &origins[10..], state, &|| false);
        scored.extend(first);
        assert!(scored.len() > 30, "{}", scored.len());
        assert!(scored.iter().all(|f| f.backtest && f.left.is_some()));
        assert!(scored.iter().all(|f| millis(f.made.as_ref().unwrap()) >= 3_600_000));
        let record = of_forecasts(scored);
        assert!(record.violations >= 5 && record.scored > record.violations);
        assert!(
            record.brier().unwrap() < 0.25,
            "a repeating bump is learned: {:?}",
            record.brier()
        );
    }

    #[test]
    fn it_can_be_stopped_and_needs_history() {
        let (samples, judgement) = (samples(), judgement());
        let past = past(&samples, &judgement);
        assert!(backtest(&past, &origins(&past), None, &|| true).0.is_empty());
        let young = Past {
            at_ms: 3_600_000,
            ..past
        };
        assert!(super::origins(&young).is_empty());
    }
}
