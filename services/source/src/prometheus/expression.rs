//! What the server evaluates for us: expressions on a grid, and the long view.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use sla_domain::{Labels, METRIC_NAME, Samples};

use super::json::{self, QueryData, Success};
use super::question::Question;
use super::read::seconds;
use super::{Prometheus, plan};
use crate::error::SourceError;
use crate::port::{Call, ExpressionRequest, LONG_VIEW_STEP_MS, LongViewRequest};
use crate::reply::{ExpressionRead, LongSeries, LongView, SeriesFailure};

/// Most points of a series the server computes in one range query; it refuses more than 11,000.
pub(super) const MAX_POINTS: i64 = 11_000;
/// Longest expression sent, in bytes.
const MAX_EXPRESSION_BYTES: usize = 64 << 10;

/// A batch and what came of it.
type Viewed = (Vec<Labels>, Result<LongView, SourceError>);

impl Prometheus {
    pub(super) async fn judge(&self, expression: &str, call: &Call) -> Result<(), SourceError> {
        bounded(expression)?;
        // At the beginning of time there is nothing to compute, but everything to parse and type-check.
        let question = Question::Form {
            path: "api/v1/query",
            parameters: vec![("query", expression.to_owned()), ("time", "0".into())],
        };
        let answer = self.client.ask(&question, call).await?;
        json::success::<QueryData>(&answer).map(|_| ())
    }

