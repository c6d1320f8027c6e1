//! Predicted points outside a range, from the classic forecast: the max bound is held against the forecast of the max,
//! the min bound against that of the min (semantics §11).

use sla_domain::range::AllowedRange;
use sla_proto::convert::millis;
use sla_proto::result::v1::{Forecast, ForecastLine};
use sla_proto::violation::v1 as pb;

/// Beyond this horizon a classic forecast that ends before it counts nothing, milliseconds; within it the newest one may end a
/// little before.
pub(crate) const CLASSIC_HORIZON_MS: i64 = 3_600_000;

/// What a classic forecast says about a range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predicted {
    /// Points outside, by time.
    pub points: Vec<pb::PredictedPoint>,
    /// Those in a row, on one side, are one violation. `None` without a forecast of what is judged.
    pub violations: Option<u32>,
}

/// Points of the classic forecast within (`at_ms`, `at_ms` + `horizon_ms`] that lie outside. Nothing when it is about the
/// rate and the objective about the raw values, or the other way round.
pub fn predicted(forecast: &Forecast, range: &AllowedRange, rate: bool, at_ms: i64, horizon_ms: i64) -> Predicted {
    // Half a horizon counted would be told as the whole of it.
    let reaches_ms = [&forecast.max, &forecast.min]
        .into_iter()
        .filter_map(|line| millis(line.as_ref()?.points.last()?.time.as_ref()?).checked_sub(at_ms))
        .max();
    let is_short = horizon_ms > CLASSIC_HORIZON_MS && reaches_ms.is_none_or(|reaches_ms| reaches_ms < horizon_ms);
    if forecast.of_rate != rate || is_short {
        return Predicted::default();
    }
    let mut points = Vec::new();
    let mut violations = 0;
    let mut collect = |line: Option<&ForecastLine>, side: pb::Side, outside: &dyn Fn(f64) -> bool| {
        let mut goes_on = false;
        for point in line.map(|line| line.points.as_slice()).unwrap_or_default() {
            let Some(time) = point.time else { continue };
            let ahead_ms = millis(&time).saturating_sub(at_ms);
            let is_outside = point.value.is_finite() && (1..=horizon_ms).contains(&ahead_ms) && outside(point.value);
            violations += u32::from(is_outside && !goes_on);
            goes_on = is_outside;
            if is_outside {
                points.push(pb::PredictedPoint {
                    time: Some(time),
                    value: point.value,
                    side: side.into(),
                });
            }
        }
    };
    if let Some(max) = range.max() {
        collect(forecast.max.as_ref(), pb::Side::Above, &|value| value > max);
    }
    if let Some(min) = range.min() {
        collect(forecast.min.as_ref(), pb::Side::Below, &|value| value < min);
    }
    points.sort_by_key(|point| point.time.as_ref().map_or(i64::MAX, millis));
    Predicted {
        points,
        violations: Some(violations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::convert::timestamp;
    use sla_proto::result::v1::ForecastPoint;

    fn line(values: &[f64]) -> ForecastLine {
        let points = values
            .iter()
            .enumerate()
            .map(|(at, &value)| ForecastPoint {
                time: Some(timestamp((at as i64 + 1) * 120_000)),
                value,
                low: value - 1.0,
                high: value + 1.0,
            })
            .collect();
        ForecastLine {
            points,
            ..ForecastLine::default()
        }
    }

    #[test]
    fn each_bound_has_its_own_line() {
        let forecast = Forecast {
            mean: Some(line(&[9.0; 6])),
            max: Some(line(&[3.0, 4.0, 5.0, f64::NAN, 6.0, 7.0])),
            min: Some(line(&[2.0, 0.5, 2.0, 2.0, 2.0, 2.0])),
            ..Forecast::default()
        };
        let range = AllowedRange::new(Some(1.0), Some(4.0)).unwrap();
        let found = predicted(&forecast, &range, false, 0, 600_000);
        let points = &found.points;
        let told: Vec<_> = points
            .iter()
            .map(|p| (millis(p.time.as_ref().unwrap()), p.value, p.side()))
            .collect();
        assert_eq!(
            told,
            [
                (240_000, 0.5, pb::Side::Below),
                (360_000, 5.0, pb::Side::Above),
                (600_000, 6.0, pb::Side::Above)
            ],
            "the mean line judges nothing, bounds are inclusive, the horizon ends"
        );
        assert_eq!(
            found.violations,
            Some(3),
            "one below, two above with a hole between them"
        );
        assert_eq!(predicted(&forecast, &range, true, 0, 600_000), Predicted::default());
    }
}
