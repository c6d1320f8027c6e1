//! Bulk reads: batches, the fastest way that works, halving what is too large, failures series by series.

use std::collections::HashSet;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use sla_domain::{Labels, STALE_NAN_BITS, Samples};

use super::json::{self, QueryData, Success};
use super::question::Question;
use super::{Prometheus, plan};
use crate::error::SourceError;
use crate::limits::MAX_SERIES_SAMPLES;
use crate::port::{Call, ReadRequest, Targets};
use crate::reply::{RawRead, RawSeries, SeriesData, SeriesFailure, SeriesListing, Way};

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
    ) -> Result<SeriesListing, SourceError> {
        match targets {
            Targets::Selectors(selectors) => self.find_series(selectors, after_ms, until_ms, max_series, call).await,
            Targets::Series(series) if series.len() > max_series => Err(SourceError::TooManySeries {
                found: series.len(),
                limit: max_series,
            }),
            Targets::Series(series) => Ok(SeriesListing {
                series: series.clone(),
                ..SeriesListing::default()
            }),
        }
    }

    pub(super) async fn read_bulk(&self, request: &ReadRequest, call: &Call) -> Result<RawRead, SourceError> {
        let span = Span {
            after_ms: request.after_ms,
            until_ms: request.until_ms,
        };
        let ways = self.raw_ways(call).await?;
        let fastest = ways.first().copied().unwrap_or(Way::InstantQuery);
        let mut whole = RawRead::empty(fastest, span.after_ms, span.until_ms);
        if span.until_ms <= span.after_ms {
            return Ok(whole);
        }
        let limit = request.limits.max_series.min(self.client.options.max_series);
        let found = self
            .resolve(&request.targets, span.after_ms, span.until_ms, limit, call)
            .await?;
        whole.warn(found.warnings);
        let mut first_error = None;
        let parts = plan::batches(found.series).into_iter().map(|batch| async move {
            let size = batch.len();
            match self.raw_ways(call).await {
                Ok(ways) => (size, self.read_batch(batch, span, &ways, MAX_HALVINGS, call).await),
                Err(error) => (size, failed(batch, span, &error)),
            }
        });
        let parts: Vec<BoxFuture<'_, (usize, RawRead)>> = parts.map(|part| Box::pin(part) as _).collect();
        let mut parts = futures::stream::iter(parts).buffer_unordered(self.client.options.concurrency.max(1));
        let mut read_any = false;
        while let Some((size, part)) = parts.next().await {
            let of_source = part.failures.iter().filter(|failure| !failure.error.is_of_series());
            read_any |= of_source.clone().count() < size;
            if let Some(failure) = of_source.clone().next() {
                first_error.get_or_insert_with(|| failure.error.clone());
            }
            whole.absorb(part);
        }
        match first_error {
            // Nothing came, or nobody waits any more: the error is the answer.
            Some(error) if !read_any || matches!(error, SourceError::Cancelled { .. }) => Err(error),
            _ => {
                whole.count_histograms();
                whole.series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
                Ok(whole)
            }
        }
    }

    /// Reads a batch by the first of `ways` that works, what that cannot read by the next ones. Never fails as a whole:
    /// each series that could not be read is in the failures.
    fn read_batch<'a>(
        &'a self,
        batch: Vec<Labels>,
        span: Span,
        ways: &'a [Way],
        halvings: u32,
        call: &'a Call,
    ) -> BoxFuture<'a, RawRead> {
        Box::pin(async move {
            let Some((&way, slower)) = ways.split_first() else {
                let tried = format!("reading samples from {}", self.client.shown_url());
                return failed(batch, span, &SourceError::NotFound { tried });
            };
            let read = match way {
                Way::RemoteReadChunks | Way::RemoteReadSamples => self.read_remote(way, &batch, span, call).await,
                Way::InstantQuery => self.read_by_query(&batch, span, call).await,
                Way::QueryRange | Way::Replay => return self.read_batch(batch, span, slower, halvings, call).await,
            };
            match read {
                Ok(part) => self.completed(part, span, slower, call).await,
                Err(error) if is_too_much(&error) && batch.len() > 1 && halvings > 0 => {
                    let mut left = batch;
                    let right = left.split_off(left.len() / 2);
                    let mut read = self.read_batch(left, span, ways, halvings - 1, call).await;
                    read.absorb(self.read_batch(right, span, ways, halvings - 1, call).await);
                    read
                }
                // A slower way would not help: the server is away, the batch too big, or nobody waits any more.
                Err(error) if slower.is_empty() || !may_differ(way, &error) => failed(batch, span, &error),
                Err(error) => {
                    tracing::warn!(source = %self.client.options.id.0, way = way.as_str(), %error, "this way of reading fails; trying the next");
                    self.give_up(way);
                    self.read_batch(batch, span, slower, halvings, call).await
                }
            }
        })
    }

    /// Reads by the slower ways what the first one could not.
    async fn completed(&self, part: Part, span: Span, slower: &[Way], call: &Call) -> RawRead {
        let mut read = part.read;
        let queries: Vec<Way> = slower.iter().copied().filter(|way| !way.is_remote_read()).collect();
        for (rest, ways) in [(part.otherwise, slower), (part.by_query, queries.as_slice())] {
            if rest.is_empty() {
                continue;
            }
            match &part.because {
                Some(error) if ways.is_empty() => read.absorb(failed(rest, span, error)),
                _ => read.absorb(self.read_batch(rest, span, ways, MAX_HALVINGS, call).await),
            }
        }
        read
    }

    /// Instant queries `selector[range]` at the end of the range.
    async fn read_by_query(&self, batch: &[Labels], span: Span, call: &Call) -> Result<Part, SourceError> {
        let mut out = RawRead::empty(Way::InstantQuery, span.after_ms, span.until_ms);
        let nan_is_stale = self.nan_is_stale(call).await?;
        out.hides_stale = !nan_is_stale;
        let mut wanted: HashSet<&Labels> = batch.iter().collect();
        let mut mixed = 0;
        for selection in plan::selections(batch, plan::Style::QUERY) {
            let question = Question::Form {
                path: "api/v1/query",
                parameters: vec![
                    (
                        "query",
                        format!("{}[{}ms]", plan::text(&selection), span.until_ms - span.after_ms),
                    ),
                    ("time", seconds(span.until_ms)),
                    ("timeout", format!("{}ms", self.client.options.timeout.as_millis())),
                ],
            };
            let answer = self.client.ask(&question, call).await?;
            json::room(&answer)?;
            let read: Success<QueryData> = json::success(&answer)?;
            out.bytes += answer.body.len() as u64;
            out.requests += 1;
            out.warn(read.warnings);
            for labels in read.data.twice {
                if wanted.remove(&labels) {
                    out.failures.push(SeriesFailure {
                        error: json::twice(&answer.tried, &labels),
                        labels,
                    });
                }
            }
            for mut one in read.data.series {
                // Once each: a selection may match more than was asked for.
                if !wanted.remove(&one.labels) {
                    continue;
                }
                if nan_is_stale {
                    let nan = one.samples.values.iter_mut().filter(|value| value.is_nan());
                    nan.for_each(|value| *value = f64::from_bits(STALE_NAN_BITS));
                }
                let samples = clipped(one.samples, span.after_ms, span.until_ms);
                let error = match samples.len() as u64 {
                    0 if one.has_histograms => Some(SourceError::Histograms { count: 1 }),
                    found if found > MAX_SERIES_SAMPLES => Some(json::too_dense(&answer.tried, found)),
                    _ => None,
                };
                if let Some(error) = error {
                    out.failures.push(SeriesFailure {
                        labels: one.labels,
                        error,
                    });
                } else if !samples.is_empty() {
                    mixed += u64::from(one.has_histograms);
                    out.samples += samples.len() as u64;
                    out.series.push(RawSeries {
                        labels: one.labels,
                        data: SeriesData::Plain(samples),
                    });
                }
            }
        }
        out.mixed(mixed);
        Ok(Part::from(out))
    }
}

