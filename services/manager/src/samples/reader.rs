//! Reading samples from the role that owns them: requests cut to the limits, series handed on while a read goes on.

use std::sync::Arc;

use sla_domain::Samples;
use sla_proto::Peer;
use sla_proto::convert;
use sla_proto::etl::v1::{QueryFailure, ReadSamplesRequest, ReadSummary};
use sla_proto::samples::{GoingRead, RawSeries, ReadError, ReadLimits};
use sla_proto::series::v1::{Query, SourceStatus};
use sla_runtime::pool::CpuPool;
use sla_source::xor;

use crate::error::SlaError;
use crate::options::{MAX_QUERIES_PER_READ, READ_TIMEOUT};
use crate::samples::series::{HeldSeries, SeriesHead};

/// What one read may bring: 10,000 series of 12 h at 15 s are half of it. How many series is the owner's to refuse, by the
/// number in the request.
const LIMITS: ReadLimits = ReadLimits {
    series: usize::MAX,
    bytes: 256 << 20,
    time: READ_TIMEOUT,
};

/// What to read, all at one instant.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    /// What to read; the index of each is repeated on the series that answer it.
    pub queries: Vec<Query>,
    /// Excluded, Unix milliseconds; one sample before it comes too.
    pub after_ms: i64,
    /// Included, Unix milliseconds.
    pub until_ms: i64,
    /// Refused above this many series.
    pub max_series: u32,
    /// Only what is in memory, whatever its age.
    pub cached_only: bool,
}

/// What is known once everything came.
#[derive(Debug, Clone, Default)]
pub struct ReadEnd {
    /// How the source did.
    pub status: SourceStatus,
    /// Queries that failed, index into the plan's.
    pub failures: Vec<QueryFailure>,
}

/// One series as it was read.
#[derive(Debug, Clone)]
pub struct ReadSeries {
    /// With its samples.
    pub held: HeldSeries,
    /// The query it was found by.
    pub query_index: usize,
}

/// The answer to a [`ReadPlan`].
#[derive(Debug, Clone, Default)]
pub struct SamplesRead {
    /// What came.
    pub series: Vec<ReadSeries>,
    /// How it ended.
    pub end: ReadEnd,
}

/// Reads, and decodes on the pool; an error means that nothing came.
pub async fn read(peer: &Peer, pool: &CpuPool, plan: &ReadPlan) -> Result<SamplesRead, SlaError> {
    let mut series = Vec::new();
    let mut parts = ReadParts::new(peer.clone(), plan.clone());
    while let Some(part) = parts.next().await? {
        let decoded = pool.run(move || part.iter().map(decoded).collect::<Result<Vec<_>, _>>());
        series.extend(decoded.await??);
    }
    Ok(SamplesRead { series, end: parts.end })
}

/// A plan that is being read: series come part by part, so that a read of ten thousand is never held as a whole.
#[derive(Debug)]
pub struct ReadParts {
    peer: Peer,
    plan: ReadPlan,
    /// The queries before this one were read.
    read: usize,
    going: Option<GoingRead>,
    /// What is known once everything came.
    pub end: ReadEnd,
}

impl ReadParts {
    /// Asks nothing yet.
    pub fn new(peer: Peer, plan: ReadPlan) -> Self {
        Self {
            peer,
            plan,
            read: 0,
            going: None,
            end: ReadEnd::default(),
        }
    }

    /// The next series; `None` when everything came.
    pub async fn next(&mut self) -> Result<Option<Vec<RawSeries>>, SlaError> {
        loop {
            let mut going = match self.going.take() {
                Some(going) => going,
                None if self.read >= self.plan.queries.len() => return Ok(None),
                None => self.ask().await?,
            };
            if let Some(mut part) = going.next().await? {
                for raw in &mut part {
                    raw.query_index += self.read;
                }
                self.going = Some(going);
                return Ok(Some(part));
            }
            self.close(going.summary);
        }
    }

    async fn ask(&self) -> Result<GoingRead, ReadError> {
        let plan = &self.plan;
        let last = (self.read + MAX_QUERIES_PER_READ).min(plan.queries.len());
        let request = ReadSamplesRequest {
            queries: plan.queries[self.read..last].to_vec(),
            after: Some(convert::timestamp(plan.after_ms)),
            until: Some(convert::timestamp(plan.until_ms)),
            max_series: plan.max_series,
            cached_only: plan.cached_only,
            long_view: false,
        };
        self.peer.stream_samples(request, LIMITS).await
    }

    fn close(&mut self, summary: ReadSummary) {
        let offset = self.read as u32;
        let failures = summary.failures.into_iter().map(|failure| QueryFailure {
            query_index: failure.query_index + offset,
            ..failure
        });
        self.end.failures.extend(failures);
        self.end.status = summary.status.unwrap_or_default();
        self.read += MAX_QUERIES_PER_READ;
    }
}

/// The samples of a series, times rising; overlapping chunks are put in order.
pub fn decode(raw: &RawSeries) -> Result<Samples, ReadError> {
    let mut samples = Samples::default();
    for chunk in &raw.chunks {
        xor::decode_range(&chunk.xor, i64::MIN, i64::MAX, &mut samples).map_err(ReadError::garbled)?;
    }
    Ok(samples)
}

fn decoded(raw: &RawSeries) -> Result<ReadSeries, ReadError> {
    Ok(ReadSeries {
        held: HeldSeries {
            head: Arc::new(SeriesHead::of_message(&raw.series).ok_or(ReadError::Nameless)?),
            spacing_ms: raw.spacing_ms,
            samples: Arc::new(decode(raw)?),
        },
        query_index: raw.query_index,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::samples::series::tests::head;
    use sla_proto::series::v1::{SampleChunk, SeriesKind};

    fn chunk(samples: &[(i64, f64)]) -> SampleChunk {
        let mut encoder = xor::XorEncoder::new();
        for &(time, value) in samples {
            assert!(encoder.push(time, value));
        }
        SampleChunk {
            xor: encoder.bytes().to_vec().into(),
            count: samples.len() as u32,
            first_ms: samples[0].0,
            last_ms: samples[samples.len() - 1].0,
        }
    }

    pub(crate) fn raw(name: &str, host: &str, query_index: usize, chunks: &[&[(i64, f64)]]) -> RawSeries {
        let head = head(name, host, SeriesKind::Gauge);
        RawSeries {
            series: head.message(),
            id: head.id,
            query_index,
            spacing_ms: 15_000,
            chunks: chunks.iter().map(|samples| chunk(samples)).collect(),
        }
    }

    #[test]
    fn chunks_become_one_rising_column() {
        let raw = raw(
            "up",
            "a",
            203,
            &[&[(1000, 1.0), (2000, 0.0)], &[(2000, 0.0), (3000, 1.0)]],
        );
        let series = decoded(&raw).unwrap();
        assert_eq!(series.query_index, 203);
        assert_eq!(series.held.samples.times_ms, [1000, 2000, 3000]);
        assert_eq!(series.held.samples.values, [1.0, 0.0, 1.0]);
        assert_eq!(series.held.head, head("up", "a", SeriesKind::Gauge));
    }

    #[test]
    fn garbage_is_an_error_and_not_silence() {
        let mut bad = raw("up", "a", 0, &[]);
        bad.chunks.push(SampleChunk {
            xor: vec![0xff, 0xff, 1].into(),
            ..SampleChunk::default()
        });
        assert!(matches!(decoded(&bad), Err(ReadError::Garbled(_))));
    }
}
