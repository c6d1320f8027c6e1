//! What came of forecasts: outcomes judged on raw samples, and what may be claimed from them (semantics §11).

use sla_analysis::scoring::{Rival, Scored, TrackRecord, Verdict, covers, pinball};
use sla_domain::Samples;
use sla_domain::Standing;
use sla_domain::evaluation::{Judgement, evaluate, state_at};
use sla_domain::objective::MissingPolicy;
use sla_domain::range::Side;
use sla_domain::window::Window;
use sla_proto::convert::millis;
use sla_proto::storage::v1::ScoredForecast;
use sla_proto::violation::v1 as pb;

/// A horizon without a violation counts as kept only when at least this share of it is known.
const KNOWN_SHARE: f64 = 0.9;
/// The levels of the stored band.
const BAND: (f64, f64) = (0.025, 0.975);

/// What came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Whether the range was left, or stayed left, within the horizon.
    pub left: bool,
    /// Whether that was above its greatest value …
    pub above: bool,
    /// … or below its least one. Both are possible.
    pub below: bool,
    /// The value that held at its end.
    pub value: Option<f64>,
}

/// The outcome of a forecast made at `made_ms`; `None` when too little of its horizon is known to say.
pub fn outcome(samples: &Samples, judgement: &Judgement, made_ms: i64, horizon_ms: i64) -> Option<Outcome> {
    // Whatever unknown time counts as for the agreement, it proves nothing about a forecast.
    let judgement = match judgement.missing {
        MissingPolicy::Hold { .. } => *judgement,
        _ => judgement.with_missing(MissingPolicy::Gap),
    };
    let end_ms = made_ms.saturating_add(horizon_ms);
    let window = Window {
        end_ms,
        length_ms: horizon_ms,
    };
    let evaluation = evaluate(samples, &judgement, window);
    let left = !evaluation.intervals.is_empty();
    if !left && evaluation.coverage() < KNOWN_SHARE {
        return None;
    }
    let on = |side| evaluation.intervals.iter().any(|interval| interval.side == side);
    Some(Outcome {
        left,
        above: on(Side::Above),
        below: on(Side::Below),
        value: state_at(samples, &judgement, end_ms).value(),
    })
}

/// Takes a scored forecast into a record; one without an outcome changes nothing.
pub fn add(record: &mut TrackRecord, forecast: &ScoredForecast) {
    let Some(violated) = forecast.left else { return };
    let taken = record.score(&Scored {
        probability: forecast.probability,
        last_value: forecast.last_value_probability,
        base_rate: Some(forecast.base_rate_probability),
        arima: forecast.arima_probability,
        provider: forecast.provider_probability,
        violated,
    });
    record.hindsight += u64::from(taken && forecast.backtest);
    if let (Some(low), Some(high), Some(value)) = (forecast.band_low, forecast.band_high, forecast.value) {
        let loss = f64::midpoint(pinball(BAND.0, low, value), pinball(BAND.1, high, value));
        record.score_band(covers(low, high, value), loss);
    }
}

/// The record of forecasts in any order: it depends on neighbours in time, so they are sorted first.
pub fn of_forecasts(mut forecasts: Vec<ScoredForecast>) -> TrackRecord {
    forecasts.sort_by_key(|forecast| forecast.made.as_ref().map_or(i64::MIN, millis));
    let mut record = TrackRecord::default();
    for forecast in &forecasts {
        add(&mut record, forecast);
    }
    record
}

/// What the record allows, for the state.
pub fn standing(record: &TrackRecord) -> Standing {
    match record.verdict() {
        Verdict::Unproven { .. } => Standing::Unproven,
        Verdict::Proven => Standing::Proven,
        Verdict::Withheld => Standing::Withheld,
    }
}

/// The record as the contract tells it.
pub fn message(record: &TrackRecord) -> pb::TrackRecord {
    let trust = match record.verdict() {
        Verdict::Unproven { .. } => pb::Trust::Unproven,
        Verdict::Proven => pb::Trust::Proven,
        Verdict::Withheld => pb::Trust::Withheld,
    };
    let provider = record.against(Rival::Provider);
    pb::TrackRecord {
        trust: trust.into(),
        scored: u32::try_from(record.scored).unwrap_or(u32::MAX),
        violations: u32::try_from(record.violations).unwrap_or(u32::MAX),
        right: u32::try_from(record.right).unwrap_or(u32::MAX),
        brier: record.brier(),
        brier_last_value: record.against(Rival::LastValue).brier(),
        brier_base_rate: record.against(Rival::BaseRate).brier(),
        brier_arima: record.against(Rival::Arima).brier(),
        coverage_95: record.coverage(),
        hindsight: u32::try_from(record.hindsight).unwrap_or(u32::MAX),
        text: words(record),
        better: better(record),
        provider_scored: u32::try_from(provider.scored).unwrap_or(u32::MAX),
        brier_provider: provider.brier(),
        brier_beside_provider: provider.ours(),
    }
}

/// A new objective's record begins with what its forecasts would have been over the stored history, and that is said.
fn seeded(record: &TrackRecord) -> String {
    match record.hindsight {
        0 => String::new(),
        all if all == record.scored => ", all over stored history".to_owned(),
        some => format!(", {some} of them over stored history"),
    }
}