/// The range of a read: after (excluded), until (included), Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) after_ms: i64,
    pub(super) until_ms: i64,
}

/// What one way of reading made of a batch.
#[derive(Debug)]
pub(super) struct Part {
    /// What it read, and what it read to the end without success.
    pub(super) read: RawRead,
    /// Series to be read another way.
    pub(super) otherwise: Vec<Labels>,
    /// Series to be read by query: their labels are not certain by remote read.
    pub(super) by_query: Vec<Labels>,
    /// Why `otherwise` was not read.
    pub(super) because: Option<SourceError>,
}

impl From<RawRead> for Part {
    fn from(read: RawRead) -> Self {
        Self {
            read,
            otherwise: Vec::new(),
            by_query: Vec::new(),
            because: None,
        }
    }
}

/// A batch of which nothing was read.
fn failed(batch: Vec<Labels>, span: Span, error: &SourceError) -> RawRead {
    // The fastest way, so that a batch that brought nothing does not change what the others say.
    let mut failed = RawRead::empty(Way::RemoteReadChunks, span.after_ms, span.until_ms);
    failed.failures = batch
        .into_iter()
        .map(|labels| SeriesFailure {
            labels,
            error: error.clone(),
        })
        .collect();
    failed
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
        | SourceError::TooManySamples { .. }
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
