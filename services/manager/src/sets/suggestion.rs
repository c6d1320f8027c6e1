//! A range proposed from the last 12 h of a query.

use std::sync::Arc;

use sla_domain::evaluation::{Judgement, evaluate};
use sla_domain::invalid::Invalid;
use sla_domain::objective::{Objective, ObjectiveId};
use sla_domain::query::Query;
use sla_domain::range::AllowedRange;
use sla_domain::spacing;
use sla_domain::suggestion::{MIN_VALUES, suggest as suggest_range, unit_limits, widest};
use sla_domain::{Samples, Window};
use sla_proto::convert;
use sla_proto::objective::v1 as objective_pb;
use sla_proto::series::v1::{CounterMode, Query as QueryMessage};
use sla_proto::set::v1::{SuggestRangeRequest, SuggestRangeResponse};

use crate::core::ManagerCore;
use crate::error::SlaError;
use crate::evaluation::judge::{judged_samples, spacing_ms};
use crate::samples::reader::{ReadPlan, ReadSeries, read};
use crate::samples::series::HeldSeries;
use crate::sets::catalog::KnownObjective;

/// How much history a suggestion stands on, milliseconds (12 h).
pub const HISTORY_MS: i64 = 12 * 3_600_000;
const CANNOT_SUGGEST: &str = "no range can be suggested";

/// A proposal and what it stands on.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// Both bounds.
    pub range: AllowedRange,
    /// Values looked at.
    pub samples: u64,
    /// From the first to the last of them, milliseconds.
    pub spanned_ms: i64,
}

/// Reads the last 12 h of a query at the source that it names, by that source's clock, and proposes.
pub(crate) async fn propose(
    core: &ManagerCore,
    query: &Query,
    message: QueryMessage,
    mode: CounterMode,
) -> Result<Suggestion, SlaError> {
    let at_ms = core.present_of(&message.source);
    let plan = ReadPlan {
        queries: vec![message],
        after_ms: at_ms - HISTORY_MS,
        until_ms: at_ms,
        max_series: core.options.max_series,
        cached_only: false,
    };
    let reading = read(&core.peer, &core.judging, &plan).await?;
    if let Some(failure) = reading.end.failures.first() {
        let words = failure.message.as_str();
        return Err(refuse(
            query,
            words,
            "correct the query, or ask again when the source answers",
        ));
    }
    if reading.series.is_empty() {
        let fix = "check the metric name and the labels";
        return Err(refuse(query, "is unknown: no series matched it in the last 12 h", fix));
    }
    let known = probe(query, mode).map_err(|invalid| SlaError::invalid(CANNOT_SUGGEST, invalid))?;
    let (found, count) = core.judging.run(move || from_series(&known, reading.series)).await?;
    found.ok_or_else(|| {
        let rule = format!("has {count} values in the last 12 h, a suggestion needs at least {MIN_VALUES}");
        refuse(query, &rule, "wait for more history or give the bounds yourself")
    })
}

fn refuse(query: &Query, rule: &str, fix: &str) -> SlaError {
    SlaError::invalid(CANNOT_SUGGEST, Invalid::new("query", query.text(), rule, fix))
}

/// An objective that exists only to say how its samples are read.
fn probe(query: &Query, mode: CounterMode) -> Result<KnownObjective, Invalid> {
    let mut asked = objective_pb::Objective {
        query: Some(convert::query_message(query, Objective::DEFAULT_STEP_MS)),
        range: Some(objective_pb::AllowedRange {
            min: Some(0.0),
            ..objective_pb::AllowedRange::default()
        }),
        ..objective_pb::Objective::default()
    };
    asked.set_counter_mode(mode);
    let mut objective = convert::objective(&asked).map_err(|mut problems| problems.remove(0))?;
    objective.id = ObjectiveId::new("probe")?;
    Ok(KnownObjective::new("", "", objective, &asked))
}

/// A range that would have been violated more often than this in the history it stands on says nothing about what is
/// usual, and is not suggested.
const MAX_VIOLATIONS: usize = 3;

fn from_series(known: &KnownObjective, series: Vec<ReadSeries>) -> (Option<Suggestion>, usize) {
    let judged: Vec<(HeldSeries, Arc<Samples>)> = series
        .into_iter()
        .map(|ReadSeries { held, .. }| {
            let (judged, _) = judged_samples(known, &held);
            (held, judged)
        })
        .collect();
    let points = judged.iter().flat_map(|(_, judged)| judged.iter());
    let (times, values): (Vec<i64>, Vec<f64>) = points.filter(|(_, value)| value.is_finite()).unzip();
    let name = known.objective.query.metric_name().unwrap_or("");
    let limits = unit_limits(name, &values);
    let usual = suggest_range(&values, limits);
    let range = usual
        .filter(|range| violations(&judged, range) <= MAX_VIOLATIONS)
        .or_else(|| widest(&values, limits));
    let spanned_ms = times
        .iter()
        .max()
        .zip(times.iter().min())
        .map_or(0, |(last, first)| last - first);
    let suggestion = range.map(|range| Suggestion {
        range,
        samples: values.len() as u64,
        spanned_ms,
    });
    (suggestion, values.len())
}

