//! What is expected to be violated, where the forecaster is proven: looked at once a minute, for channels that want it.

use std::collections::HashMap;
use std::time::Duration;

use sla_proto::convert::timestamp;
use sla_proto::notify::v1::Notice;
use sla_proto::series::v1::CounterMode;
use sla_proto::violation::v1::{FutureRow, ListFutureViolationsRequest, Side, State, Trust};
use tokio::time::Instant;

use crate::book::Pages;
use crate::core::Core;
use crate::desk::Work;
use crate::handle;
use crate::story;

/// How often the forecasts are looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// Stories of what is expected.
const OF_FORECASTS: &str = "coming";

/// When it was looked last.
#[derive(Debug, Default)]
pub(crate) struct Coming(Option<Instant>);

/// What was found, by handle.
#[derive(Debug)]
pub(crate) struct Expected {
    notices: HashMap<String, Notice>,
    from: f64,
}

impl Coming {
    /// The forecasts, when it is time; `None` when nobody wants them, or nobody knows.
    pub(crate) async fn look(&mut self, core: &Core, pages: &Pages) -> Option<Expected> {
        if !pages.channels.iter().any(|channel| channel.coming && !channel.disabled) {
            return None;
        }
        if self.0.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return None;
        }
        self.0 = Some(Instant::now());
        let request = ListFutureViolationsRequest::default();
        // Without an answer nothing is known: neither that it comes nor that it does not.
        let answer = core.peer.violations().list_future_violations(request).await.ok()?;
        let now_ms = core.now_ms();
        let rows = answer.into_inner().rows;
        Some(Expected {
            notices: rows.iter().filter_map(|row| expectation(row, now_ms)).collect(),
            from: core.options.coming_from,
        })
    }
}

/// Of a series that is not violated yet, by a forecaster that has shown what it can.
fn expectation(row: &FutureRow, now_ms: i64) -> Option<(String, Notice)> {
    let (objective, status) = (row.objective.as_ref()?, row.series.as_ref()?);
    let outlook = status.outlook.as_ref()?;
    let record = outlook.track_record.as_ref()?;
    let probability = outlook.probability?;
    if record.trust() != Trust::Proven || status.state() == State::Violated {
        return None;
    }
    let series = status.series.clone()?;
    let handle = handle::handle(&objective.id, objective.generation, &series.id);
    let range = objective.range.unwrap_or_default();
    let outside = outlook.predicted_outside.first();
    // Where only one bound is agreed there is only one side to leave to.
    let bound = match (range.min, range.max) {
        (None, Some(max)) => Some((Side::Above, max)),
        (Some(min), None) => Some((Side::Below, min)),
        (Some(min), Some(max)) => outside.and_then(|point| match point.side() {
            Side::Above => Some((Side::Above, max)),
            Side::Below => Some((Side::Below, min)),
            Side::Unspecified => None,
        }),
        (None, None) => None,
    };
    let notice = Notice {
        handle: handle.clone(),
        set_id: row.set_id.clone(),
        objective_id: objective.id.clone(),
        objective_name: objective.name.clone(),
        generation: objective.generation,
        series: Some(series),
        side: bound.map_or(0, |(side, _)| side.into()),
        bound: bound.map(|(_, bound)| bound),
        since: Some(timestamp(now_ms)),
        count: 1,
        probability: Some(probability),
        horizon: outlook.horizon,
        first_crossing: outlook.first_crossing,
        track_record: record.text.clone(),
        raw: objective.counter_mode() == CounterMode::Raw,
        ..Notice::default()
    };
    Some((handle, notice))
}

impl Expected {
    /// Moves the stories on, at most `most` of them.
    pub(crate) fn tell(&self, work: &mut Work<'_>, most: usize) {
        for (handle, notice) in &self.notices {
            let set = work.set(&notice.set_id);
            for channel in work.channels(set, handle, OF_FORECASTS) {
                if !channel.coming || work.len() >= most {
                    continue;
                }
                let notice = Notice {
                    set_name: set.map_or_else(String::new, |set| set.name.clone()),
                    ..notice.clone()
                };
                work.act(channel, handle, OF_FORECASTS, |story, rules, silence, now_ms| {
                    story::expected(story, Some(notice), self.from, rules, silence, now_ms)
                });
            }
        }
        for (channel_id, handle) in work.open(OF_FORECASTS) {
            if let (Some(channel), false) = (work.channel(&channel_id), self.notices.contains_key(&handle)) {
                work.act(channel, &handle, OF_FORECASTS, |story, rules, silence, now_ms| {
                    story::expected(story, None, self.from, rules, silence, now_ms)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::objective::v1::{AllowedRange, Objective};
    use sla_proto::series::v1::Series;
    use sla_proto::violation::v1::{Outlook, SeriesStatus, TrackRecord};

    fn row(trust: Trust, state: State, probability: Option<f64>) -> FutureRow {
        let outlook = Outlook {
            probability,
            track_record: Some(TrackRecord {
                trust: trust.into(),
                ..TrackRecord::default()
            }),
            ..Outlook::default()
        };
        FutureRow {
            set_id: "web".to_owned(),
            objective: Some(Objective {
                id: "load".to_owned(),
                range: Some(AllowedRange {
                    max: Some(4.0),
                    ..AllowedRange::default()
                }),
                ..Objective::default()
            }),
            series: Some(SeriesStatus {
                series: Some(Series {
                    id: vec![7; 16],
                    ..Series::default()
                }),
                state: state.into(),
                outlook: Some(outlook),
                ..SeriesStatus::default()
            }),
        }
    }

    #[test]
    fn only_a_proven_forecaster_is_listened_to() {
        let told = |trust, state, probability| expectation(&row(trust, state, probability), 1_000).is_some();
        assert!(told(Trust::Proven, State::Ok, Some(0.9)));
        assert!(
            told(Trust::Proven, State::AtRisk, Some(0.2)),
            "what is less likely ends a story"
        );
        for trust in [Trust::Unproven, Trust::Withheld, Trust::Unspecified] {
            assert!(!told(trust, State::Ok, Some(0.99)), "{trust:?}");
        }
        assert!(!told(Trust::Proven, State::Ok, None), "withheld is no probability");
        assert!(!told(Trust::Proven, State::Violated, Some(0.9)), "it is there already");
        let unknown = FutureRow::default();
        assert!(expectation(&unknown, 1_000).is_none());
        let (handle, notice) = expectation(&row(Trust::Proven, State::Ok, Some(0.9)), 1_000).unwrap();
        assert_eq!((notice.side(), notice.bound), (Side::Above, Some(4.0)));
        assert_eq!(notice.handle, handle);
    }
}
