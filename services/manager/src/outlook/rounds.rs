//! Round after round: what is expected of every series, what came of what was expected, and what is learned from it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sla_analysis::pool::PoolState;
use sla_analysis::scoring::TrackRecord;
use sla_domain::SeriesId;
use sla_domain::objective::ObjectiveId;
use sla_proto::convert::millis;
use sla_proto::result::v1::Forecast;
use sla_proto::storage::v1::ScoredForecast;
use tokio::time::Instant;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::options::LATE_SAMPLES_MS;
use crate::outlook::board::OutlookKey;
use crate::outlook::case::{Case, WaitingForecast, compute, learn, look_back, pending};
use crate::outlook::classic::{self, points_outside};
use crate::outlook::probability::Expectation;
use crate::outlook::store::STORE_EVERY_MS;
use crate::outlook::track_record::{add, of_forecasts};
use crate::outlook::{message, store};
use crate::samples::feed::{bring_up, wanted};
use crate::samples::memory::{HeldSeries, QueryKey, SampleMemory};
use crate::sets::catalog::KnownObjective;

/// History the forecasts stand on, milliseconds (26 h: a whole day and the horizon before it).
pub const HISTORY_MS: i64 = 26 * 3_600_000;
/// Series with an outlook at most; further ones say so.
pub const MAX_OUTLOOK_SERIES: usize = 500;
/// Learned weights are stored this often, milliseconds.
pub const SAVE_MODELS_EVERY_MS: i64 = 600_000;
/// The classic forecasts are asked for this often, milliseconds: the width of their bins.
pub const CLASSIC_EVERY_MS: i64 = 120_000;
/// Time for backtests after each round; the rest waits for the next one.
pub const BACKTEST_BUDGET: Duration = Duration::from_secs(20);
/// A backtest that gave nothing is tried again after this long, milliseconds: there may be more history.
pub const BACKTEST_AGAIN_MS: i64 = 3_600_000;
/// Changes of sets within this time make one round.
const SETTLE: Duration = Duration::from_millis(300);

/// What is kept about one series of one objective.
#[derive(Debug, Default)]
struct Tracked {
    state: Option<PoolState>,
    saved_ms: i64,
    record: TrackRecord,
    pending: Vec<WaitingForecast>,
    stored_ms: i64,
    backtest_ms: Option<i64>,
    expected: Option<Expectation>,
}

/// Everything remembered between rounds.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    memory: SampleMemory,
    tracked: HashMap<OutlookKey, Tracked>,
    loaded: HashSet<(ObjectiveId, u32)>,
    classic: HashMap<(QueryKey, SeriesId), Forecast>,
    classic_ms: Option<i64>,
}

/// Runs until shutdown.
pub(crate) async fn run(core: Arc<ManagerCore>) {
    let token = core.shutdown.token().clone();
    let mut rounds = Rounds::default();
    let mut sets = core.catalog.changes();
    let mut tick = tokio::time::interval(Duration::from_millis(core.options.outlook_every_ms.unsigned_abs()));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = tick.tick() => {}
            changed = sets.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(SETTLE).await;
                sets.mark_unchanged();
            }
        }
        tokio::select! {
            () = token.cancelled() => return,
            done = rounds.round(&core) => if let Err(error) = done {
                tracing::debug!(error = %error.words(), "a round of forecasts failed");
            }
        }
    }
}

impl Rounds {
    /// One round: read, expect, score, store, tell; then backtests for what was never scored.
    pub(crate) async fn round(&mut self, core: &ManagerCore) -> Result<(), SlaError> {
        let at_ms = core.clock.now_ms();
        let sets = core.catalog.sets()?;
        let active: Vec<Arc<KnownObjective>> = sets
            .active()
            .into_iter()
            .filter(|known| known.objective.forecast)
            .collect();
        self.forget(core, &active);
        bring_up(core, &mut self.memory, &active, &active, at_ms, HISTORY_MS).await;
        self.ask_classic(core, &active, at_ms).await;
        let mut new = Vec::new();
        let mut scored = Vec::new();
        let mut cases = Vec::new();
        let mut count = 0;
        for known in &active {
            let mut series = self.memory.series(&known.wanted.key);
            core.spacings.apply(known, &mut series, false);
            let loaded = self.load(core, known, &series, at_ms).await;
            for held in series {
                let case = Case {
                    known: known.clone(),
                    key: OutlookKey::new(&known.objective, held.id),
                    held,
                    at_ms,
                    horizon_ms: core.options.horizon_ms,
                };
                count += 1;
                if count > MAX_OUTLOOK_SERIES {
                    let words = format!("more than {MAX_OUTLOOK_SERIES} series: this one is not forecast");
                    let none = message::unknown(words, &TrackRecord::default(), Vec::new(), at_ms, case.horizon_ms);
                    core.outlooks.put(case.key, none);
                    continue;
                }
                self.one(core, &case, loaded, &mut new, &mut scored).await?;
                cases.push(case);
            }
        }
        self.keep(core, new, scored, at_ms).await?;
        self.backtests(core, cases).await
    }

