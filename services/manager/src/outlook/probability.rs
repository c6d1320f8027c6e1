//! What is expected of one series: the pool of `sla_analysis`, asked about the bounds of an objective.

use sla_analysis::arima;
use sla_analysis::pool::{
    Futures, History, LEVELS, MAX_HORIZON_STEPS, PoolForecast, PoolState, Question, Side, Threshold, Told,
};
use sla_domain::range::AllowedRange;
use sla_domain::{Samples, SeriesId};
use sla_proto::convert::timestamp;
use sla_proto::violation::v1::{FanPoint, NoOutlook};

use crate::outlook::absence::Absence;

/// Below this a first crossing is not worth naming.
const SMALL_PROBABILITY: f64 = 0.05;
/// A probability of leaving on either side is kept this far from certainty.
const CERTAINTY: f64 = 0.999;

/// Slots the rival is fitted to at most …
const ARIMA_SLOTS: usize = 1_440;
/// … and at least.
const ARIMA_LEAST_SLOTS: usize = 60;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// What is allowed.
    pub range: &'a AllowedRange,
    /// What is judged: raw samples, or the rate. Those after `at_ms` are not looked at.
    pub samples: &'a Samples,
    /// The instant, Unix milliseconds.
    pub at_ms: i64,
    /// How far ahead, milliseconds.
    pub horizon_ms: i64,
    /// How long a sample holds, milliseconds: an older series has no outlook.
    pub cap_ms: i64,
    /// What was learned about the series; without it it is learned from the samples, which costs more.
    pub state: Option<&'a PoolState>,
    /// Makes the drawn paths repeatable.
    pub seed: u64,
}

/// What is expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// That the range is left, or stays left, within the horizon; inside (0, 1).
    pub probability: f64,
    /// Median time of the first crossing, Unix milliseconds; `None` when the probability is small.
    pub first_crossing_ms: Option<i64>,
    /// Bands a step.
    pub fan: Vec<FanPoint>,
    /// Median at the end of the horizon.
    pub value_at_end: f64,
    /// The 95 % band at the end of the horizon.
    pub band: (f64, f64),
    /// Which experts made it.
    pub method: String,
    /// Under an hour of history, or a constant.
    pub low_confidence: bool,
    /// 1 when outside at the instant, else 0.
    pub last_value: f64,
    /// The share of past horizons with a violation.
    pub base_rate: f64,
    /// To be kept: weights, warm starts.
    pub state: PoolState,
    /// What was said about each bound: to learn from when the outcome is known.
    pub told: Vec<Told>,
    /// Of each of these rows whether it is about the upper bound.
    pub uppers: Vec<bool>,
    /// The horizon as the pool counts it, milliseconds.
    pub pool_horizon_ms: i64,
}

/// Asks the pool. `Err` says why there is no answer.
pub fn expect(asking: &Asking<'_>) -> Result<Expectation, Absence> {
    Drawing::new(asking)?.expect(asking)
}

/// What may come of a series, drawn once: any bounds can be held against it afterwards.
#[derive(Debug, Clone)]
pub struct Drawing {
    futures: Futures,
    /// The instant it was drawn at, Unix milliseconds.
    pub at_ms: i64,
    /// Samples it stands on.
    pub samples: usize,
    last_ms: i64,
    step_ms: f64,
    newest_value: f64,
    pool_horizon_ms: i64,
}

