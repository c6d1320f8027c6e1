//! What is expected of each series now, and what came of what was expected before.

use sla_proto::violation::v1::ProviderOutlook;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::outlook::board::{KnownOutlook, OutlookKey};
use crate::outlook::case::{Case, Computed, WaitingForecast, compute, name};
use crate::outlook::classic::ClassicForecasts;
use crate::outlook::foretold::Foretold;
use crate::outlook::message;
use crate::outlook::predicted::Predicted;
use crate::outlook::store::store_every_ms;
use crate::outlook::tracked::{Tracked, TrackedSeries};

/// What others say about the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) classic: &'a ClassicForecasts,
    pub(crate) foretold: &'a Foretold,
}

/// What a round has to store.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Forecasts made now.
    pub(crate) new: Vec<(OutlookKey, WaitingForecast)>,
    /// Earlier ones, with what came.
    pub(crate) scored: Vec<(OutlookKey, WaitingForecast)>,
}

/// One series after the other; each outlook is told at once.
pub(crate) async fn expect_all(
    core: &ManagerCore,
    cases: &[Case],
    tracked: &mut TrackedSeries,
    beside: &Beside<'_>,
) -> Result<Said, SlaError> {
    let mut said = Said::default();
    for case in cases {
        let loaded = tracked.is_loaded(&case.key);
        let of_case = tracked.of(&case.key);
        let shown = core.outlooks.get(&case.key);
        if let (Some(said), Some(shown)) = (of_case.said, shown)
            && !case.is_due(said)
        {
            renew_provider(core, case, &shown, beside);
            continue;
        }
        let due = if loaded { of_case.due(case.at_ms) } else { Vec::new() };
        let stores = loaded && case.at_ms - of_case.stored_ms >= store_every_ms(case.horizon_ms);
        let asked: Vec<(i64, i64)> = due.iter().map(|due| (due.made_ms(), due.forecast.horizon_ms)).collect();
        let (here, state) = (case.clone(), of_case.state.clone());
        let computing = core.pool.run(move || compute(&here, state.as_ref(), &asked, stores));
        let (mut computed, rate) = computing.await?;
        core.metrics.outlooks.inc();
        let outcomes = std::mem::take(&mut computed.outcomes);
        for (mut waiting, came) in due.into_iter().zip(outcomes) {
            if let Some(came) = came {
                waiting.settle(came);
                said.scored.push((case.key.clone(), waiting));
            }
        }
        let points = beside.classic.predicted(case, rate);
        let provider = beside.foretold.of(case);
        let fresh = of_case.expect(core, case, computed, points, provider.as_ref());
        said.new
            .extend(fresh.filter(|_| stores).map(|fresh| (case.key.clone(), fresh)));
    }
    Ok(said)
}

/// Our own forecast holds still; the provider may have another one.
fn renew_provider(core: &ManagerCore, case: &Case, shown: &KnownOutlook, beside: &Beside<'_>) {
    let provider = beside.foretold.of(case);
    if provider == shown.message.provider {
        return;
    }
    let mut outlook = shown.clone();
    outlook.message.provider = provider;
    core.outlooks.put(case.key.clone(), outlook);
}

impl Tracked {
    /// Tells what is expected; returns the forecast, to be stored.
    fn expect(
        &mut self,
        core: &ManagerCore,
        case: &Case,
        computed: Computed,
        points: Predicted,
        provider: Option<&ProviderOutlook>,
    ) -> Option<WaitingForecast> {
        let (mut outlook, fresh) = match computed.expected {
            Ok(expected) => {
                let outlook = message::known(&expected, &self.record, points, case.at_ms, case.horizon_ms);
                let mut fresh = WaitingForecast::new(case.at_ms, case.horizon_ms, &expected, computed.arima);
                name(&mut fresh.forecast, case);
                fresh.forecast.provider_probability = provider.map(|provider| f64::from(u8::from(provider.leaves)));
                self.state = Some(expected.state.clone());
                self.expected = Some(expected);
                (outlook, Some(fresh))
            }
            Err(absence) => {
                self.expected = None;
                let outlook = message::unknown(absence, &self.record, points, case.at_ms, case.horizon_ms);
                (outlook, None)
            }
        };
        self.said = Some(case.basis());
        outlook.message.provider = provider.cloned();
        // Fitted when a forecast is stored; what it said then stands beside ours until the next one.
        let before = || core.outlooks.get(&case.key)?.message.arima_probability;
        outlook.message.arima_probability = computed.arima.or_else(before);
        core.outlooks.put(case.key.clone(), outlook);
        fresh
    }
}