    fn forget(&mut self, core: &ManagerCore, active: &[Arc<KnownObjective>]) {
        let is_active = |key: &OutlookKey| {
            active
                .iter()
                .any(|known| known.objective.id == key.objective && known.objective.generation == key.generation)
        };
        self.tracked.retain(|key, _| is_active(key));
        self.loaded.retain(|(id, generation)| {
            active
                .iter()
                .any(|known| known.objective.id == *id && known.objective.generation == *generation)
        });
        core.outlooks.retain(is_active);
    }

    async fn ask_classic(&mut self, core: &ManagerCore, active: &[Arc<KnownObjective>], at_ms: i64) {
        let queries = wanted(active);
        self.classic
            .retain(|(key, _), _| queries.iter().any(|want| want.key == *key));
        let all_known = queries
            .iter()
            .all(|want| self.classic.keys().any(|(key, _)| *key == want.key));
        let fresh = self
            .classic_ms
            .is_some_and(|made| (0..CLASSIC_EVERY_MS).contains(&(at_ms - made)));
        if fresh && all_known {
            return;
        }
        self.classic_ms = Some(at_ms);
        for want in queries {
            match classic::forecasts(&core.peer, want.message, at_ms).await {
                Ok(found) => {
                    for (series, forecast) in found {
                        self.classic.insert((want.key.clone(), series), forecast);
                    }
                }
                Err(error) => tracing::debug!(error = %error.words(), "no classic forecast"),
            }
        }
    }