impl Drawing {
    /// Draws; the range asked about does not matter. `Err` says why there is nothing to draw from.
    pub fn new(asking: &Asking<'_>) -> Result<Self, Absence> {
        let (times, values) = asking.samples.between(i64::MIN, asking.at_ms);
        let newest = times.iter().zip(values).rev().find(|(_, value)| value.is_finite());
        let Some((&newest_ms, &newest_value)) = newest else {
            return Err(Absence::no_history());
        };
        if asking.at_ms >= newest_ms.saturating_add(asking.cap_ms) {
            return Err(Absence::silent(newest_ms, asking.at_ms));
        }
        let oldest_ms = times.iter().zip(values).find(|(_, value)| value.is_finite());
        let history_ms = oldest_ms.map_or(0, |(oldest_ms, _)| asking.at_ms.saturating_sub(*oldest_ms));
        if let Some(short) = Absence::of_history(history_ms, asking.horizon_ms) {
            return Err(short);
        }
        let history = History::new(times, values).map_err(|error| Absence::refused(&error))?;
        let step_ms = (history.step_ms as f64 / history.steps_per_slot).max(1.0);
        let ahead_ms = asking.at_ms.saturating_add(asking.horizon_ms) - history.last_ms;
        let steps = ((ahead_ms as f64 / step_ms).ceil() as usize).clamp(1, MAX_HORIZON_STEPS);
        let question = Question::new(vec![steps], thresholds(asking.range));
        let futures =
            Futures::draw(&history, &question, asking.state, asking.seed).map_err(|error| Absence::refused(&error))?;
        Ok(Self {
            futures,
            at_ms: asking.at_ms,
            samples: times.len(),
            last_ms: history.last_ms,
            step_ms,
            newest_value,
            pool_horizon_ms: history.slots_of_steps(steps) as i64 * history.step_ms,
        })
    }

    /// What it says about the range of `asking`.
    pub fn expect(&self, asking: &Asking<'_>) -> Result<Expectation, Absence> {
        let thresholds = thresholds(asking.range);
        let answer = self
            .futures
            .answer(&thresholds)
            .map_err(|error| Absence::refused(&error))?;
        let by_bound = answer.probability.first().cloned().unwrap_or_default();
        // A path rarely leaves on both sides within one horizon: the sum is the honest bound.
        let probability = by_bound
            .iter()
            .sum::<f64>()
            .min(CERTAINTY.max(by_bound.iter().copied().fold(0.0, f64::max)));
        let outside_now = !asking.range.contains(self.newest_value);
        let likeliest = by_bound
            .iter()
            .zip(&answer.first_crossing)
            .max_by(|a, b| a.0.total_cmp(b.0))
            .and_then(|(_, crossing)| crossing.median_step);
        let first_crossing_ms = if outside_now {
            Some(asking.at_ms)
        } else {
            likeliest.map(|step| self.time_of(step).max(asking.at_ms))
        };
        let fan = self.fan(&answer);
        let end = fan.last().copied().ok_or_else(|| Absence {
            kind: NoOutlook::Refused,
            words: "the forecast has no band".to_owned(),
            figures: None,
        })?;
        let last_value = if outside_now { 1.0 } else { 0.0 };
        Ok(Expectation {
            probability,
            first_crossing_ms: first_crossing_ms.filter(|_| probability >= SMALL_PROBABILITY),
            value_at_end: end.median,
            band: (end.low_95, end.high_95),
            fan,
            method: answer.method,
            low_confidence: answer.low_confidence,
            last_value,
            base_rate: base_rate(asking).unwrap_or(last_value),
            state: self.futures.state().clone(),
            told: answer.told.into_iter().next().unwrap_or_default(),
            uppers: thresholds
                .iter()
                .map(|threshold| threshold.side == Side::Upper)
                .collect(),
            pool_horizon_ms: self.pool_horizon_ms,
        })
    }

    fn time_of(&self, step: usize) -> i64 {
        self.last_ms + (step as f64 * self.step_ms).round() as i64
    }

    fn fan(&self, answer: &PoolForecast) -> Vec<FanPoint> {
        let row = |level: usize, at: usize| answer.value.rows.get(level).and_then(|row| row.get(at)).copied();
        let point = |(at, &step): (usize, &usize)| {
            Some(FanPoint {
                time: Some(timestamp(self.time_of(step))),
                low_95: row(0, at)?,
                low_80: row(2, at)?,
                low_50: row(3, at)?,
                median: row(4, at)?,
                high_50: row(5, at)?,
                high_80: row(6, at)?,
                high_95: row(LEVELS.len() - 1, at)?,
            })
        };
        answer.steps.iter().enumerate().filter_map(point).collect()
    }
}

fn thresholds(range: &AllowedRange) -> Vec<Threshold> {
    let upper = range.max().map(Threshold::upper);
    upper.into_iter().chain(range.min().map(Threshold::lower)).collect()
}

