//! Bulk reads: batches, the fastest way that works, halving what is too large, failures series by series.

use std::collections::HashSet;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use sla_domain::{Labels, Samples};

use super::json::{self, QueryData, Success};
use super::question::Question;
use super::{Prometheus, plan};
use crate::error::SourceError;
use crate::port::{Call, ReadRequest, Targets};
use crate::reply::{RawRead, RawSeries, SeriesData, SeriesFailure, Way};

/// How often a batch is cut in two before it is given up: 200 series are single ones after 8 cuts.
const MAX_HALVINGS: u32 = 8;

impl Prometheus {
    /// The series of `targets` with samples in the range, or an error when they are too many.
    pub(super) async fn resolve(
        &self,
        targets: &Targets,
        after_ms: i64,
        until_ms: i64,
        max_series: usize,
        call: &Call,
    ) -> Result<Vec<Labels>, SourceError> {
        match targets {
            Targets::Selectors(selectors) => self.find_series(selectors, after_ms, until_ms, max_series, call).await,
            Targets::Series(series) if series.len() > max_series => Err(SourceError::TooManySeries {
                found: series.len(),
                limit: max_series,
            }),
            Targets::Series(series) => Ok(series.clone()),
        }
    }

    pub(super) async fn read_bulk(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        let (after_ms, until_ms) = (request.after_ms, request.until_ms);
        let ways = self.raw_ways(call).await?;
        let fastest = ways.first().copied().unwrap_or(Way::InstantQuery);
        let mut whole = RawRead::empty(fastest, after_ms, until_ms);
        if until_ms <= after_ms {
            return Ok(whole);
        }
        let limit = request.limits.max_series.min(self.client.options.max_series);
        let series = self.resolve(&request.targets, after_ms, until_ms, limit, call).await?;
        let mut first_error = None;
        let parts = plan::batches(series).into_iter().map(|batch| {
            let size = batch.len();
            async move {
                (
                    size,
                    self.read_batch(batch, after_ms, until_ms, MAX_HALVINGS, call).await,
                )
            }
        });
        let parts: Vec<BoxFuture<'_, (usize, RawRead)>> = parts.map(|part| Box::pin(part) as _).collect();
        let mut parts = futures::stream::iter(parts).buffer_unordered(self.client.options.concurrency.max(1));
        let mut read_any = false;
        while let Some((size, part)) = parts.next().await {
            read_any |= part.failures.len() < size;
            if let Some(failure) = part.failures.first() {
                first_error.get_or_insert_with(|| failure.error.clone());
            }
            whole.absorb(part);
        }
        match first_error {
            // Nothing came, or nobody waits any more: the error is the answer.
            Some(error) if !read_any || matches!(error, SourceError::Cancelled { .. }) => Err(error),
            _ => {
                whole.series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                Ok(whole)
            }
        }
    }

