//! The outlook of objectives that are stored nowhere: from the samples at hand, with the weights every series starts
//! from. A stored objective shows what its rounds have found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_analysis::pool::PoolState;
use sla_analysis::scoring::TrackRecord;
use sla_domain::SeriesId;
use sla_domain::objective::CounterMode;
use sla_proto::result::v1::Forecast;
use sla_proto::violation::v1 as pb;

use crate::evaluation::judge::JudgedObjective;
use crate::outlook::absence::Absence;
use crate::outlook::board::{OutlookBoard, OutlookKey, of_objective};
use crate::outlook::message;
use crate::outlook::predicted::{Predicted, predicted};
use crate::outlook::probability::{Asking, Drawing, Expectation, arima_rival, seed};

/// Drawings kept for the next key that is typed: 20 series on four screens, 150 KB each.
const MAX_DRAWINGS: usize = 80;
/// A drawing this much older is as good as a new one, milliseconds …
const SAME_MS: i64 = 5_000;
/// … unless history has grown by more than this many samples: older ones were read in the meantime.
const SAME_SAMPLES: usize = 16;

/// Which series was drawn, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct DrawnSeries {
    id: SeriesId,
    /// The rate, taken over this long (0: as long as usual); without it the value.
    rate_over_ms: Option<i64>,
    cap_ms: i64,
    horizon_ms: i64,
}

/// Drawn futures of the series somebody tries bounds on: while a bound is typed, only the bound changes.
#[derive(Debug, Default)]
pub struct Drawings(Mutex<HashMap<DrawnSeries, Arc<Drawing>>>);

impl Drawings {
    fn expect(&self, series: DrawnSeries, asking: &Asking<'_>) -> Result<Expectation, Absence> {
        let known = self.known().get(&series).cloned();
        let (times, _) = asking.samples.between(i64::MIN, asking.at_ms);
        let same = |drawing: &Arc<Drawing>| {
            (0..=SAME_MS).contains(&(asking.at_ms - drawing.at_ms))
                && times.len().abs_diff(drawing.samples) <= SAME_SAMPLES
        };
        if let Some(drawing) = known.filter(same) {
            return drawing.expect(asking);
        }
        let drawing = Arc::new(Drawing::new(asking)?);
        let mut known = self.known();
        if known.len() >= MAX_DRAWINGS && !known.contains_key(&series) {
            let oldest = known
                .iter()
                .min_by_key(|(_, drawing)| drawing.at_ms)
                .map(|(key, _)| *key);
            oldest.and_then(|key| known.remove(&key));
        }
        known.insert(series, drawing.clone());
        drop(known);
        drawing.expect(asking)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<DrawnSeries, Arc<Drawing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds an outlook to each series that is told, and to the objective that of the series that breaks first. With `board`
/// a stored objective shows what its rounds have found last. `horizon_ms` is that of objectives without their own.
pub(crate) fn add(
    board: Option<&OutlookBoard>,
    drawings: &Drawings,
    classic: &HashMap<SeriesId, Forecast>,
    objective: &JudgedObjective,
    status: &mut pb::ObjectiveStatus,
    horizon_ms: i64,
) {
    let known = &objective.known;
    let horizon_ms = known.objective.horizon_ms.unwrap_or(horizon_ms);
    let board = board.filter(|_| !known.set_id.is_empty());
    for (judged, told) in objective.series.iter().zip(&mut status.series) {
        let Some(samples) = judged.judged.as_deref() else {
            continue;
        };
        let key = OutlookKey::new(&known.objective, judged.head.id);
        if let Some(outlook) = board.and_then(|board| board.get(&key)) {
            told.outlook = Some(outlook.message.clone());
            continue;
        }
        let series = DrawnSeries {
            id: judged.head.id,
            rate_over_ms: judged.rate.then_some(match known.objective.counter {
                CounterMode::Rate { over_ms: Some(over_ms) } => over_ms,
                CounterMode::Rate { over_ms: None } | CounterMode::Raw => 0,
            }),
            cap_ms: judged.cap_ms,
            horizon_ms,
        };
        let asking = Asking {
            range: &known.objective.range,
            samples,
            at_ms: objective.at_ms,
            horizon_ms,
            cap_ms: judged.cap_ms,
            state: Some(&PoolState::default()),
            seed: seed(judged.head.id),
        };
        let expected = drawings.expect(series, &asking);
        let predicted = classic
            .get(&judged.head.id)
            .map_or_else(Predicted::default, |forecast| {
                predicted(
                    forecast,
                    &known.objective.range,
                    judged.rate,
                    objective.at_ms,
                    horizon_ms,
                )
            });
        let record = TrackRecord::default();
        let mut outlook = match expected {
            Ok(expected) => message::known(&expected, &record, predicted, objective.at_ms, horizon_ms),
            Err(absence) => message::unknown(absence, &record, predicted, objective.at_ms, horizon_ms),
        };
        outlook.message.arima_probability = arima_rival(&asking);
        told.outlook = Some(outlook.message);
    }
    status.outlook = of_objective(&status.series);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::asked::Asked;
    use crate::evaluation::judge::judge;
    use crate::evaluation::judge::tests::{held, known};
    use crate::evaluation::status::objective_status;
    use sla_domain::range::AllowedRange;
    use sla_proto::series::v1::SeriesKind;

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
        let drawings = Drawings::default();
        let outlook = |drawings: &Drawings, max: f64| {
            let known = known("x", AllowedRange::at_most(max).unwrap());
            let series = held("x", "a", SeriesKind::Gauge, 15_000, &points);
            let judged = judge(&known, &[series], &asked, &HashMap::new());
            let mut status = objective_status(&judged, 600_000, false, "");
            add(None, drawings, &HashMap::new(), &judged, &mut status, 600_000);
            status.outlook.unwrap()
        };
        let (near, far) = (outlook(&drawings, 20.0), outlook(&drawings, 1000.0));
        assert_eq!(drawings.known().len(), 1, "one series is drawn once");
        assert_eq!(
            far,
            outlook(&Drawings::default(), 1000.0),
            "a kept drawing says what a new one says"
        );
        assert!(
            near.probability.unwrap() > 0.8,
            "the saw crosses 20 in every period: {:?}",
            near.probability
        );
        assert!(far.probability.unwrap() < 0.2, "{:?}", far.probability);
        assert_eq!(near.track_record.unwrap().trust(), pb::Trust::Unproven);
    }
}
