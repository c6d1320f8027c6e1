//! Forecasts and learned weights in the ledger store.

use std::collections::HashMap;

use sla_analysis::pool::PoolState;
use sla_domain::SeriesId;
use sla_domain::objective::ObjectiveId;
use sla_proto::Peer;
use sla_proto::convert::{millis, timestamp};
use sla_proto::storage::v1::{
    GetModelsRequest, ListForecastsRequest, Model, PutForecastsRequest, PutModelsRequest, ScoreForecastsRequest,
    ScoredForecast,
};

use crate::error::SlaError;
use crate::options::MAX_LEDGER_ROWS_PER_WRITE;
use crate::outlook::board::OutlookKey;

/// A forecast of a series is stored this often, milliseconds: five overlap within the usual horizon.
pub const STORE_EVERY_MS: i64 = 120_000;
/// Rows of a page.
const PAGE_ROWS: u32 = 1_000;
/// Most pages of scored forecasts read for one objective: what is older says little about today.
const MAX_PAGES: usize = 10;
/// Series of one request for models.
const SERIES_PER_REQUEST: usize = 1_000;

/// Forecasts of one objective, scored and pending, by series. Those of other generations are left out.
pub async fn load(
    peer: &Peer,
    objective: &ObjectiveId,
    generation: u32,
) -> Result<HashMap<SeriesId, Vec<ScoredForecast>>, SlaError> {
    let mut found: HashMap<SeriesId, Vec<ScoredForecast>> = HashMap::new();
    let mut page_token = String::new();
    for _ in 0..MAX_PAGES {
        let answer = peer
            .ledger()
            .list_forecasts(ListForecastsRequest {
                objective_id: objective.as_str().to_owned(),
                page_size: PAGE_ROWS,
                page_token,
                ..ListForecastsRequest::default()
            })
            .await
            .map_err(|status| SlaError::upstream("read the forecasts", status))?
            .into_inner();
        for forecast in answer.forecasts {
            if forecast.generation != generation {
                continue;
            }
            if let Some(series) = SeriesId::from_slice(&forecast.series_id) {
                found.entry(series).or_default().push(forecast);
            }
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// Inserts forecasts; durable when it returns.
pub async fn put(peer: &Peer, forecasts: &[ScoredForecast]) -> Result<(), SlaError> {
    for rows in forecasts.chunks(MAX_LEDGER_ROWS_PER_WRITE) {
        peer.ledger()
            .put_forecasts(PutForecastsRequest {
                forecasts: rows.to_vec(),
            })
            .await
            .map_err(|status| SlaError::upstream("store forecasts", status))?;
    }
    Ok(())
}

/// Writes outcomes; durable when it returns.
pub async fn score(peer: &Peer, forecasts: &[ScoredForecast]) -> Result<(), SlaError> {
    for rows in forecasts.chunks(MAX_LEDGER_ROWS_PER_WRITE) {
        peer.ledger()
            .score_forecasts(ScoreForecastsRequest {
                forecasts: rows.to_vec(),
            })
            .await
            .map_err(|status| SlaError::upstream("score forecasts", status))?;
    }
    Ok(())
}

/// The name under which the weights of an objective are kept.
pub fn model_kind(objective: &ObjectiveId, generation: u32) -> String {
    format!("pool/{objective}/{generation}")
}

/// Learned weights of the series of one objective, and when they were learned (Unix milliseconds).
pub async fn load_models(
    peer: &Peer,
    objective: &ObjectiveId,
    generation: u32,
    series: &[SeriesId],
) -> Result<HashMap<SeriesId, (PoolState, i64)>, SlaError> {
    let mut found = HashMap::new();
    for ids in series.chunks(SERIES_PER_REQUEST) {
        let answer = peer
            .ledger()
            .get_models(GetModelsRequest {
                kind: model_kind(objective, generation),
                series_ids: ids.iter().map(|id| id.0.to_vec()).collect(),
            })
            .await
            .map_err(|status| SlaError::upstream("read learned weights", status))?
            .into_inner();
        for model in answer.models {
            // Weights of another version of the pool start anew.
            if let (Some(id), Some(state)) = (
                SeriesId::from_slice(&model.series_id),
                PoolState::from_flat(&model.numbers),
            ) {
                found.insert(id, (state, model.learned.as_ref().map_or(0, millis)));
            }
        }
    }
    Ok(found)
}

/// Keeps learned weights; durable when it returns.
pub async fn put_models(peer: &Peer, learned: &[(OutlookKey, PoolState, i64)]) -> Result<(), SlaError> {
    for rows in learned.chunks(MAX_LEDGER_ROWS_PER_WRITE) {
        let models = rows
            .iter()
            .map(|(key, state, learned_ms)| Model {
                kind: model_kind(&key.objective, key.generation),
                series_id: key.series.0.to_vec(),
                numbers: state.to_flat(),
                learned: Some(timestamp(*learned_ms)),
            })
            .collect();
        peer.ledger()
            .put_models(PutModelsRequest { models })
            .await
            .map_err(|status| SlaError::upstream("store learned weights", status))?;
    }
    Ok(())
}
