//! Series that are not raw: results of expressions and the long view.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Clock as _, Samples, SeriesId};
use sla_proto::series::v1::Series;
use sla_source::port::LONG_VIEW_STEP_MS;
use sla_source::{Call, ExpressionRequest, LongViewRequest, ReadLimits, SourceError, Targets};
use tokio::time::Instant;

use super::clip::{clip, held};
use super::expressions::Key;
use super::known_looks::end_of_days;
use super::memory::{LongMeans, SampleMemory};
use super::reading::{ReadPlan, ReadTally, SeriesReading};
use crate::health::Asked;
use crate::query::ReadQuery;

/// The long view of a query is read again when it is older than this.
const LONG_VIEW_AGE: Duration = Duration::from_hours(1);

/// The series of the expressions.
pub(super) async fn evaluated(
    memory: &SampleMemory,
    plan: &ReadPlan,
    call: &Call,
    tally: &mut ReadTally,
) -> Vec<SeriesReading> {
    let mut out = Vec::new();
    for (query_index, query) in plan.queries.iter().enumerate() {
        let ReadQuery::Expression { text, step_ms } = query else {
            continue;
        };
        let key: Key = (text.clone(), *step_ms);
        if !plan.cached_only
            && tally.outage.is_none()
            && let Err(error) = evaluate_new(memory, &key, plan, call, tally).await
        {
            memory.failed(&error);
            tally.problem(query_index, error);
        }
        for (labels, samples) in memory.expressions.get(&key, plan.after_ms, plan.until_ms) {
            let (id, series) = memory.catalogue.expression_message(text, &labels);
            out.push(whole(series, id, query_index, *step_ms, &samples));
        }
    }
    out
}

/// Lets the server evaluate the instants that are not known yet.
async fn evaluate_new(
    memory: &SampleMemory,
    key: &Key,
    plan: &ReadPlan,
    call: &Call,
    tally: &mut ReadTally,
) -> Result<(), SourceError> {
    let present_ms = memory.clock.now_ms();
    memory.expressions.doubt_after(key, present_ms);
    let until_ms = plan.until_ms.min(present_ms);
    let Some(range) = memory.expressions.missing(key, plan.after_ms, until_ms) else {
        return Ok(());
    };
    memory.health.gate()?;
    let begun = Instant::now();
    let keep_ms = memory.history_ms.max(range.1 - range.0);
    let source = memory.source.as_ref();
    let answer = memory
        .expressions
        .read(source, key, range, keep_ms, plan.max_series, call)
        .await;
    tally.source_time += begun.elapsed();
    let Some((bytes, warnings)) = answer? else {
        return Ok(());
    };
    tally.bytes += bytes;
    memory.metrics.source_reads.inc();
    memory.health.succeeded(None);
    memory.health.warned(Asked::Values, &key.0, &warnings);
    Ok(())
}

/// The long view of the queries: the mean of each 5 min.
pub(super) async fn long_view(
    memory: &SampleMemory,
    plan: &ReadPlan,
    call: &Call,
    tally: &mut ReadTally,
) -> Vec<SeriesReading> {
    let mut out = Vec::new();
    for (query_index, query) in plan.queries.iter().enumerate() {
        let known = memory.remembered().long_view(query);
        let view = match known {
            Some((read, view)) if read.elapsed() < LONG_VIEW_AGE || plan.cached_only => view,
            None if plan.cached_only => continue,
            older => match read_long_view(memory, query, plan, call, tally).await {
                Ok(view) => view,
                Err(error) => {
                    tally.problem(query_index, error);
                    match older {
                        Some((_, view)) => view,
                        None => continue,
                    }
                }
            },
        };
        for (labels, samples) in view.iter() {
            let (id, series) = match query {
                ReadQuery::Selector(_) => memory.catalogue.series_message(labels),
                ReadQuery::Expression { text, .. } => memory.catalogue.expression_message(text, labels),
            };
            let (times, values) = samples.between(plan.after_ms, plan.until_ms);
            let cut = Samples {
                times_ms: times.to_vec(),
                values: values.to_vec(),
            };
            if !cut.is_empty() {
                out.push(whole(series, id, query_index, LONG_VIEW_STEP_MS, &cut));
            }
        }
    }
    out
}

async fn read_long_view(
    memory: &SampleMemory,
    query: &ReadQuery,
    plan: &ReadPlan,
    call: &Call,
    tally: &mut ReadTally,
) -> Result<LongMeans, SourceError> {
    memory.health.gate()?;
    let begun = Instant::now();
    let limits = ReadLimits {
        max_series: plan.max_series,
    };
    let (end_ms, length_ms) = (memory.clock.now_ms(), memory.long_view_ms);
    let answer = match query {
        ReadQuery::Selector(selector) => {
            let request = LongViewRequest {
                targets: Targets::Selectors(vec![selector.text().to_owned()]),
                end_ms,
                length_ms,
                limits,
            };
            memory.source.long_view(&request, call).await.map(|view| {
                let means = view.series.into_iter();
                let means = means.map(|one| (one.labels, Samples::from_columns(one.times_ms, one.avg)));
                (means.collect(), view.bytes, view.warnings)
            })
        }
        ReadQuery::Expression { text, .. } => {
            let end_ms = end_of_days(end_ms);
            let request = ExpressionRequest {
                expression: text.clone(),
                start_ms: end_ms - length_ms,
                end_ms,
                step_ms: LONG_VIEW_STEP_MS,
                limits,
            };
            let read = memory.source.read_expression(&request, call).await;
            read.map(|read| (read.series, read.bytes, read.warnings))
        }
    };
    tally.source_time += begun.elapsed();
    let (means, bytes, warnings) = answer.inspect_err(|error| memory.failed(error))?;
    tally.bytes += bytes;
    memory.health.succeeded(None);
    memory.health.warned(Asked::Days, query.text(), &warnings);
    let view: LongMeans = Arc::new(means);
    memory.remembered().keep_long_view(query, view.clone());
    Ok(view)
}

/// A series whose samples are given as they are.
fn whole(series: Series, id: SeriesId, query_index: usize, spacing_ms: i64, samples: &Samples) -> SeriesReading {
    let chunks = clip(&held(samples), i64::MIN, i64::MAX).unwrap_or_default();
    SeriesReading {
        series,
        id,
        query_index,
        spacing_ms,
        chunks,
        failure: None,
    }
}
