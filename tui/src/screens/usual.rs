//! What is usual at an hour: what a series did at the same time of day on the days before.

use std::collections::HashMap;

use sla_proto::convert as time;
use sla_proto::retrieval::v1::{GetChartRequest, GetChartResponse};
use sla_proto::series::v1::Query;

use crate::context::Context;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::theme::Role;
use crate::widget::chart::Layer;

const DAY_MS: i64 = 86_400_000;
/// Days looked back: as far as one chart reaches.
const DAYS: i64 = 7;
/// Stretches of a quarter of an hour.
const COLUMNS: u32 = 672;
/// Fewer days tell nothing about an hour.
const DAYS_MIN: usize = 3;
/// Series remembered, and for how long, milliseconds.
const KEPT_MAX: usize = 32;
const KEPT_MS: i64 = 30 * 60_000;

/// The lowest and the highest of each quarter of an hour.
#[derive(Debug, Clone)]
struct Week {
    asked_ms: i64,
    after_ms: i64,
    until_ms: i64,
    columns: Vec<Option<(f64, f64)>>,
}

/// The weeks of the series looked at last.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    weeks: HashMap<Vec<u8>, Week>,
    pending: Option<(RequestId, Vec<u8>, i64)>,
}

impl Usual {
    /// Reads the week of a series unless it is known.
    pub(crate) fn read(&mut self, cx: &mut Context, slot: Slot, query: Query, series_id: &[u8]) {
        let now = cx.now.mono_ms;
        let known = self
            .weeks
            .get(series_id)
            .is_some_and(|week| now - week.asked_ms < KEPT_MS);
        let asked = self.pending.as_ref().is_some_and(|(_, id, _)| id == series_id);
        if known || asked {
            return;
        }
        let until = cx.data_now_ms();
        let request = GetChartRequest {
            query: Some(query),
            series_id: series_id.to_vec(),
            after: Some(time::timestamp(until - DAYS * DAY_MS)),
            until: Some(time::timestamp(until)),
            columns: COLUMNS,
            counter_mode: 0,
        };
        let id = cx.call(slot, request);
        self.pending = Some((id, series_id.to_vec(), now));
    }

    /// A week that cannot be read is one without days: the band is only missing then.
    pub(crate) fn reply(&mut self, id: RequestId, result: Answer) {
        let Some((_, series, asked_ms)) = self.pending.take_if(|(asked, ..)| *asked == id) else {
            return;
        };
        if self.weeks.len() == KEPT_MAX {
            self.weeks.clear();
        }
        let chart = result.and_then(Reply::take::<GetChartResponse>).unwrap_or_default();
        let week = Week {
            asked_ms,
            after_ms: chart.after.as_ref().map_or(0, time::millis),
            until_ms: chart.until.as_ref().map_or(0, time::millis),
            columns: chart.columns.iter().map(|c| c.min.zip(c.max)).collect(),
        };
        self.weeks.insert(series, week);
    }

    /// The usual range of a series at a time of day and the days it is known from; `None` of fewer than three.
    pub(crate) fn at(&self, series_id: &[u8], time_ms: i64) -> Option<(f64, f64, usize)> {
        self.weeks.get(series_id)?.at(time_ms)
    }

    /// The band over (after, until]; nothing where no hour of it is known.
    pub(crate) fn band(&self, series_id: &[u8], after_ms: i64, until_ms: i64) -> Option<Layer> {
        let week = self.weeks.get(series_id)?;
        let step = ((until_ms - after_ms) / 100).max(60_000);
        let times = (after_ms..=until_ms).step_by(usize::try_from(step).ok()?);
        let points: Vec<(i64, f64, f64)> = times
            .filter_map(|at| week.at(at).map(|(low, high, _)| (at, low, high)))
            .collect();
        (points.len() > 1).then_some(Layer::Band {
            points,
            role: Role::Usual,
        })
    }
}

impl Week {
    fn at(&self, time_ms: i64) -> Option<(f64, f64, usize)> {
        let count = self.columns.len() as i64;
        let width = (self.until_ms - self.after_ms) / count.max(1);
        if width <= 0 {
            return None;
        }
        let (mut lows, mut highs) = (Vec::new(), Vec::new());
        for day in 1..=DAYS {
            let column = (time_ms - day * DAY_MS - self.after_ms).div_euclid(width);
            // Half an hour around it: what comes a little earlier one day is still usual.
            let near = (column - 1..=column + 1).filter_map(|at| *self.columns.get(usize::try_from(at).ok()?)?);
            let range = near.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            if let Some((low, high)) = range {
                lows.push(low);
                highs.push(high);
            }
        }
        (lows.len() >= DAYS_MIN).then(|| {
            let days = lows.len();
            (median(lows), median(highs), days)
        })
    }
}

/// The middle one; of two in the middle the lower.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A week in which each day climbs from 0 to 95 in quarters of an hour, but for one with an outage.
    fn week(days: i64) -> Week {
        Week {
            asked_ms: 0,
            after_ms: 0,
            until_ms: 7 * DAY_MS,
            columns: (0..672)
                .map(|n| {
                    let known = n / 96 >= 7 - days;
                    let value = if n / 96 == 5 { 1000.0 } else { (n % 96) as f64 };
                    known.then_some((value, value + 0.5))
                })
                .collect(),
        }
    }

    #[test]
    fn the_same_hour_of_other_days_is_usual_and_one_bad_day_is_not() {
        let noon = 7 * DAY_MS + DAY_MS / 2;
        let (low, high, days) = week(7).at(noon).unwrap();
        assert_eq!((low, high, days), (47.0, 49.5, 7));
        let midnight = week(7).at(7 * DAY_MS + 1).unwrap();
        assert!(midnight.0 < 1.0, "{midnight:?}");
    }

    #[test]
    fn two_days_tell_nothing() {
        assert!(week(2).at(7 * DAY_MS + DAY_MS / 2).is_none());
        assert!(week(3).at(7 * DAY_MS + DAY_MS / 2).is_some());
        let empty = Week {
            asked_ms: 0,
            after_ms: 0,
            until_ms: 0,
            columns: Vec::new(),
        };
        assert!(empty.at(5).is_none());
    }
}