    /// Reads what is stored about an objective, once. `false` while the store does not answer: nothing is stored then.
    async fn load(&mut self, core: &ManagerCore, known: &KnownObjective, series: &[HeldSeries], at_ms: i64) -> bool {
        let objective = &known.objective;
        let name = (objective.id.clone(), objective.generation);
        if self.loaded.contains(&name) {
            return true;
        }
        let ids: Vec<SeriesId> = series.iter().map(|held| held.id).collect();
        let read = async {
            let forecasts = store::load(&core.peer, &objective.id, objective.generation).await?;
            let models = store::load_models(&core.peer, &objective.id, objective.generation, &ids).await?;
            Ok::<_, SlaError>((forecasts, models))
        };
        let (forecasts, models) = match read.await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(error = %error.words(), "past forecasts cannot be read yet");
                return false;
            }
        };
        for (series, rows) in forecasts {
            let tracked = self.tracked.entry(OutlookKey::new(objective, series)).or_default();
            let (scored, waiting): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.left.is_some());
            let made = |row: &ScoredForecast| row.made.as_ref().map_or(i64::MIN, millis);
            tracked.stored_ms = scored
                .iter()
                .chain(&waiting)
                .filter(|row| !row.backtest)
                .map(made)
                .max()
                .unwrap_or(0);
            tracked.backtest_ms = (!scored.is_empty()).then_some(at_ms);
            tracked.pending = waiting
                .into_iter()
                .filter(|row| made(row) > at_ms - HISTORY_MS)
                .map(|forecast| WaitingForecast {
                    forecast,
                    experts: Vec::new(),
                    uppers: Vec::new(),
                    pool_horizon_ms: 0,
                    came: None,
                })
                .collect();
            tracked.record = of_forecasts(scored);
        }
        for (series, (state, saved_ms)) in models {
            let tracked = self.tracked.entry(OutlookKey::new(objective, series)).or_default();
            tracked.state = Some(state);
            tracked.saved_ms = saved_ms;
        }
        self.loaded.insert(name);
        true
    }

    async fn one(
        &mut self,
        core: &ManagerCore,
        case: &Case,
        loaded: bool,
        new: &mut Vec<(OutlookKey, WaitingForecast)>,
        scored: &mut Vec<(OutlookKey, WaitingForecast)>,
    ) -> Result<(), SlaError> {
        let tracked = self.tracked.entry(case.key.clone()).or_default();
        // Late samples are waited for: an outcome is judged once.
        let due_at = |pending: &WaitingForecast| {
            let made = pending.forecast.made.as_ref().map_or(i64::MAX, millis);
            made.saturating_add(pending.forecast.horizon_ms)
                .saturating_add(LATE_SAMPLES_MS)
                <= case.at_ms
        };
        let due: Vec<WaitingForecast> = if loaded {
            tracked.pending.iter().filter(|p| due_at(p)).cloned().collect()
        } else {
            Vec::new()
        };
        let asked: Vec<(i64, i64)> = due
            .iter()
            .map(|p| (p.forecast.made.as_ref().map_or(0, millis), p.forecast.horizon_ms))
            .collect();
        let (here, state) = (case.clone(), tracked.state.clone());
        let stores = loaded && case.at_ms - tracked.stored_ms >= STORE_EVERY_MS;
        let computed = core
            .pool
            .run(move || compute(&here, state.as_ref(), &asked, stores))
            .await?;
        core.metrics.outlooks(1);
        for (mut pending, came) in due.into_iter().zip(computed.outcomes) {
            if let Some(came) = came {
                pending.forecast.left = Some(came.left);
                pending.forecast.value = came.value;
                pending.came = Some(came);
                scored.push((case.key.clone(), pending));
            }
        }
        if loaded {
            // What is due is scored now or never: an unknown outcome is no outcome.
            tracked.pending.retain(|pending| !due_at(pending));
        }
        let points = self
            .classic
            .get(&(case.known.wanted.key.clone(), case.held.id))
            .map(|forecast| {
                points_outside(
                    forecast,
                    &case.known.objective.range,
                    computed.rate,
                    case.at_ms,
                    case.horizon_ms,
                )
            })
            .unwrap_or_default();
        let outlook = match computed.expected {
            Ok(expected) => {
                let outlook = message::known(&expected, &tracked.record, points, case.at_ms, case.horizon_ms);
                if stores {
                    new.push((case.key.clone(), pending(case, &expected, computed.arima)));
                }
                tracked.state = Some(expected.state.clone());
                tracked.expected = Some(expected);
                outlook
            }
            Err(words) => {
                tracked.expected = None;
                message::unknown(words, &tracked.record, points, case.at_ms, case.horizon_ms)
            }
        };
        core.outlooks.put(case.key.clone(), outlook);
        Ok(())
    }

    /// Writes forecasts, outcomes and weights; a record grows only by what is durable.
    async fn keep(
        &mut self,
        core: &ManagerCore,
        new: Vec<(OutlookKey, WaitingForecast)>,
        scored: Vec<(OutlookKey, WaitingForecast)>,
        at_ms: i64,
    ) -> Result<(), SlaError> {
        let rows: Vec<ScoredForecast> = scored.iter().map(|(_, pending)| pending.forecast.clone()).collect();
        let written = if rows.is_empty() {
            Ok(())
        } else {
            store::score(&core.peer, &rows).await
        };
        for (key, pending) in scored {
            let Some(tracked) = self.tracked.get_mut(&key) else {
                continue;
            };
            if written.is_err() {
                // Tried again in the next round.
                tracked.pending.push(pending);
                continue;
            }
            core.metrics.forecasts_scored(1);
            add(&mut tracked.record, &pending.forecast);
            if let Some(state) = &mut tracked.state {
                learn(state, &pending);
            }
        }
        written?;
        if !new.is_empty() {
            let rows: Vec<ScoredForecast> = new.iter().map(|(_, pending)| pending.forecast.clone()).collect();
            store::put(&core.peer, &rows).await?;
            core.metrics.forecasts_stored(rows.len() as u64);
            for (key, pending) in new {
                if let Some(tracked) = self.tracked.get_mut(&key) {
                    tracked.stored_ms = at_ms;
                    tracked.pending.push(pending);
                }
            }
        }
        let learned: Vec<(OutlookKey, PoolState, i64)> = self
            .tracked
            .iter()
            .filter(|(key, tracked)| {
                let age_ms = at_ms - tracked.saved_ms;
                self.loaded.contains(&(key.objective.clone(), key.generation))
                    && !(0..SAVE_MODELS_EVERY_MS).contains(&age_ms)
            })
            .filter_map(|(key, tracked)| Some((key.clone(), tracked.state.clone()?, at_ms)))
            .collect();
        if !learned.is_empty() {
            store::put_models(&core.peer, &learned).await?;
            for (key, _, _) in learned {
                if let Some(tracked) = self.tracked.get_mut(&key) {
                    tracked.saved_ms = at_ms;
                }
            }
        }
        Ok(())
    }

    /// Scores what was never scored, one series after the other, until the time is used up.
    async fn backtests(&mut self, core: &ManagerCore, cases: Vec<Case>) -> Result<(), SlaError> {
        let begun = Instant::now();
        for case in cases {
            if begun.elapsed() > BACKTEST_BUDGET || core.shutdown.token().is_cancelled() {
                return Ok(());
            }
            let wanted = self.loaded.contains(&(case.key.objective.clone(), case.key.generation))
                && self.tracked.get(&case.key).is_some_and(|tracked| {
                    tracked.record.scored == 0
                        && tracked
                            .backtest_ms
                            .is_none_or(|tried| !(0..BACKTEST_AGAIN_MS).contains(&(case.at_ms - tried)))
                });
            if !wanted {
                continue;
            }
            let rows = look_back(core, &case).await?;
            let Some(tracked) = self.tracked.get_mut(&case.key) else {
                continue;
            };
            if rows.is_empty() {
                tracked.backtest_ms = Some(case.at_ms);
                continue;
            }
            store::put(&core.peer, &rows).await?;
            core.metrics.forecasts_stored(rows.len() as u64);
            core.metrics.forecasts_scored(rows.len() as u64);
            tracked.backtest_ms = Some(case.at_ms);
            tracked.record = of_forecasts(rows);
            if let (Some(expected), Some(shown)) = (&tracked.expected, core.outlooks.get(&case.key)) {
                let points = shown.message.predicted_outside.clone();
                let outlook = message::known(expected, &tracked.record, points, case.at_ms, case.horizon_ms);
                core.outlooks.put(case.key, outlook);
            }
        }
        Ok(())
    }
}
