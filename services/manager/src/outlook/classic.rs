//! Predicted points outside a range, from the classic forecast: the max bound is held against the forecast of the max,
//! the min bound against that of the min (semantics §11). The role that analyses series makes the forecast, so that every
//! screen draws the same line.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sla_domain::SeriesId;
use sla_domain::range::AllowedRange;
use sla_proto::Peer;
use sla_proto::convert::{self, millis, timestamp};
use sla_proto::etl::v1::AnalyzeSeriesRequest;
use sla_proto::result::v1::{Forecast, ForecastLine, series_result};
use sla_proto::series::v1::Query;
use sla_proto::violation::v1 as pb;

use crate::error::SlaError;
use crate::options::READ_TIMEOUT;
use crate::outlook::case::Case;
use crate::samples::feed::wanted;
use crate::samples::wanted::QueryKey;
use crate::sets::catalog::KnownObjective;

/// They are asked for this often, milliseconds: the width of their bins.
const CLASSIC_EVERY_MS: i64 = 120_000;
/// The step asked for.
const STEP: &str = "forecast";

/// The newest classic forecasts.
#[derive(Debug, Default)]
pub(crate) struct ClassicForecasts {
    by_series: HashMap<(QueryKey, SeriesId), Forecast>,
    asked_ms: Option<i64>,
}

impl ClassicForecasts {
    /// Asks for those of all queries, when they are old or one is missing.
    pub(crate) async fn ask(&mut self, peer: &Peer, active: &[Arc<KnownObjective>], at_ms: i64) {
        let queries = wanted(active);
        let keys: HashSet<&QueryKey> = queries.iter().map(|want| &want.key).collect();
        self.by_series.retain(|(key, _), _| keys.contains(key));
        let known: HashSet<&QueryKey> = self.by_series.keys().map(|(key, _)| key).collect();
        let fresh = self
            .asked_ms
            .is_some_and(|asked| (0..CLASSIC_EVERY_MS).contains(&(at_ms - asked)));
        if fresh && keys.is_subset(&known) {
            return;
        }
        self.asked_ms = Some(at_ms);
        for want in queries {
            match forecasts(peer, want.message, at_ms).await {
                Ok(found) => {
                    let of_query = found
                        .into_iter()
                        .map(|(id, forecast)| ((want.key.clone(), id), forecast));
                    self.by_series.extend(of_query);
                }
                Err(error) => tracing::debug!(error = %error.words(), "no classic forecast"),
            }
        }
    }

    /// The points outside the range of a case; `rate` says what is judged.
    pub(crate) fn points_outside(&self, case: &Case, rate: bool) -> Vec<pb::PredictedPoint> {
        let key = (case.known.wanted.key.clone(), case.key.series);
        let forecast = self.by_series.get(&key);
        let range = &case.known.objective.range;
        forecast.map_or_else(Vec::new, |forecast| {
            points_outside(forecast, range, rate, case.at_ms, case.horizon_ms)
        })
    }
}

/// Classic forecasts of all series of a query, by series.
pub async fn forecasts(peer: &Peer, query: Query, at_ms: i64) -> Result<HashMap<SeriesId, Forecast>, SlaError> {
    let request = AnalyzeSeriesRequest {
        query: Some(query),
        at: Some(timestamp(at_ms)),
        steps: vec![STEP.to_owned()],
        ..AnalyzeSeriesRequest::default()
    };
    let read = async {
        let upstream = |status| SlaError::upstream("make a forecast", status);
        let mut stream = peer
            .analysis()
            .analyze_series(request)
            .await
            .map_err(upstream)?
            .into_inner();
        let mut found = HashMap::new();
        while let Some(message) = stream.message().await.map_err(upstream)? {
            let Some(result) = message.result else { continue };
            let id = result.series.as_ref().and_then(convert::series_id);
            if let (Some(id), Some(series_result::Outcome::Analysis(analysis))) = (id, result.outcome)
                && let Some(forecast) = analysis.forecast
            {
                found.insert(id, forecast);
            }
        }
        Ok(found)
    };
    tokio::time::timeout(READ_TIMEOUT, read)
        .await
        .map_err(|_| SlaError::SourceSlow { after: READ_TIMEOUT })?
}

/// Points of the classic forecast within (`at_ms`, `at_ms` + `horizon_ms`] that lie outside, by time. Nothing when it is
/// about the rate and the objective about the raw values, or the other way round.
pub fn points_outside(
    forecast: &Forecast,
    range: &AllowedRange,
    rate: bool,
    at_ms: i64,
    horizon_ms: i64,
) -> Vec<pb::PredictedPoint> {
    if forecast.of_rate != rate {
        return Vec::new();
    }
    let mut points = Vec::new();
    let mut collect = |line: Option<&ForecastLine>, side: pb::Side, outside: &dyn Fn(f64) -> bool| {
        for point in line.map(|line| line.points.as_slice()).unwrap_or_default() {
            let Some(time) = point.time else { continue };
            let ahead_ms = millis(&time).saturating_sub(at_ms);
            if point.value.is_finite() && (1..=horizon_ms).contains(&ahead_ms) && outside(point.value) {
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
    points
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let points = points_outside(&forecast, &range, false, 0, 600_000);
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
        assert!(points_outside(&forecast, &range, true, 0, 600_000).is_empty());
    }
}