    pub(super) async fn evaluate(
        &self,
        request: &ExpressionRequest,
        call: &Call,
    ) -> Result<ExpressionRead, SourceError> {
        bounded(&request.expression)?;
        let mut out = ExpressionRead::default();
        let step = request.step_ms.max(1);
        if request.end_ms < request.start_ms {
            return Ok(out);
        }
        let limit = request.limits.max_series.min(self.client.options.max_series);
        let mut merged: BTreeMap<Labels, Samples> = BTreeMap::new();
        let mut histograms: BTreeSet<Labels> = BTreeSet::new();
        let mut long: BTreeSet<u64> = BTreeSet::new();
        let points = (request.end_ms - request.start_ms) / step + 1;
        // Pieces of the grid still to do, oldest last: (first point, points).
        let mut pieces: Vec<(i64, i64)> = Vec::new();
        let mut first = 0;
        while first < points {
            pieces.push((first, MAX_POINTS.min(points - first)));
            first += MAX_POINTS;
        }
        pieces.reverse();
        while let Some((first, count)) = pieces.pop() {
            let question = Question::Form {
                path: "api/v1/query_range",
                parameters: vec![
                    ("query", request.expression.clone()),
                    ("start", seconds(request.start_ms + first * step)),
                    ("end", seconds(request.start_ms + (first + count - 1) * step)),
                    ("step", seconds(step)),
                    ("timeout", format!("{}ms", self.client.options.timeout.as_millis())),
                ],
            };
            let answer = match self.client.ask(&question, call).await {
                Ok(answer) => answer,
                Err(error) if count > 1 && super::read::is_too_much(&error) => {
                    pieces.push((first + count / 2, count - count / 2));
                    pieces.push((first, count / 2));
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Err(error) = json::room(&answer) {
                if count == 1 {
                    return Err(error);
                }
                pieces.push((first + count / 2, count - count / 2));
                pieces.push((first, count / 2));
                continue;
            }
            let read: Success<QueryData> = json::success(&answer)?;
            out.bytes += answer.body.len() as u64;
            out.requests += 1;
            for warning in read.warnings {
                if !out.warnings.contains(&warning) {
                    out.warnings.push(warning);
                }
            }
            let data = read.data.each_once(&answer.tried)?;
            long.extend(data.long);
            for one in data.series {
                if one.has_histograms && one.samples.is_empty() {
                    histograms.insert(one.labels);
                    continue;
                }
                let series = merged.entry(one.labels).or_default();
                for (time, value) in one.samples.iter() {
                    series.push(time, value);
                }
            }
            if merged.len() > limit {
                return Err(SourceError::TooManySeries {
                    found: merged.len(),
                    limit,
                });
            }
        }
        histograms.retain(|labels| !merged.contains_key(labels));
        for (count, error) in [
            (
                histograms.len(),
                SourceError::Histograms {
                    count: histograms.len() as u64,
                },
            ),
            (
                long.len(),
                SourceError::LongLabels {
                    count: long.len() as u64,
                },
            ),
        ] {
            if count == 0 {
                continue;
            }
            if merged.is_empty() {
                return Err(error);
            }
            out.warnings.push(error.to_string());
        }
        out.series = merged.into_iter().collect();
        Ok(out)
    }

    /// avg, min and max per 5 min, three range queries a metric name (a function over several names fails).
    pub(super) async fn view_long(&self, request: &LongViewRequest, call: &Call) -> Result<LongView, SourceError> {
        let step = LONG_VIEW_STEP_MS;
        let end_ms = request.end_ms.div_euclid(step) * step;
        let start_ms = end_ms - request.length_ms.max(step) + step;
        let limit = request.limits.max_series.min(self.client.options.max_series);
        let found = self
            .resolve(&request.targets, start_ms - step, end_ms, limit, call)
            .await?;
        let mut out = LongView {
            step_ms: step,
            warnings: found.warnings,
            ..LongView::default()
        };
        let mut parts: Vec<BoxFuture<'_, Viewed>> = Vec::new();
        for batch in Self::by_metric(found.series).into_values().flat_map(plan::batches) {
            parts.push(Box::pin(async move {
                let view = self.view_batch(&batch, start_ms, end_ms, call).await;
                (batch, view)
            }));
        }
        let mut parts = futures::stream::iter(parts).buffer_unordered(self.client.options.concurrency.max(1));
        let mut first_error = None;
        while let Some((batch, part)) = parts.next().await {
            match part {
                Ok(part) => {
                    out.bytes += part.bytes;
                    out.requests += part.requests;
                    out.series.extend(part.series);
                    out.queries.extend(part.queries);
                    for warning in part.warnings {
                        if !out.warnings.contains(&warning) {
                            out.warnings.push(warning);
                        }
                    }
                }
                Err(error) => {
                    first_error.get_or_insert_with(|| error.clone());
                    out.failures.extend(batch.into_iter().map(|labels| SeriesFailure {
                        labels,
                        error: error.clone(),
                    }));
                }
            }
        }
        match first_error {
            Some(error) if out.series.is_empty() || matches!(error, SourceError::Cancelled { .. }) => Err(error),
            _ => {
                out.series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                Ok(out)
            }
        }
    }

    async fn view_batch(
        &self,
        batch: &[Labels],
        start_ms: i64,
        end_ms: i64,
        call: &Call,
    ) -> Result<LongView, SourceError> {
        let mut out = LongView::default();
        // The functions drop the metric name; what is left tells the series of one name apart.
        let names: BTreeMap<Labels, &Labels> = batch.iter().map(|labels| (nameless(labels), labels)).collect();
        let mut columns: BTreeMap<&Labels, BTreeMap<i64, [f64; 3]>> = BTreeMap::new();
        for selection in plan::selections(batch, plan::Style::FUNCTION) {
            let selector = plan::text(&selection);
            for (column, function) in ["avg", "min", "max"].into_iter().enumerate() {
                let expression = format!("{function}_over_time({selector}[{}s])", LONG_VIEW_STEP_MS / 1000);
                let read = self
                    .evaluate(
                        &ExpressionRequest {
                            expression: expression.clone(),
                            start_ms,
                            end_ms,
                            step_ms: LONG_VIEW_STEP_MS,
                            // More than the wanted may match; they are dropped below.
                            limits: crate::port::ReadLimits { max_series: usize::MAX },
                        },
                        call,
                    )
                    .await?;
                out.queries.push(expression);
                out.bytes += read.bytes;
                out.requests += read.requests;
                for warning in read.warnings {
                    if !out.warnings.contains(&warning) {
                        out.warnings.push(warning);
                    }
                }
                for (labels, samples) in read.series {
                    let Some(labels) = names.get(&nameless(&labels)) else {
                        continue;
                    };
                    let rows = columns.entry(labels).or_default();
                    for (time, value) in samples.iter() {
                        rows.entry(time).or_insert([f64::NAN; 3])[column] = value;
                    }
                }
            }
        }
        for (labels, rows) in columns {
            let mut one = LongSeries {
                labels: labels.clone(),
                ..LongSeries::default()
            };
            for (time, [avg, min, max]) in rows {
                one.times_ms.push(time);
                one.avg.push(avg);
                one.min.push(min);
                one.max.push(max);
            }
            out.series.push(one);
        }
        Ok(out)
    }
}

fn nameless(labels: &Labels) -> Labels {
    Labels::from_pairs(labels.iter().filter(|(name, _)| *name != METRIC_NAME))
}

fn bounded(expression: &str) -> Result<(), SourceError> {
    if expression.len() <= MAX_EXPRESSION_BYTES {
        return Ok(());
    }
    Err(SourceError::BadQuery {
        query: crate::error::excerpt(expression),
        message: format!(
            "the expression has {} bytes; at most {MAX_EXPRESSION_BYTES} are allowed",
            expression.len()
        ),
        position: None,
    })
}
