//! Forecasts, outcomes and weights are written; a record grows only by what is durable.

use sla_analysis::pool::PoolState;
use sla_proto::storage::v1::ScoredForecast;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::outlook::board::OutlookKey;
use crate::outlook::case::WaitingForecast;
use crate::outlook::expecting::Said;
use crate::outlook::store;
use crate::outlook::tracked::TrackedSeries;

/// Learned weights are stored this often, milliseconds.
const SAVE_MODELS_EVERY_MS: i64 = 600_000;

/// Writes what a round said; what fails is tried again in the next one.
pub(crate) async fn keep(
    core: &ManagerCore,
    said: Said,
    tracked: &mut TrackedSeries,
    now_ms: i64,
) -> Result<(), SlaError> {
    keep_outcomes(core, said.scored, tracked).await?;
    keep_forecasts(core, said.new, tracked, now_ms).await?;
    keep_weights(core, tracked, now_ms).await
}

async fn keep_outcomes(
    core: &ManagerCore,
    scored: Vec<(OutlookKey, WaitingForecast)>,
    tracked: &mut TrackedSeries,
) -> Result<(), SlaError> {
    if scored.is_empty() {
        return Ok(());
    }
    let written = store::score(&core.peer, core.mandate.fence(), &rows(&scored)).await;
    for (key, waiting) in scored {
        let Some(tracked) = tracked.get_mut(&key) else {
            continue;
        };
        if written.is_err() {
            tracked.waiting.push(waiting);
            continue;
        }
        core.metrics.forecasts_scored.inc();
        tracked.learn(&waiting);
    }
    written
}

async fn keep_forecasts(
    core: &ManagerCore,
    new: Vec<(OutlookKey, WaitingForecast)>,
    tracked: &mut TrackedSeries,
    now_ms: i64,
) -> Result<(), SlaError> {
    if new.is_empty() {
        return Ok(());
    }
    store::put(&core.peer, core.mandate.fence(), &rows(&new)).await?;
    core.metrics.forecasts_stored.inc_by(new.len() as u64);
    for (key, waiting) in new {
        if let Some(tracked) = tracked.get_mut(&key) {
            tracked.stored_ms = now_ms;
            tracked.waiting.push(waiting);
        }
    }
    Ok(())
}

async fn keep_weights(core: &ManagerCore, tracked: &mut TrackedSeries, now_ms: i64) -> Result<(), SlaError> {
    let learned: Vec<(OutlookKey, PoolState, i64)> = tracked
        .loaded()
        .filter(|(_, tracked)| !(0..SAVE_MODELS_EVERY_MS).contains(&(now_ms - tracked.saved_ms)))
        .filter_map(|(key, tracked)| Some((key.clone(), tracked.state.clone()?, now_ms)))
        .collect();
    if learned.is_empty() {
        return Ok(());
    }
    store::put_weights(&core.peer, &learned).await?;
    for (key, _, _) in learned {
        if let Some(tracked) = tracked.get_mut(&key) {
            tracked.saved_ms = now_ms;
        }
    }
    Ok(())
}

fn rows(waiting: &[(OutlookKey, WaitingForecast)]) -> Vec<ScoredForecast> {
    waiting.iter().map(|(_, waiting)| waiting.forecast.clone()).collect()
}
