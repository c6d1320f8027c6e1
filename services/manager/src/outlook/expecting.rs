//! What is expected of each series now, and what came of what was expected before.

use sla_proto::convert::millis;

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::options::LATE_SAMPLES_MS;
use crate::outlook::board::OutlookKey;
use crate::outlook::case::{Case, Computed, WaitingForecast, compute, waiting};
use crate::outlook::classic::ClassicForecasts;
use crate::outlook::foretold::Foretold;
use crate::outlook::message;
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
        let told = of_case.expected_ms.filter(|_| core.outlooks.get(&case.key).is_some());
        if told.is_some_and(|expected_ms| !case.is_due(expected_ms)) {
            continue;
        }
        let due = if loaded { of_case.due(case) } else { Vec::new() };
        let stores = loaded && case.at_ms - of_case.stored_ms >= store_every_ms(case.horizon_ms);
        let asked: Vec<(i64, i64)> = due.iter().map(|due| (due.made_ms(), due.forecast.horizon_ms)).collect();
        let (here, state) = (case.clone(), of_case.state.clone());
        let computing = core.pool.run(move || compute(&here, state.as_ref(), &asked, stores));
        let mut computed = computing.await?;
        core.metrics.outlooks.inc();
        let outcomes = std::mem::take(&mut computed.outcomes);
        for (mut waiting, came) in due.into_iter().zip(outcomes) {
            if let Some(came) = came {
                waiting.forecast.left = Some(came.left);
                waiting.forecast.value = came.value;
                waiting.came = Some(came);
                said.scored.push((case.key.clone(), waiting));
            }
        }
        of_case.expect(core, case, computed, beside, stores, &mut said);
    }
    Ok(said)
}

impl Tracked {
    /// Takes out the forecasts whose time has come. Late samples are waited for: an outcome is judged once, and an unknown
    /// outcome is none.
    fn due(&mut self, case: &Case) -> Vec<WaitingForecast> {
        let is_due = |waiting: &mut WaitingForecast| {
            let ends_ms = waiting.made_ms().saturating_add(waiting.forecast.horizon_ms);
            ends_ms.saturating_add(LATE_SAMPLES_MS) <= case.at_ms
        };
        self.waiting.extract_if(.., is_due).collect()
    }

    fn expect(
        &mut self,
        core: &ManagerCore,
        case: &Case,
        computed: Computed,
        beside: &Beside<'_>,
        stores: bool,
        said: &mut Said,
    ) {
        let points = beside.classic.predicted(case, computed.rate);
        let provider = beside.foretold.of(case);
        let mut outlook = match computed.expected {
            Ok(expected) => {
                let outlook = message::known(&expected, &self.record, points, case.at_ms, case.horizon_ms);
                if stores {
                    said.new.push((
                        case.key.clone(),
                        waiting(case, &expected, computed.arima, provider.as_ref()),
                    ));
                }
                self.state = Some(expected.state.clone());
                self.expected_ms = Some(case.at_ms);
                self.expected = Some(expected);
                outlook
            }
            Err(absence) => {
                self.expected = None;
                self.expected_ms = None;
                message::unknown(absence, &self.record, points, case.at_ms, case.horizon_ms)
            }
        };
        outlook.message.provider = provider;
        core.outlooks.put(case.key.clone(), outlook);
    }
}

impl WaitingForecast {
    /// When it was made, Unix milliseconds.
    fn made_ms(&self) -> i64 {
        self.forecast.made.as_ref().map_or(i64::MAX, millis)
    }
}
