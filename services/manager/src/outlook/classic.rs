//! Predicted points outside a range, from the classic forecast: the max bound is held against the forecast of the max,
//! the min bound against that of the min (semantics §11). The role that analyses series makes the forecast, so that every
//! screen draws the same line.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sla_domain::SeriesId;
use sla_proto::Peer;
use sla_proto::convert::{self, timestamp};
use sla_proto::etl::v1::AnalyzeSeriesRequest;
use sla_proto::result::v1::{Forecast, series_result};
use sla_proto::series::v1::Query;

use crate::error::SlaError;
use crate::options::READ_TIMEOUT;
use crate::outlook::case::Case;
use crate::outlook::predicted::{Predicted, predicted};
use crate::samples::wanted::QueryKey;
use crate::sets::catalog::{KnownObjective, wanted};

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

    /// What is predicted of a case; `rate` says what is judged.
    pub(crate) fn predicted(&self, case: &Case, rate: bool) -> Predicted {
        let key = (case.known.wanted.key.clone(), case.key.series);
        let forecast = self.by_series.get(&key);
        let range = &case.known.objective.range;
        forecast.map_or_else(Predicted::default, |forecast| {
            predicted(forecast, range, rate, case.at_ms, case.horizon_ms)
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
