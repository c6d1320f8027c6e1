//! What the rounds would have said of one series of one objective, replayed over its samples: the steps of a round, driven
//! by the time of the samples instead of the clock. Nothing is stored but in memory; nothing later is seen.

use sla_analysis::pool::PoolState;
use sla_analysis::scoring::TrackRecord;
use sla_domain::Samples;
use sla_proto::storage::v1::ScoredForecast;

use crate::options::forecast_history_ms;
use crate::outlook::backtest::Past;
use crate::outlook::case::{WaitingForecast, ask};
use crate::outlook::probability::{Asking, expect};
use crate::outlook::store::store_every_ms;
use crate::outlook::tracked::Tracked;

/// A replay under way.
#[derive(Debug)]
pub struct Replay<'a> {
    past: Past<'a>,
    tracked: Tracked,
    next_ms: i64,
    /// How far back a forecast looks.
    history_ms: i64,
}

impl<'a> Replay<'a> {
    /// From `from_ms` (Unix milliseconds) to `past.at_ms`, with nothing stored yet; samples are `spacing_ms` apart.
    pub fn new(past: Past<'a>, spacing_ms: i64, from_ms: i64) -> Self {
        Self {
            past,
            tracked: Tracked::default(),
            next_ms: from_ms,
            history_ms: forecast_history_ms(spacing_ms),
        }
    }

    /// When the next round is, Unix milliseconds; `None` at the end.
    pub fn next_ms(&self) -> Option<i64> {
        (self.next_ms <= self.past.at_ms).then_some(self.next_ms)
    }

    /// One round: what was said before and whose time has come is scored and teaches, and something new is said. A round that
    /// stores nothing would change nothing, so there is one as often as something is stored. Returns what was scored.
    pub fn round(&mut self, with_rival: bool) -> Vec<ScoredForecast> {
        let at_ms = self.next_ms;
        self.next_ms += store_every_ms(self.past.horizon_ms);
        let samples = self.known(at_ms);
        let due = self.tracked.due(at_ms);
        let asked: Vec<(i64, i64)> = due.iter().map(|due| (due.made_ms(), due.forecast.horizon_ms)).collect();
        let state = self.tracked.state.take();
        let asking = self.asking(&samples, at_ms, state.as_ref());
        let computed = ask(&asking, self.past.judgement, &asked, with_rival);
        self.tracked.state = state;
        if let Ok(expected) = &computed.expected {
            let fresh = WaitingForecast::new(at_ms, self.past.horizon_ms, expected, computed.arima);
            self.tracked.waiting.push(fresh);
            self.tracked.state = Some(expected.state.clone());
        }
        let came = due.into_iter().zip(computed.outcomes);
        let settled = came.filter_map(|(mut waiting, came)| {
            waiting.settle(came?);
            self.tracked.learn(&waiting);
            Some(waiting.forecast)
        });
        settled.collect()
    }

    /// What would be said at `at_ms` with nothing stored: weights learned inside the history.
    pub fn without_state(&self, at_ms: i64) -> Option<f64> {
        let samples = self.known(at_ms);
        let expected = expect(&self.asking(&samples, at_ms, None)).ok()?;
        Some(expected.probability)
    }

    /// What came of all that was said.
    pub fn record(&self) -> &TrackRecord {
        &self.tracked.record
    }

    /// What was learned.
    pub fn state(&self) -> Option<&PoolState> {
        self.tracked.state.as_ref()
    }

    /// The samples that the role has at an instant.
    fn known(&self, at_ms: i64) -> Samples {
        let (times, values) = self.past.samples.between(at_ms - self.history_ms, at_ms);
        Samples::from_columns(times.to_vec(), values.to_vec())
    }

    fn asking<'b>(&'b self, samples: &'b Samples, at_ms: i64, state: Option<&'b PoolState>) -> Asking<'b> {
        Asking {
            range: &self.past.judgement.range,
            samples,
            at_ms,
            horizon_ms: self.past.horizon_ms,
            cap_ms: self.past.judgement.hold_ms(),
            state,
            seed: self.past.seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::evaluation::Judgement;
    use sla_domain::range::AllowedRange;
    use sla_proto::convert::millis;

    const STEP_MS: i64 = 60_000;

    /// Fourteen hours with a bump every 80 min.
    fn samples() -> Samples {
        let values = (0..840_i32).map(|i| if i % 80 > 60 { 9.0 } else { 1.0 } + f64::from(i * 31 % 17) / 17.0);
        Samples::from_columns((0..840).map(|i| i * STEP_MS).collect(), values.collect())
    }

    fn all(replay: &mut Replay<'_>) -> Vec<ScoredForecast> {
        let mut rows = Vec::new();
        while replay.next_ms().is_some() {
            rows.extend(replay.round(false));
        }
        rows
    }

    #[test]
    fn what_was_said_is_scored_once_and_teaches_and_nothing_later_is_seen() {
        let samples = samples();
        let judgement = Judgement::new(AllowedRange::at_most(5.0).unwrap(), 2 * STEP_MS);
        let past = Past {
            samples: &samples,
            judgement: &judgement,
            at_ms: 839 * STEP_MS,
            horizon_ms: 600_000,
            seed: 7,
        };
        let from_ms = 240 * STEP_MS;
        let mut replay = Replay::new(past, STEP_MS, from_ms);
        let rows = all(&mut replay);
        // Every second minute, but for those at the end whose time has not come.
        assert_eq!(rows.len() as u64, replay.record().scored);
        assert!((285..=300).contains(&rows.len()), "{}", rows.len());
        let made: Vec<i64> = rows.iter().map(|row| millis(row.made.as_ref().unwrap())).collect();
        assert!(made.is_sorted() && made[0] == from_ms && made[1] == from_ms + 120_000);
        let mut learned = replay.state().unwrap().clone();
        let own = learned.record_mut(600_000).scored;
        assert!(
            (65.0..90.0).contains(&own),
            "one lesson a horizon, sixty, and what the history before taught: {own}"
        );
        assert!(replay.record().brier().unwrap() < 0.15, "a repeating bump is learned");
        let half = Past {
            at_ms: 539 * STEP_MS,
            ..past
        };
        let earlier = all(&mut Replay::new(half, STEP_MS, from_ms));
        assert_eq!(earlier[..], rows[..earlier.len()], "what comes later changes nothing");
    }
}