/// The share of past horizons, back from the instant, in which a sample lay outside; horizons without samples do not
/// count. `None` without any.
fn base_rate(asking: &Asking<'_>) -> Option<f64> {
    let (times, values) = asking.samples.between(i64::MIN, asking.at_ms);
    let (mut seen, mut left) = (0_u32, 0_u32);
    let mut block = None;
    let mut block_left = false;
    for (&time, &value) in times.iter().zip(values).rev().filter(|(_, value)| value.is_finite()) {
        let here = asking.at_ms.saturating_sub(time) / asking.horizon_ms.max(1);
        if block != Some(here) {
            block = Some(here);
            block_left = false;
            seen += 1;
        }
        if !block_left && !asking.range.contains(value) {
            block_left = true;
            left += 1;
        }
    }
    (seen > 0).then(|| f64::from(left) / f64::from(seen))
}

/// What ARIMA(1,1,1) says about the same question: the rival a track record names. `None` where it cannot be fitted (a
/// constant, too little history without a gap).
pub fn arima_rival(asking: &Asking<'_>) -> Option<f64> {
    let (times, values) = asking.samples.between(i64::MIN, asking.at_ms);
    let history = History::new(times, values).ok()?;
    let run = history.slots.rsplit(|value| value.is_nan()).next()?;
    let run = &run[run.len().saturating_sub(ARIMA_SLOTS)..];
    if run.len() < ARIMA_LEAST_SLOTS {
        return None;
    }
    let model = arima::fit(run, arima::Order::new(1, 1, 1)).ok()?;
    let ahead_ms = asking.at_ms.saturating_add(asking.horizon_ms) - history.last_ms;
    let slots = ((ahead_ms as f64 / history.step_ms as f64).ceil() as usize).clamp(1, MAX_HORIZON_STEPS);
    let probability = model.violation_within(slots, asking.range.min(), asking.range.max());
    (0.0..=1.0).contains(&probability).then_some(probability)
}

