//! Forecasts: the first word about a time stands, and so does its first outcome.

use prost::Message as _;
use sla_proto::convert;
use sla_proto::storage::v1::ScoredForecast;

use super::listing::Listing;
use crate::error::StoreError;
use crate::port::{ForecastFilter, Page};
use crate::stored::decoded;
use crate::transaction::{Insert, Met, Transaction};
use crate::value::{Row, Value, values};

const LIST: &str = "SELECT made_ms, id, body FROM forecast WHERE ";
const UNSCORED: &str = "SELECT id, body FROM forecast WHERE objective_id = ? AND generation = ? \
     AND series = ? AND horizon_ms = ? AND made_ms = ? AND has_left IS NULL";
const SCORE: &str = "UPDATE forecast SET has_left = ?, body = ? WHERE id = ? AND has_left IS NULL";
const PUT: Insert = Insert {
    table: "forecast",
    key: &["objective_id", "generation", "series", "horizon_ms", "made_ms"],
    columns: &["due_ms", "has_left", "body"],
    met: Met::Keep,
};

fn key(forecast: &ScoredForecast) -> [Value<'_>; 5] {
    let made_ms = forecast.made.as_ref().map_or(0, convert::millis);
    values![
        &forecast.objective_id,
        forecast.generation,
        &forecast.series_id,
        forecast.horizon_ms,
        made_ms
    ]
}

/// Inserts forecasts and gives the number of new ones.
pub(super) fn put(tx: &mut dyn Transaction, forecasts: &[ScoredForecast]) -> Result<u32, StoreError> {
    let mut rows = Vec::with_capacity(forecasts.len() * PUT.width());
    for forecast in forecasts {
        let made_ms = forecast.made.as_ref().map_or(0, convert::millis);
        let due_ms = made_ms.saturating_add(forecast.horizon_ms);
        rows.extend(key(forecast));
        rows.extend(values![due_ms, forecast.left, forecast.encode_to_vec()]);
    }
    Ok(tx.insert(&PUT, &rows)? as u32)
}

/// Writes outcomes and gives the number of changed forecasts.
pub(super) fn score(tx: &mut dyn Transaction, outcomes: &[ScoredForecast]) -> Result<u32, StoreError> {
    let mut updated = 0;
    for outcome in outcomes {
        let rows = tx.lock(UNSCORED, &key(outcome))?;
        let Some(row) = rows.first() else { continue };
        let stored: ScoredForecast = decoded("forecast", row.bytes(1)?)?;
        let scored = ScoredForecast {
            left: outcome.left,
            value: outcome.value,
            ..stored
        };
        let id: i64 = row.number(0)?;
        updated += tx.execute(SCORE, &values![scored.left, scored.encode_to_vec(), id])? as u32;
    }
    Ok(updated)
}

/// The query of a filter.
pub(super) fn listing(filter: &ForecastFilter, page: &Page) -> Result<Listing, StoreError> {
    let mut query = Listing::newest_first(LIST, "made_ms", page)?;
    query
        .text("objective_id", &filter.objective_id)
        .bytes("series", &filter.series)
        .number("has_left IS NULL AND due_ms < ?", filter.due_before_ms)
        .flag(filter.scored_only, "has_left IS NOT NULL");
    Ok(query)
}

/// A row of that query.
pub(super) fn listed(row: &Row) -> Result<ScoredForecast, StoreError> {
    decoded("forecast", row.bytes(2)?)
}
