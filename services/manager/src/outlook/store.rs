//! Forecasts in the ledger, and learned weights in the state of their objective.

use std::collections::HashMap;

use sla_analysis::pool::PoolState;
use sla_domain::SeriesId;
use sla_domain::objective::ObjectiveId;
use sla_proto::convert::{millis, timestamp};
use sla_proto::pieces::{PieceLimits, pieces};
use sla_proto::remembering::{body_of, numbers_of};
use sla_proto::storage::v1::{
    ListForecastsRequest, PutForecastsRequest, ScoreForecastsRequest, ScoredForecast, StateEntry,
};
use sla_proto::{Peer, remembering};

use crate::error::SlaError;
use crate::outlook::board::OutlookKey;

/// A forecast of a series is stored at most this often, milliseconds.
const STORE_EVERY_MS: i64 = 120_000;
/// So many overlap within a horizon: what is scored more often is one outcome counted again.
const STORED_A_HORIZON: i64 = 5;
/// Rows of a page.
const PAGE_ROWS: u32 = 1_000;
/// Most pages of scored forecasts read for one objective: what is older says little about today.
const MAX_PAGES: usize = 10;
/// Weights on which nobody has learned for so many days are forgotten.
const KEEP_DAYS: u32 = 90;

/// How often a forecast over `horizon_ms` is stored, milliseconds.
pub fn store_every_ms(horizon_ms: i64) -> i64 {
    STORE_EVERY_MS.max(horizon_ms / STORED_A_HORIZON)
}

/// Forecasts of one objective, scored and pending, by series. Those of other generations and over another horizon are left
/// out: a record is about one question.
pub async fn load(
    peer: &Peer,
    objective: &ObjectiveId,
    generation: u32,
    horizon_ms: i64,
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
            if forecast.generation != generation || forecast.horizon_ms != horizon_ms {
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
pub async fn put(peer: &Peer, fence: u64, forecasts: &[ScoredForecast]) -> Result<(), SlaError> {
    for forecasts in pieces(forecasts.iter().cloned(), PieceLimits::ROWS).fitting {
        peer.ledger()
            .put_forecasts(PutForecastsRequest { forecasts, fence })
            .await
            .map_err(|status| SlaError::upstream("store forecasts", status))?;
    }
    Ok(())
}

/// Writes outcomes; durable when it returns.
pub async fn score(peer: &Peer, fence: u64, forecasts: &[ScoredForecast]) -> Result<(), SlaError> {
    for forecasts in pieces(forecasts.iter().cloned(), PieceLimits::ROWS).fitting {
        peer.ledger()
            .score_forecasts(ScoreForecastsRequest { forecasts, fence })
            .await
            .map_err(|status| SlaError::upstream("score forecasts", status))?;
    }
    Ok(())
}

/// The name under which the weights of a series are kept.
fn item(generation: u32, series: SeriesId) -> String {
    format!("pool/{generation}/{}", series.to_hex())
}

/// Learned weights of the series of one objective, and when they were learned (Unix milliseconds).
pub async fn load_weights(
    peer: &Peer,
    objective: &ObjectiveId,
    generation: u32,
    series: &[SeriesId],
) -> Result<HashMap<SeriesId, (PoolState, i64)>, SlaError> {
    let named: HashMap<String, SeriesId> = series.iter().map(|&id| (item(generation, id), id)).collect();
    let keys: Vec<String> = named.keys().cloned().collect();
    let entries = remembering::recall(peer, objective.as_str(), &keys)
        .await
        .map_err(|status| SlaError::upstream("read learned weights", status))?;
    let mut found = HashMap::new();
    for entry in entries {
        // Weights of another version of the pool start anew.
        if let (Some(&id), Some(state)) = (named.get(&entry.key), PoolState::from_flat(&numbers_of(&entry.body))) {
            found.insert(id, (state, entry.written.as_ref().map_or(0, millis)));
        }
    }
    Ok(found)
}

/// Keeps learned weights; durable when it returns.
pub async fn put_weights(peer: &Peer, learned: &[(OutlookKey, PoolState, i64)]) -> Result<(), SlaError> {
    let entries = learned.iter().map(|(key, state, learned_ms)| StateEntry {
        objective_id: key.objective.as_str().to_owned(),
        key: item(key.generation, key.series),
        body: body_of(&state.to_flat()),
        written: Some(timestamp(*learned_ms)),
        keep_days: KEEP_DAYS,
    });
    remembering::remember(peer, entries)
        .await
        .map_err(|status| SlaError::upstream("store learned weights", status))
}