/// A seed that belongs to a series.
pub fn seed(series: SeriesId) -> u64 {
    series
        .0
        .iter()
        .take(8)
        .fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MS: i64 = 15_000;

    fn asking<'a>(range: &'a AllowedRange, samples: &'a Samples, at_ms: i64) -> Asking<'a> {
        Asking {
            range,
            samples,
            at_ms,
            horizon_ms: 600_000,
            cap_ms: 2 * STEP_MS,
            state: None,
            seed: 1,
        }
    }

    /// Four hours of a slow wave between 0 and 2, with a little noise.
    fn wave() -> Samples {
        let values = (0..960_i32).map(|i| {
            let noise = f64::from(i * 7919 % 97) / 97.0 * 0.1;
            1.0 + (f64::from(i) / 60.0).sin() + noise
        });
        Samples::from_columns((0..960).map(|i| i * STEP_MS).collect(), values.collect())
    }

    #[test]
    fn far_bounds_are_unlikely_and_near_ones_likely() {
        let samples = wave();
        let at_ms = 959 * STEP_MS;
        let far = AllowedRange::at_most(50.0).unwrap();
        let unlikely = expect(&asking(&far, &samples, at_ms)).unwrap();
        assert!(unlikely.probability < 0.1, "{}", unlikely.probability);
        assert_eq!((unlikely.last_value, unlikely.base_rate), (0.0, 0.0));
        assert!(unlikely.first_crossing_ms.is_none());
        let broken = AllowedRange::at_most(-1.0).unwrap();
        let sure = expect(&asking(&broken, &samples, at_ms)).unwrap();
        assert!(sure.probability > 0.9 && sure.probability < 1.0, "{}", sure.probability);
        assert_eq!(
            (sure.last_value, sure.base_rate, sure.first_crossing_ms),
            (1.0, 1.0, Some(at_ms))
        );
    }

    #[test]
    fn the_fan_is_ordered_and_ends_at_the_horizon() {
        let samples = wave();
        let range = AllowedRange::new(Some(0.2), Some(1.8)).unwrap();
        let at_ms = 959 * STEP_MS;
        let expected = expect(&asking(&range, &samples, at_ms)).unwrap();
        for point in &expected.fan {
            let line = [
                point.low_95,
                point.low_80,
                point.low_50,
                point.median,
                point.high_50,
                point.high_80,
                point.high_95,
            ];
            assert!(line.windows(2).all(|pair| pair[0] <= pair[1]), "{line:?}");
        }
        assert_eq!(expected.fan.last().unwrap().time, Some(timestamp(at_ms + 600_000)));
        assert_eq!(expected.told.len(), 2, "one row a bound");
        // What was learned makes the same answer again, for less.
        let again = expect(&Asking {
            state: Some(&expected.state),
            ..asking(&range, &samples, at_ms)
        })
        .unwrap();
        assert_eq!(again.probability, expected.probability);
    }

    #[test]
    fn what_lies_ahead_is_never_looked_at_and_silence_has_no_outlook() {
        let samples = wave();
        let range = AllowedRange::at_most(1.5).unwrap();
        let at_ms = 500 * STEP_MS;
        let mut cut = samples.clone();
        cut.times_ms.truncate(501);
        cut.values.truncate(501);
        // As text: an expert with nothing to say is NaN, which equals nothing.
        let words = |samples: &Samples| format!("{:?}", expect(&asking(&range, samples, at_ms)));
        assert_eq!(words(&samples), words(&cut));
        let silent = expect(&asking(&range, &cut, at_ms + 2 * STEP_MS)).unwrap_err();
        assert_eq!(silent.kind, NoOutlook::Silent);
        assert!(silent.words.starts_with("no data"), "{silent:?}");
        let none = expect(&asking(&range, &Samples::default(), 0)).unwrap_err();
        assert_eq!(none.kind, NoOutlook::NoHistory);
    }

    #[test]
    fn a_day_ahead_needs_a_day_behind() {
        let quarter_ms = 900_000;
        let of_hours = |hours: i64| {
            let times: Vec<i64> = (0..=hours * 4).map(|i| i * quarter_ms).collect();
            let values = times.iter().map(|time| (*time as f64 / 1.4e7).sin() * 10.0);
            Samples::from_columns(times.clone(), values.collect())
        };
        let range = AllowedRange::at_most(9.0).unwrap();
        let ask = |hours: i64| {
            let samples = of_hours(hours);
            let asking = Asking {
                horizon_ms: 86_400_000,
                cap_ms: 4 * quarter_ms,
                ..asking(&range, &samples, hours * 3_600_000)
            };
            expect(&asking)
        };
        assert_eq!(ask(23).unwrap_err().kind, NoOutlook::HistoryTooShort);
        let day = ask(26).unwrap();
        assert!(
            day.low_confidence,
            "a day ahead on little more than a day is worth no two digits"
        );
        assert!((0.0..=1.0).contains(&day.probability));
        assert_eq!(day.pool_horizon_ms, 86_400_000);
    }

    #[test]
    fn the_rival_answers_the_same_question() {
        let samples = wave();
        let at_ms = 959 * STEP_MS;
        let far = AllowedRange::at_most(50.0).unwrap();
        let broken = AllowedRange::at_most(-1.0).unwrap();
        assert!(arima_rival(&asking(&far, &samples, at_ms)).unwrap() < 0.05);
        assert!(arima_rival(&asking(&broken, &samples, at_ms)).unwrap() > 0.95);
        assert_eq!(
            arima_rival(&asking(&far, &samples, 20 * STEP_MS)),
            None,
            "too little history"
        );
    }

    #[test]
    fn the_base_rate_counts_horizons_with_samples() {
        let range = AllowedRange::at_most(1.0).unwrap();
        // Three horizons back from 1,800 s: the newest good, one without samples, the oldest bad.
        let samples = Samples::from_columns(vec![300_000, 500_000, 1_500_000], vec![0.0, 9.0, 0.5]);
        let rate = |samples: &Samples| base_rate(&asking(&range, samples, 1_800_000));
        assert_eq!(rate(&samples), Some(0.5));
        assert_eq!(rate(&Samples::default()), None);
        let ancient = Samples::from_columns(vec![i64::MIN / 4, 1_500_000], vec![9.0, 0.0]);
        assert_eq!(rate(&ancient), Some(0.5), "a long gap ends");
    }
}
