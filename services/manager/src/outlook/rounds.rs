//! Round after round: what is expected of every series, what came of what was expected, and what is learned from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::objective::ObjectiveId;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::outlook::backtests::Backtests;
use crate::outlook::classic::ClassicForecasts;
use crate::outlook::expecting::{Beside, expect_all};
use crate::outlook::foretold::Foretold;
use crate::outlook::histories::Histories;
use crate::outlook::keeping::keep;
use crate::outlook::predicted::CLASSIC_HORIZON_MS;
use crate::outlook::tracked::TrackedSeries;
use crate::sets::catalog::{KnownObjective, Sets};

/// Changes of sets within this time make one round.
const SETTLE: Duration = Duration::from_millis(300);

/// Everything remembered between rounds.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    histories: Histories,
    classic: ClassicForecasts,
    foretold: Foretold,
    tracked: TrackedSeries,
    backtests: Backtests,
    /// The sets of the last round, and their objectives that are forecast.
    sets: Arc<Sets>,
    active: Arc<Vec<Arc<KnownObjective>>>,
}

/// Runs until shutdown, while this manager is the one that judges; nothing is forecast before the first evaluation is on the screens.
pub(crate) async fn run(core: Arc<ManagerCore>) {
    let token = core.shutdown.token().clone();
    loop {
        let term = tokio::select! {
            () = token.cancelled() => return,
            term = core.mandate.active() => term,
        };
        let Some(term) = term else { return };
        tokio::select! {
            () = core.mandate.over(term) => {}
            () = expect_on_and_on(&core) => return,
        }
    }
}

/// Until shutdown.
async fn expect_on_and_on(core: &ManagerCore) {
    let token = core.shutdown.token().clone();
    let mut snapshots = core.board.snapshots();
    tokio::select! {
        () = token.cancelled() => return,
        first = snapshots.wait_for(|snapshot| !snapshot.objectives.is_empty()) => if first.is_err() {
            return;
        },
    }
    let mut rounds = Rounds::default();
    let mut sets = core.catalog.changes();
    sets.mark_unchanged();
    let mut tick = tokio::time::interval(Duration::from_millis(core.options.outlook_every_ms.unsigned_abs()));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // A round before backtests: what is scored can wait.
            biased;
            () = token.cancelled() => return,
            more = sets.next() => {
                if !more {
                    return;
                }
                // What is new is judged before it is forecast.
                tokio::time::sleep(SETTLE).await;
                sets.mark_unchanged();
            }
            _ = tick.tick() => {}
            () = rounds.backtests.turn(core) => {
                if let Err(error) = rounds.backtests.step(core, &mut rounds.tracked).await {
                    tracing::debug!(error = %error.words(), "a backtest failed");
                }
                continue;
            }
        }
        let begun = tokio::time::Instant::now();
        tokio::select! {
            () = token.cancelled() => return,
            done = rounds.round(core) => if let Err(error) = done {
                tracing::debug!(error = %error.words(), "a round of forecasts failed");
            }
        }
        sets.rest(begun);
    }
}

impl Rounds {
    /// Takes over the sets where they are other ones: what is active no more is forgotten.
    fn take_sets(&mut self, core: &ManagerCore, sets: Arc<Sets>) {
        if Arc::ptr_eq(&self.sets, &sets) {
            return;
        }
        let active = sets.watched().objectives.iter();
        let active: Vec<Arc<KnownObjective>> = active.filter(|known| known.objective.forecast).cloned().collect();
        let horizons: HashMap<(&ObjectiveId, u32), i64> = active
            .iter()
            .map(|known| &known.objective)
            .map(|objective| ((&objective.id, objective.generation), core.horizon_ms(objective)))
            .collect();
        self.tracked
            .retain(|id, generation| horizons.get(&(id, generation)).copied());
        core.outlooks
            .retain(|id, generation| horizons.contains_key(&(id, generation)));
        self.active = Arc::new(active);
        self.sets = sets;
    }

    /// One round: read, expect, keep; and what was never scored is noted for a backtest.
    async fn round(&mut self, core: &ManagerCore) -> Result<(), SlaError> {
        let now_ms = core.present_ms();
        self.take_sets(core, core.catalog.sets()?);
        let active = self.active.clone();
        let cases = self.histories.read(core, &active, now_ms).await?;
        // A classic forecast reaches no further than an hour: of what is looked at longer it would say nothing.
        let near = cases.iter().filter(|case| case.horizon_ms <= CLASSIC_HORIZON_MS);
        let near: Vec<Arc<KnownObjective>> = near.map(|case| case.known.clone()).collect();
        self.classic.ask(&core.peer, &near, now_ms).await;
        self.foretold.ask(&core.peer, &cases, now_ms).await;
        self.tracked.load(&core.peer, &cases, now_ms).await;
        let new = cases.iter().any(|case| core.outlooks.get(&case.key).is_none());
        let beside = Beside {
            classic: &self.classic,
            foretold: &self.foretold,
        };
        let said = expect_all(core, &cases, &mut self.tracked, &beside).await?;
        if new {
            // The states on the screens know nothing of these yet: they are judged again now, or a row would promise what its
            // header denies.
            core.expected.notify_one();
        }
        self.backtests.note(cases, &self.tracked);
        keep(core, said, &mut self.tracked, now_ms).await
    }
}
