//! The outlook of objectives that are stored nowhere: from the samples at hand, with the weights every series starts
//! from. A stored objective shows what its rounds have found.

use sla_analysis::pool::PoolState;
use sla_analysis::scoring::TrackRecord;
use sla_proto::violation::v1 as pb;

use crate::evaluation::judge::JudgedObjective;
use crate::outlook::board::{OutlookBoard, OutlookKey, breaks_first, brief};
use crate::outlook::message;
use crate::outlook::probability::{Asking, expect, seed};

/// Adds an outlook to each series that is told, and to the objective that of the series that breaks first.
pub fn add(board: &OutlookBoard, objective: &JudgedObjective, status: &mut pb::ObjectiveStatus, horizon_ms: i64) {
    let known = &objective.known;
    let stored = !known.set_id.is_empty();
    for (judged, told) in objective.series.iter().zip(&mut status.series) {
        let key = OutlookKey::new(&known.objective, judged.held.id);
        if let Some(outlook) = stored.then(|| board.get(&key)).flatten() {
            told.outlook = Some(outlook.message.clone());
            continue;
        }
        let expected = expect(&Asking {
            range: &known.objective.range,
            samples: &judged.judged,
            at_ms: objective.at_ms,
            horizon_ms,
            cap_ms: judged.cap_ms,
            state: Some(&PoolState::default()),
            seed: seed(judged.held.id),
        });
        let record = TrackRecord::default();
        let outlook = match expected {
            Ok(expected) => message::known(&expected, &record, Vec::new(), objective.at_ms, horizon_ms),
            Err(words) => message::unknown(words, &record, Vec::new(), objective.at_ms, horizon_ms),
        };
        told.outlook = Some(outlook.message);
    }
    status.outlook = status
        .series
        .iter()
        .filter_map(|series| series.outlook.as_ref())
        .min_by(|a, b| breaks_first(a, b))
        .map(brief);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::judge::Asked;
    use crate::evaluation::judge::judge;
    use crate::evaluation::judge::tests::{held, known};
    use crate::evaluation::status::objective_status;
    use sla_domain::range::AllowedRange;
    use sla_proto::series::v1::SeriesKind;
    use std::collections::HashMap;

    #[test]
    fn a_bound_that_is_tried_out_has_an_outlook_at_once() {
        let points: Vec<(i64, f64)> = (0..480_i32)
            .map(|i| (i64::from(i) * 15_000, f64::from(i % 40)))
            .collect();
        let asked = Asked {
            at_ms: 479 * 15_000,
            windows_ms: vec![3_600_000],
            cap_ms: None,
        };
        let outlook = |max: f64| {
            let known = known("x", AllowedRange::at_most(max).unwrap());
            let series = held("x", "a", SeriesKind::Gauge, 15_000, &points);
            let judged = judge(&known, vec![series], &asked, &HashMap::new());
            let mut status = objective_status(&judged, 600_000, false, "");
            add(&OutlookBoard::default(), &judged, &mut status, 600_000);
            status.outlook.unwrap()
        };
        let (near, far) = (outlook(20.0), outlook(1000.0));
        assert!(
            near.probability.unwrap() > 0.8,
            "the saw crosses 20 in every period: {:?}",
            near.probability
        );
        assert!(far.probability.unwrap() < 0.2, "{:?}", far.probability);
        assert_eq!(near.track_record.unwrap().trust(), pb::Trust::Unproven);
    }
}