    /// Reads a batch by the fastest way that works. Never fails as a whole: each series that could not be read is in
    /// the failures.
    fn read_batch<'a>(
        &'a self,
        batch: Vec<Labels>,
        after_ms: i64,
        until_ms: i64,
        halvings: u32,
        call: &'a Call,
    ) -> BoxFuture<'a, RawRead> {
        Box::pin(async move {
            let error = match self.read_once(&batch, after_ms, until_ms, call).await {
                Ok(read) => return read,
                Err(error) => error,
            };
            if is_too_much(&error) && batch.len() > 1 && halvings > 0 {
                let mut left = batch;
                let right = left.split_off(left.len() / 2);
                let mut read = self.read_batch(left, after_ms, until_ms, halvings - 1, call).await;
                read.absorb(self.read_batch(right, after_ms, until_ms, halvings - 1, call).await);
                return read;
            }
            // The fastest way, so that a batch that brought nothing does not change what the others say.
            let mut failed = RawRead::empty(Way::RemoteReadChunks, after_ms, until_ms);
            failed.failures = batch
                .into_iter()
                .map(|labels| SeriesFailure {
                    labels,
                    error: error.clone(),
                })
                .collect();
            failed
        })
    }

    async fn read_once(
        &self,
        batch: &[Labels],
        after_ms: i64,
        until_ms: i64,
        call: &Call,
    ) -> Result<RawRead, SourceError> {
        let ways = self.raw_ways(call).await?;
        let mut last = None;
        for way in ways {
            let read = match way {
                Way::RemoteReadChunks | Way::RemoteReadSamples => {
                    self.read_remote(way, batch, after_ms, until_ms, call).await
                }
                Way::InstantQuery => self.read_by_query(batch, after_ms, until_ms, call).await,
                Way::QueryRange | Way::Replay => continue,
            };
            match read {
                Ok(read) => return Ok(read),
                // A slower way would not help: the server is away, the batch too big, or nobody waits any more.
                Err(error) if !may_differ(way, &error) => return Err(error),
                Err(error) => {
                    tracing::warn!(source = %self.client.options.id.0, way = way.as_str(), %error, "this way of reading fails; trying the next");
                    self.give_up(way);
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| SourceError::NotFound {
            tried: format!("reading samples from {}", self.client.shown_url()),
        }))
    }

    /// Instant queries `selector[range]` at the end of the range.
    async fn read_by_query(
        &self,
        batch: &[Labels],
        after_ms: i64,
        until_ms: i64,
        call: &Call,
    ) -> Result<RawRead, SourceError> {
        let mut out = RawRead::empty(Way::InstantQuery, after_ms, until_ms);
        let mut wanted: HashSet<&Labels> = batch.iter().collect();
        for selection in plan::selections(batch, plan::Style::QUERY) {
            let question = Question::Form {
                path: "api/v1/query",
                parameters: vec![
                    (
                        "query",
                        format!("{}[{}ms]", plan::text(&selection), until_ms - after_ms),
                    ),
                    ("time", seconds(until_ms)),
                    ("timeout", format!("{}ms", self.client.options.timeout.as_millis())),
                ],
            };
            let answer = self.client.ask(&question, call).await?;
            let read: Success<QueryData> = json::success(&answer)?;
            out.bytes += answer.body.len() as u64;
            out.requests += 1;
            for warning in read.warnings {
                if !out.warnings.contains(&warning) {
                    out.warnings.push(warning);
                }
            }
            for one in read.data.series {
                out.histograms_skipped += u64::from(one.has_histograms);
                // Once each: a selection may match more than was asked for.
                if !wanted.remove(&one.labels) {
                    continue;
                }
                let samples = clipped(one.samples, after_ms, until_ms);
                if samples.is_empty() {
                    continue;
                }
                out.samples += samples.len() as u64;
                out.series.push(RawSeries {
                    labels: one.labels,
                    data: SeriesData::Plain(samples),
                });
            }
        }
        Ok(out)
    }
}

/// Whether `error` may be one of this way of reading only.
fn may_differ(way: Way, error: &SourceError) -> bool {
    if way == Way::InstantQuery || is_too_much(error) {
        return false;
    }
    match error {
        SourceError::Decode { .. }
        | SourceError::NotFound { .. }
        | SourceError::NotPrometheus { .. }
        | SourceError::Unauthorized { .. }
        | SourceError::BadQuery { .. } => true,
        SourceError::Server { status, .. } => !matches!(status, 429 | 502 | 503 | 504),
        _ => false,
    }
}

/// Whether a smaller question may be answered.
pub(super) fn is_too_much(error: &SourceError) -> bool {
    match error {
        // 414 and 431: by GET a long list of series makes a long address.
        SourceError::TooLarge { .. }
        | SourceError::Server {
            status: 413 | 414 | 431,
            ..
        } => true,
        SourceError::Server { status: 422, kind, .. } => kind.as_deref() == Some("execution"),
        // 400 "exceeded sample limit" of remote read.
        SourceError::Server {
            status: 400, excerpt, ..
        } => excerpt.contains("sample limit"),
        _ => false,
    }
}

/// Cut to (after, until]: 2.x answers with the left edge included.
pub(super) fn clipped(samples: Samples, after_ms: i64, until_ms: i64) -> Samples {
    let (times, values) = samples.between(after_ms, until_ms);
    if times.len() == samples.len() {
        return samples;
    }
    Samples {
        times_ms: times.to_vec(),
        values: values.to_vec(),
    }
}

/// Unix milliseconds as the API's seconds.
pub(super) fn seconds(ms: i64) -> String {
    format!(
        "{}{}.{:03}",
        if ms < 0 { "-" } else { "" },
        ms.unsigned_abs() / 1000,
        ms.unsigned_abs() % 1000
    )
}
