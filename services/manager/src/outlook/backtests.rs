//! Series that were never scored are scored by what their past would have said: in small parts, with more rest than work
//! between them, and only while nobody asks for anything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sla_analysis::pool::PoolState;
use sla_domain::Samples;
use sla_domain::evaluation::Judgement;
use sla_proto::storage::v1::ScoredForecast;
use tokio::time::Instant;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::outlook::backtest::{Past, backtest, origins};
use crate::outlook::case::{Case, name};
use crate::outlook::message;
use crate::outlook::predicted::Predicted;
use crate::outlook::store;
use crate::outlook::track_record::of_forecasts;
use crate::outlook::tracked::TrackedSeries;

/// Past instants asked at in one turn on the pool.
const PART: usize = 2;
/// No turn before this long after the start: the first screens, and what is read for them, come before.
const START: Duration = Duration::from_secs(30);
/// A part is followed by this many times its length of rest: a quarter of one core at most.
const REST: u32 = 3;
/// Nothing is scored until nobody has asked for anything for this long.
const QUIET: Duration = Duration::from_secs(2);
/// A backtest that gave nothing is tried again after this long, milliseconds: there may be more history.
const AGAIN_MS: i64 = 3_600_000;

/// What waits for its backtest, and the one that goes on.
#[derive(Debug, Default)]
pub(crate) struct Backtests {
    waiting: VecDeque<Case>,
    going: Option<GoingBacktest>,
    /// The next turn.
    next: Option<Instant>,
}

#[derive(Debug)]
struct GoingBacktest {
    case: Case,
    judged: Arc<Samples>,
    judgement: Judgement,
    origins: VecDeque<i64>,
    state: Option<PoolState>,
    rows: Vec<ScoredForecast>,
}

impl Backtests {
    /// Notes the series that were never scored; objectives that somebody wrote come before suggested ones.
    pub(crate) fn note(&mut self, cases: Vec<Case>, tracked: &TrackedSeries) {
        let is_wanted = |case: &Case| {
            let unscored = tracked.get(&case.key).is_some_and(|tracked| {
                let lately = tracked
                    .backtest_ms
                    .is_some_and(|at| (0..AGAIN_MS).contains(&(case.at_ms - at)));
                tracked.record.scored == 0 && !lately
            });
            let goes_on = self.going.as_ref().is_some_and(|going| going.case.key == case.key);
            unscored && !goes_on && tracked.is_loaded(&case.key)
        };
        let mut wanted: Vec<Case> = cases.into_iter().filter(is_wanted).collect();
        wanted.sort_by_key(|case| case.known.objective.suggested);
        self.waiting = wanted.into();
    }

    /// Waits for the next turn; for ever where nothing waits for it.
    pub(crate) async fn turn(&mut self, core: &ManagerCore) {
        if self.waiting.is_empty() && self.going.is_none() {
            std::future::pending::<()>().await;
        }
        let next = *self.next.get_or_insert_with(|| core.started + START);
        tokio::time::sleep_until(next).await;
        loop {
            let quiet = core.asks.quiet_since() + QUIET;
            if quiet <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(quiet).await;
        }
    }

    /// One part of one series.
    pub(crate) async fn step(&mut self, core: &ManagerCore, tracked: &mut TrackedSeries) -> Result<(), SlaError> {
        let begun = Instant::now();
        let outcome = self.part(core, tracked).await;
        self.next = Some(Instant::now() + begun.elapsed() * REST);
        outcome
    }

    async fn part(&mut self, core: &ManagerCore, tracked: &mut TrackedSeries) -> Result<(), SlaError> {
        let mut going = match self.going.take() {
            Some(going) => going,
            None => match self.waiting.pop_front() {
                Some(case) => core.pool.run(move || GoingBacktest::new(case)).await?,
                None => return Ok(()),
            },
        };
        let token = core.shutdown.token().clone();
        let parting = core.pool.run(move || {
            going.part(&|| token.is_cancelled());
            going
        });
        let going = parting.await?;
        if !going.origins.is_empty() {
            self.going = Some(going);
            return Ok(());
        }
        going.keep(core, tracked).await
    }
}

impl GoingBacktest {
    fn new(case: Case) -> Self {
        let judgement = case.judgement();
        let (judged, _) = case.judged();
        let past = past(&case, &judged, &judgement);
        Self {
            origins: origins(&past).into(),
            judgement,
            judged,
            case,
            state: None,
            rows: Vec::new(),
        }
    }

    fn part(&mut self, stop: &dyn Fn() -> bool) {
        let part: Vec<i64> = self.origins.drain(..self.origins.len().min(PART)).collect();
        let past = past(&self.case, &self.judged, &self.judgement);
        let (rows, state) = backtest(&past, &part, self.state.take(), stop);
        self.state = state;
        self.rows.extend(rows);
    }

    async fn keep(mut self, core: &ManagerCore, tracked: &mut TrackedSeries) -> Result<(), SlaError> {
        let case = &self.case;
        let Some(tracked) = tracked.get_mut(&case.key) else {
            return Ok(());
        };
        tracked.backtest_ms = Some(case.at_ms);
        if self.rows.is_empty() {
            return Ok(());
        }
        for row in &mut self.rows {
            name(row, case);
        }
        store::put(&core.peer, core.mandate.fence(), &self.rows).await?;
        core.metrics.forecasts_stored.inc_by(self.rows.len() as u64);
        core.metrics.forecasts_scored.inc_by(self.rows.len() as u64);
        tracked.record = of_forecasts(self.rows);
        if let (Some(expected), Some(shown)) = (&tracked.expected, core.outlooks.get(&case.key)) {
            let points = Predicted {
                points: shown.message.predicted_outside.clone(),
                violations: shown.message.predicted_violations,
            };
            let made_ms = shown
                .message
                .made
                .as_ref()
                .map_or(case.at_ms, sla_proto::convert::millis);
            let mut outlook = message::known(expected, &tracked.record, points, made_ms, case.horizon_ms);
            outlook.message.provider.clone_from(&shown.message.provider);
            core.outlooks.put(case.key.clone(), outlook);
        }
        Ok(())
    }
}

fn past<'a>(case: &Case, samples: &'a Samples, judgement: &'a Judgement) -> Past<'a> {
    Past {
        samples,
        judgement,
        at_ms: case.at_ms,
        horizon_ms: case.horizon_ms,
        seed: case.seed(),
    }
}