/// The share of the error of `as it is now` that the forecasts avoided; `None` where that made no error.
fn skill(record: &TrackRecord) -> Option<f64> {
    let (own, rival) = (record.brier()?, record.against(Rival::LastValue).brier()?);
    (rival > 0.0).then(|| 1.0 - own / rival)
}

/// The same where it is better beyond chance.
fn better(record: &TrackRecord) -> Option<f64> {
    let (_, high) = record.against(Rival::LastValue).interval()?;
    skill(record).filter(|_| high < 0.0)
}

/// `42 % better than last value (61 scored)`, `unproven (12 scored, 1 violation)`, `withheld: worse than last value`.
pub fn words(record: &TrackRecord) -> String {
    match record.verdict() {
        Verdict::Unproven { scored, violations } => {
            let plural = if violations == 1 { "" } else { "s" };
            format!(
                "unproven ({scored} scored, {violations} violation{plural}{})",
                seeded(record)
            )
        }
        Verdict::Withheld => format!(
            "withheld: worse than last value ({} scored{})",
            record.scored,
            seeded(record)
        ),
        Verdict::Proven => {
            // Not how often it was right: of what hardly ever leaves its range everything is.
            let compared = better(record).map_or_else(
                || "as good as".to_owned(),
                |share| format!("{:.0} % better than", share * 100.0),
            );
            format!("{compared} last value ({} scored{})", record.scored, seeded(record))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::range::AllowedRange;
    use sla_proto::convert::timestamp;

    fn judgement() -> Judgement {
        Judgement::new(AllowedRange::at_most(4.0).unwrap(), 30_000)
    }

    fn samples(values: &[f64]) -> Samples {
        Samples::from_columns((0..values.len() as i64).map(|i| i * 15_000).collect(), values.to_vec())
    }

    #[test]
    fn outcomes_come_from_raw_samples_and_the_unknown_is_not_scored() {
        let quiet = samples(&[1.0; 50]);
        assert_eq!(
            outcome(&quiet, &judgement(), 60_000, 600_000),
            Some(Outcome {
                left: false,
                above: false,
                below: false,
                value: Some(1.0)
            })
        );
        let mut values = [1.0; 50];
        values[20] = 9.0;
        let came = outcome(&samples(&values), &judgement(), 60_000, 600_000).unwrap();
        assert!(came.left && came.above && !came.below);
        // Outside before and still: it stays left.
        assert!(
            outcome(&samples(&[9.0; 5]), &judgement(), 60_000, 600_000)
                .unwrap()
                .left
        );
        assert_eq!(
            outcome(&samples(&[1.0; 10]), &judgement(), 60_000, 600_000),
            None,
            "most of it is unknown"
        );
        let counted_good = judgement().with_missing(MissingPolicy::Good);
        assert_eq!(outcome(&samples(&[1.0; 10]), &counted_good, 60_000, 600_000), None);
    }

    fn forecast(at: i64, probability: f64, last_value: f64, left: bool) -> ScoredForecast {
        ScoredForecast {
            made: Some(timestamp(at * 60_000)),
            probability,
            last_value_probability: last_value,
            base_rate_probability: 0.2,
            band_low: Some(0.0),
            band_high: Some(2.0),
            left: Some(left),
            value: Some(if left { 5.0 } else { 1.0 }),
            ..ScoredForecast::default()
        }
    }

    #[test]
    fn trust_follows_the_rule() {
        let sharp = |n: i64, every: i64| {
            let all = (0..n).map(|i| forecast(i, if i % every == 0 { 0.9 } else { 0.1 }, 0.0, i % every == 0));
            of_forecasts(all.collect())
        };
        assert_eq!(message(&sharp(12, 12)).trust(), pb::Trust::Unproven);
        assert_eq!(words(&sharp(12, 12)), "unproven (12 scored, 1 violation)");
        assert_eq!(
            message(&sharp(40, 10)).trust(),
            pb::Trust::Unproven,
            "four violations are too few"
        );
        let proven = message(&sharp(40, 5));
        assert_eq!(
            (proven.trust(), proven.right, proven.violations),
            (pb::Trust::Proven, 40, 8)
        );
        assert!(
            proven.text == "95 % better than last value (40 scored)",
            "{}",
            proven.text
        );
        assert_eq!(proven.coverage_95, Some(0.8));
        let wrong = (0..60)
            .map(|i| forecast(i, if i % 5 == 0 { 0.1 } else { 0.7 }, 0.0, i % 5 == 0))
            .collect();
        let withheld = of_forecasts(wrong);
        assert_eq!(standing(&withheld), Standing::Withheld);
        assert!(words(&withheld).starts_with("withheld"));
        let beside = (0..10).map(|i| ScoredForecast {
            provider_probability: (i > 4).then_some(if i == 5 { 0.0 } else { 1.0 }),
            ..forecast(i, 0.5, 0.0, true)
        });
        let beside = message(&of_forecasts(beside.collect()));
        assert_eq!(
            (
                beside.provider_scored,
                beside.brier_provider,
                beside.brier_beside_provider
            ),
            (5, Some(0.2), Some(0.25)),
            "both over the same forecasts"
        );
        let pending = ScoredForecast {
            left: None,
            ..forecast(1, 0.5, 0.0, true)
        };
        assert_eq!(of_forecasts(vec![pending]).scored, 0);
    }
}
