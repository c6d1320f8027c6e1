//! What is kept about each series of each objective between two rounds, and how it is found again after a restart.

use std::collections::HashMap;
use std::sync::Arc;

use sla_analysis::pool::PoolState;
use sla_analysis::scoring::TrackRecord;
use sla_domain::SeriesId;
use sla_domain::objective::ObjectiveId;
use sla_proto::Peer;
use sla_proto::convert::millis;
use sla_proto::storage::v1::ScoredForecast;

use crate::error::SlaError;
use crate::options::{FORECAST_HISTORY_MS, LATE_SAMPLES_MS};
use crate::outlook::board::OutlookKey;
use crate::outlook::case::{Basis, Case, WaitingForecast, learn};
use crate::outlook::probability::Expectation;
use crate::outlook::store;
use crate::outlook::track_record::{add, of_forecasts};
use crate::sets::catalog::KnownObjective;

/// What is kept about one series of one objective.
#[derive(Debug, Default)]
pub(crate) struct Tracked {
    pub(crate) state: Option<PoolState>,
    pub(crate) saved_ms: i64,
    pub(crate) record: TrackRecord,
    pub(crate) waiting: Vec<WaitingForecast>,
    pub(crate) stored_ms: i64,
    pub(crate) backtest_ms: Option<i64>,
    pub(crate) expected: Option<Expectation>,
    /// What the newest outlook stands on, be it that nothing can be expected.
    pub(crate) said: Option<Basis>,
}

impl Tracked {
    /// Takes out the forecasts whose time has come. Late samples are waited for: an outcome is judged once, and an unknown
    /// outcome is none.
    pub(crate) fn due(&mut self, at_ms: i64) -> Vec<WaitingForecast> {
        let is_due = |waiting: &mut WaitingForecast| {
            let ends_ms = waiting.made_ms().saturating_add(waiting.forecast.horizon_ms);
            ends_ms.saturating_add(LATE_SAMPLES_MS) <= at_ms
        };
        self.waiting.extract_if(.., is_due).collect()
    }

    /// A forecast with its outcome goes into the record and teaches.
    pub(crate) fn learn(&mut self, settled: &WaitingForecast) {
        add(&mut self.record, &settled.forecast);
        if let Some(state) = &mut self.state {
            learn(state, settled);
        }
    }

    fn recall(&mut self, rows: Vec<ScoredForecast>, at_ms: i64) {
        let (scored, waiting): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.left.is_some());
        let made = |row: &ScoredForecast| row.made.as_ref().map_or(i64::MIN, millis);
        let live = scored.iter().chain(&waiting).filter(|row| !row.backtest);
        self.stored_ms = live.map(made).max().unwrap_or(0);
        self.backtest_ms = (!scored.is_empty()).then_some(at_ms);
        let young = waiting
            .into_iter()
            .filter(|row| made(row) > at_ms - FORECAST_HISTORY_MS);
        self.waiting = young.map(WaitingForecast::recalled).collect();
        self.record = of_forecasts(scored);
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct TrackedSeries {
    by_key: HashMap<OutlookKey, Tracked>,
    /// Objectives of which what is stored is known, and the horizon that it is about, milliseconds.
    loaded: HashMap<(ObjectiveId, u32), i64>,
}

impl TrackedSeries {
    /// Of one series; it begins empty.
    pub(crate) fn of(&mut self, key: &OutlookKey) -> &mut Tracked {
        self.by_key.entry(key.clone()).or_default()
    }

    /// Of one series, if it is tracked still.
    pub(crate) fn get_mut(&mut self, key: &OutlookKey) -> Option<&mut Tracked> {
        self.by_key.get_mut(key)
    }

    /// Of one series, if it is tracked.
    pub(crate) fn get(&self, key: &OutlookKey) -> Option<&Tracked> {
        self.by_key.get(key)
    }

    /// Every one of which what is stored is known.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = (&OutlookKey, &Tracked)> {
        self.by_key.iter().filter(|(key, _)| self.is_loaded(key))
    }

    /// Whether what is stored about a series is known: nothing is stored before that.
    pub(crate) fn is_loaded(&self, key: &OutlookKey) -> bool {
        self.loaded.contains_key(&(key.objective.clone(), key.generation))
    }

    /// Forgets objectives and generations that are active no more, and those whose horizon has changed: `horizon_ms` tells it
    /// of active ones.
    pub(crate) fn retain(&mut self, horizon_ms: impl Fn(&ObjectiveId, u32) -> Option<i64>) {
        let loaded = &self.loaded;
        self.by_key.retain(|key, _| {
            let now_ms = horizon_ms(&key.objective, key.generation);
            let known_ms = loaded.get(&(key.objective.clone(), key.generation)).copied();
            now_ms.is_some() && known_ms.is_none_or(|known_ms| now_ms == Some(known_ms))
        });
        self.loaded
            .retain(|(id, generation), known_ms| horizon_ms(id, *generation) == Some(*known_ms));
    }

    /// Reads what is stored about the objectives of these cases, each once; one that cannot be read yet is asked about
    /// again in the next round.
    pub(crate) async fn load(&mut self, peer: &Peer, cases: &[Case], at_ms: i64) {
        let mut objectives: Vec<(Arc<KnownObjective>, Vec<SeriesId>, i64)> = Vec::new();
        for case in cases.iter().filter(|case| !self.is_loaded(&case.key)) {
            match objectives.last_mut() {
                Some((known, series, _)) if known.objective.id == case.key.objective => series.push(case.key.series),
                _ => objectives.push((case.known.clone(), vec![case.key.series], case.horizon_ms)),
            }
        }
        for (known, series, horizon_ms) in objectives {
            if let Err(error) = self.load_one(peer, &known, &series, horizon_ms, at_ms).await {
                tracing::debug!(error = %error.words(), "past forecasts cannot be read yet");
                if error.is_away() {
                    // Each further question would wait as long.
                    return;
                }
            }
        }
    }

    async fn load_one(
        &mut self,
        peer: &Peer,
        known: &KnownObjective,
        series: &[SeriesId],
        horizon_ms: i64,
        at_ms: i64,
    ) -> Result<(), SlaError> {
        let objective = &known.objective;
        let forecasts = store::load(peer, &objective.id, objective.generation, horizon_ms).await?;
        let models = store::load_weights(peer, &objective.id, objective.generation, series).await?;
        for (series, rows) in forecasts {
            self.of(&OutlookKey::new(objective, series)).recall(rows, at_ms);
        }
        for (series, (state, saved_ms)) in models {
            let tracked = self.of(&OutlookKey::new(objective, series));
            tracked.state = Some(state);
            tracked.saved_ms = saved_ms;
        }
        self.loaded
            .insert((objective.id.clone(), objective.generation), horizon_ms);
        Ok(())
    }
}
