//! Series that are not raw: results of expressions and the long view.

use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Samples, SeriesId};
use sla_source::port::LONG_VIEW_STEP_MS;
use sla_source::{Call, ExpressionRequest, LongViewRequest, ReadLimits, SourceError, Targets};
use tokio::time::Instant;

use super::clip::{clip, held};
use super::expressions::Key;
use super::reader::{Inner, LongSeries, Tally};
use super::reading::{ReadPlan, SeriesReading};
use crate::error::EtlError;
use crate::metrics::add;
use crate::query::ReadQuery;

/// The long view of a query is read again when it is older than this.
const LONG_VIEW_AGE: Duration = Duration::from_hours(1);
/// Long views kept.
const MAX_LONG_VIEWS: usize = 64;

impl Inner {
    /// The series of the expressions.
    pub(super) async fn evaluated(&self, plan: &ReadPlan, call: &Call, tally: &mut Tally) -> Vec<SeriesReading> {
        let mut out = Vec::new();
        for (query_index, query) in plan.queries.iter().enumerate() {
            let ReadQuery::Expression { text, step_ms } = query else {
                continue;
            };
            let key: Key = (text.clone(), *step_ms);
            if !plan.cached_only && tally.outage.is_none() {
                let until_ms = plan.until_ms.min(self.clock.now_ms());
                if let Some(range) = self.expressions.missing(&key, plan.after_ms, until_ms) {
                    let begun = Instant::now();
                    let answer = match self.health.gate() {
                        Ok(()) => {
                            let (source, limit) = (self.source.as_ref(), plan.max_series);
                            let keep_ms = self.history_ms.max(range.1 - range.0);
                            self.expressions.read(source, &key, range, keep_ms, limit, call).await
                        }
                        Err(error) => Err(error),
                    };
                    tally.source_time += begun.elapsed();
                    match answer {
                        Ok(bytes) => {
                            add(&self.metrics.source_reads, 1);
                            tally.bytes += bytes;
                            self.health.succeeded(None, &[]);
                        }
                        Err(error) => {
                            self.failed(&error);
                            tally.problem(query_index, error);
                        }
                    }
                }
            }
            for (labels, samples) in self.expressions.get(&key, plan.after_ms, plan.until_ms) {
                let (id, series) = self.catalogue.expression_message(text, &labels);
                out.push(whole(series, id, query_index, *step_ms, &samples));
            }
        }
        out
    }

    /// The long view of the queries: the mean of each 5 min.
    pub(super) async fn long_view(
        &self,
        plan: &ReadPlan,
        call: &Call,
        tally: &mut Tally,
    ) -> Result<Vec<SeriesReading>, EtlError> {
        let mut out = Vec::new();
        for (query_index, query) in plan.queries.iter().enumerate() {
            let known = {
                let state = self.state();
                state
                    .long_views
                    .iter()
                    .find(|(of, _, _)| of == query)
                    .map(|(_, read, view)| (read.elapsed(), view.clone()))
            };
            let view = match known {
                Some((age, view)) if age < LONG_VIEW_AGE || plan.cached_only => view,
                None if plan.cached_only => continue,
                older => match self.read_long(query, plan, call, tally).await {
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
                    ReadQuery::Selector(_) => self.catalogue.series_message(labels),
                    ReadQuery::Expression { text, .. } => self.catalogue.expression_message(text, labels),
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
        Ok(out)
    }

    async fn read_long(
        &self,
        query: &ReadQuery,
        plan: &ReadPlan,
        call: &Call,
        tally: &mut Tally,
    ) -> Result<LongSeries, SourceError> {
        self.health.gate()?;
        let begun = Instant::now();
        let limits = ReadLimits {
            max_series: plan.max_series,
        };
        let end_ms = self.clock.now_ms();
        let answer = match query {
            ReadQuery::Selector(selector) => {
                let request = LongViewRequest {
                    targets: Targets::Selectors(vec![selector.text().to_owned()]),
                    end_ms,
                    length_ms: self.long_view_ms,
                    limits,
                };
                self.source.long_view(&request, call).await.map(|view| {
                    let series = view.series.into_iter();
                    let series = series
                        .map(|one| (one.labels, Samples::from_columns(one.times_ms, one.avg)))
                        .collect();
                    (series, view.bytes)
                })
            }
            ReadQuery::Expression { text, .. } => {
                let step_ms = LONG_VIEW_STEP_MS;
                let end_ms = end_ms.div_euclid(step_ms) * step_ms;
                let request = ExpressionRequest {
                    expression: text.clone(),
                    start_ms: end_ms - self.long_view_ms,
                    end_ms,
                    step_ms,
                    limits,
                };
                self.source
                    .read_expression(&request, call)
                    .await
                    .map(|read| (read.series, read.bytes))
            }
        };
        tally.source_time += begun.elapsed();
        let (series, bytes) = answer.inspect_err(|error| self.failed(error))?;
        tally.bytes += bytes;
        self.health.succeeded(None, &[]);
        let view: LongSeries = Arc::new(series);
        let mut state = self.state();
        state.long_views.retain(|(of, _, _)| of != query);
        if state.long_views.len() >= MAX_LONG_VIEWS {
            state.long_views.remove(0);
        }
        state.long_views.push((query.clone(), Instant::now(), view.clone()));
        Ok(view)
    }
}

/// A series whose samples are given as they are.
fn whole(
    series: sla_proto::series::v1::Series,
    id: SeriesId,
    query_index: usize,
    spacing_ms: i64,
    samples: &Samples,
) -> SeriesReading {
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