/// How often a range would have been violated.
fn violations(judged: &[(HeldSeries, Arc<Samples>)], range: &AllowedRange) -> usize {
    let of_series = |(held, judged): &(HeldSeries, Arc<Samples>)| {
        let judgement = Judgement::new(*range, spacing::cap_ms(spacing_ms(held)));
        let end_ms = judged.times_ms.last().copied().unwrap_or(0);
        let window = Window {
            end_ms,
            length_ms: HISTORY_MS,
        };
        evaluate(judged, &judgement, window).intervals.len()
    };
    judged.iter().map(of_series).sum()
}

/// A query in its normal form, of the source and with the step that were asked for.
fn question(query: &Query, asked: &QueryMessage) -> QueryMessage {
    let step_ms = Some(asked.step_ms).filter(|&step_ms| step_ms > 0);
    QueryMessage {
        source: asked.source.clone(),
        ..convert::query_message(query, step_ms.unwrap_or(Objective::DEFAULT_STEP_MS))
    }
}

/// For the rpc.
pub(crate) async fn suggest(
    core: &ManagerCore,
    request: SuggestRangeRequest,
) -> Result<SuggestRangeResponse, SlaError> {
    let query = convert::query(request.query.as_ref()).map_err(|invalid| SlaError::invalid(CANNOT_SUGGEST, invalid))?;
    let mode = request.counter_mode();
    let message = question(&query, &request.query.unwrap_or_default());
    let found = propose(core, &query, message, mode).await?;
    Ok(SuggestRangeResponse {
        range: Some(convert::range_message(&found.range)),
        samples: found.samples,
        spanned_ms: found.spanned_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::series::tests::head;
    use sla_domain::Samples;
    use sla_proto::series::v1::SeriesKind;

    fn series(name: &str, kind: SeriesKind, values: impl Iterator<Item = f64>) -> ReadSeries {
        let values: Vec<f64> = values.collect();
        let times = (0..values.len() as i64).map(|i| i * 15_000).collect();
        ReadSeries {
            held: HeldSeries {
                head: head(name, "a", kind),
                spacing_ms: 15_000,
                samples: Samples::from_columns(times, values).into(),
            },
            query_index: 0,
        }
    }

    fn known(query: &str) -> KnownObjective {
        probe(&Query::parse(query).unwrap(), CounterMode::Auto).unwrap()
    }

    #[test]
    fn the_source_that_is_named_is_asked() {
        let asked = QueryMessage {
            source: "eu".to_owned(),
            ..QueryMessage::default()
        };
        let query = Query::parse("sum(up)").unwrap();
        let question = question(&query, &asked);
        assert_eq!(
            (question.source.as_str(), question.step_ms),
            ("eu", Objective::DEFAULT_STEP_MS)
        );
    }

    #[test]
    fn counters_are_suggested_a_rate() {
        let counter = series(
            "reqs_total",
            SeriesKind::Counter,
            (0..100).map(|i| f64::from(i) * 150.0),
        );
        let (found, _) = from_series(&known("reqs_total"), vec![counter]);
        let range = found.unwrap().range;
        assert_eq!((range.min(), range.max()), (Some(10.0), Some(10.0)));
    }

    #[test]
    fn what_would_have_been_violated_often_is_not_suggested() {
        // Six short peaks in 12 h: 0.2 % of all values, so no quantile sees them.
        let values = (0..2_880).map(|i| if i % 480 == 100 { 90.0 } else { f64::from(i % 5) + 1.0 });
        let (found, _) = from_series(
            &known("queue_length"),
            vec![series("queue_length", SeriesKind::Gauge, values)],
        );
        let range = found.unwrap().range;
        assert!(range.max().unwrap() >= 90.0 && range.min() >= Some(0.0), "{range:?}");
        let values = (0..2_880).map(|i| if i % 1_440 == 100 { 90.0 } else { f64::from(i % 5) + 1.0 });
        let (found, _) = from_series(
            &known("queue_length"),
            vec![series("queue_length", SeriesKind::Gauge, values)],
        );
        assert!(
            found.unwrap().range.max().unwrap() < 10.0,
            "two peaks are what a range is for"
        );
    }

    #[test]
    fn all_series_of_a_query_speak_and_percentages_are_clipped() {
        let a = series("cpu_percent", SeriesKind::Gauge, (0..50).map(f64::from));
        let b = series("cpu_percent", SeriesKind::Gauge, (50..=100).map(f64::from));
        let (found, count) = from_series(&known("cpu_percent"), vec![a, b]);
        let found = found.unwrap();
        assert_eq!((count, found.samples, found.spanned_ms), (101, 101, 50 * 15_000));
        assert_eq!((found.range.min(), found.range.max()), (Some(0.0), Some(100.0)));
        let few = series("up", SeriesKind::Gauge, (0..10).map(|_| 1.0));
        assert_eq!(from_series(&known("up"), vec![few]), (None, 10));
    }
}
