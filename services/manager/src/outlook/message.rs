//! An expectation as the contract tells it, with the trust it has earned.

use sla_analysis::scoring::TrackRecord;
use sla_domain::Standing;
use sla_domain::state::Risk;
use sla_proto::convert::{duration, timestamp};
use sla_proto::violation::v1 as pb;

use crate::outlook::absence::Absence;
use crate::outlook::board::KnownOutlook;
use crate::outlook::predicted::Predicted;
use crate::outlook::probability::Expectation;
use crate::outlook::track_record;

/// An outlook with a probability, unless the record forbids it.
pub fn known(
    expected: &Expectation,
    record: &TrackRecord,
    predicted: Predicted,
    at_ms: i64,
    horizon_ms: i64,
) -> KnownOutlook {
    let standing = track_record::standing(record);
    let shown = standing != Standing::Withheld;
    let message = pb::Outlook {
        horizon: Some(duration(horizon_ms)),
        probability: shown.then_some(expected.probability),
        first_crossing: expected.first_crossing_ms.filter(|_| shown).map(timestamp),
        track_record: Some(track_record::message(record)),
        method: expected.method.clone(),
        low_confidence: expected.low_confidence,
        problem: String::new(),
        made: Some(timestamp(at_ms)),
        fan: expected.fan.clone(),
        predicted_outside: predicted.points,
        predicted_violations: predicted.violations,
        no_outlook: pb::NoOutlook::Unspecified.into(),
        provider: None,
        value_at_end: Some(expected.value_at_end),
        arima_probability: None,
        absence: None,
    };
    // A short history may not turn a row to "at risk", however good its owner was before.
    let risk = (shown && !expected.low_confidence).then_some(Risk {
        probability: expected.probability,
        standing,
    });
    KnownOutlook { message, risk }
}

/// No outlook, and why.
pub fn unknown(
    absence: Absence,
    record: &TrackRecord,
    predicted: Predicted,
    at_ms: i64,
    horizon_ms: i64,
) -> KnownOutlook {
    KnownOutlook {
        message: pb::Outlook {
            horizon: Some(duration(horizon_ms)),
            track_record: Some(track_record::message(record)),
            problem: absence.words,
            no_outlook: absence.kind.into(),
            absence: absence.figures,
            made: Some(timestamp(at_ms)),
            predicted_outside: predicted.points,
            predicted_violations: predicted.violations,
            ..pb::Outlook::default()
        },
        risk: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_analysis::pool::PoolState;
    use sla_analysis::scoring::Scored;

    fn expected() -> Expectation {
        Expectation {
            probability: 0.8,
            first_crossing_ms: Some(300_000),
            fan: vec![pb::FanPoint::default()],
            value_at_end: 3.0,
            band: (1.0, 5.0),
            method: "pool".into(),
            low_confidence: false,
            last_value: 0.0,
            base_rate: 0.1,
            state: PoolState::default(),
            told: Vec::new(),
            uppers: Vec::new(),
            pool_horizon_ms: 600_000,
        }
    }

    fn record(probability: f64) -> TrackRecord {
        let mut record = TrackRecord::default();
        for i in 0..60 {
            record.score(&Scored {
                probability: if i % 6 == 0 { 1.0 - probability } else { probability },
                last_value: 0.0,
                base_rate: None,
                arima: None,
                provider: None,
                violated: i % 6 == 0,
            });
        }
        record
    }

    #[test]
    fn a_probability_is_shown_until_it_is_proven_wrong() {
        let unproven = known(&expected(), &TrackRecord::default(), Predicted::default(), 0, 600_000);
        assert_eq!(unproven.message.probability, Some(0.8));
        assert_eq!(unproven.risk.unwrap().standing, Standing::Unproven);
        let proven = known(&expected(), &record(0.05), Predicted::default(), 0, 600_000);
        assert_eq!(proven.risk.unwrap().standing, Standing::Proven);
        let withheld = known(&expected(), &record(0.8), Predicted::default(), 0, 600_000);
        assert_eq!(
            (
                withheld.message.probability,
                withheld.message.first_crossing,
                withheld.risk
            ),
            (None, None, None)
        );
        assert!(!withheld.message.fan.is_empty(), "the band is drawn all the same");
    }

    #[test]
    fn a_short_history_turns_no_row() {
        let short = Expectation {
            low_confidence: true,
            ..expected()
        };
        assert_eq!(
            known(&short, &record(0.05), Predicted::default(), 0, 600_000).risk,
            None
        );
        let none = unknown(
            Absence::no_history(),
            &TrackRecord::default(),
            Predicted::default(),
            0,
            600_000,
        );
        assert_eq!(
            (none.message.probability, none.message.problem.as_str()),
            (None, "no history")
        );
    }
}
