//! SamplesRead samples from the role that owns them: requests cut to the limits, chunks decoded on the CPU pool.

use sla_domain::{Labels, Samples, SeriesId};
use sla_proto::Peer;
use sla_proto::convert;
use sla_proto::etl::v1::{QueryFailure, ReadSamplesRequest};
use sla_proto::samples::{RawReading, RawSeries, ReadError, ReadLimits};
use sla_proto::series::v1::{Query, Series, SourceStatus};
use sla_runtime::pool::CpuPool;
use sla_source::xor;

use crate::error::SlaError;
use crate::options::{MAX_QUERIES_PER_READ, READ_TIMEOUT};

/// What one read may bring: 2,000 series of 26 h at 1 s would be far above these bytes, at 15 s far below. How many series
/// is the owner's to refuse, by the number in the request.
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

/// One series as it was read.
#[derive(Debug, Clone)]
pub struct ReadSeries {
    /// As the source names it.
    pub series: Series,
    /// Its fingerprint.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Labels,
    /// The query it was found by.
    pub query_index: usize,
    /// Typical distance of its samples, milliseconds; 0 when unknown.
    pub spacing_ms: i64,
    /// Its samples, times rising.
    pub samples: Samples,
}

/// The answer to a [`ReadPlan`].
#[derive(Debug, Clone, Default)]
pub struct SamplesRead {
    /// What came.
    pub series: Vec<ReadSeries>,
    /// How the source did.
    pub status: SourceStatus,
    /// Queries that failed, index into the plan's.
    pub failures: Vec<QueryFailure>,
}

/// Reads; an error means that nothing came.
pub async fn read(peer: &Peer, pool: &CpuPool, plan: &ReadPlan) -> Result<SamplesRead, SlaError> {
    let mut reading = SamplesRead::default();
    for (batch, queries) in plan.queries.chunks(MAX_QUERIES_PER_READ).enumerate() {
        let offset = batch * MAX_QUERIES_PER_READ;
        let request = ReadSamplesRequest {
            queries: queries.to_vec(),
            after: Some(convert::timestamp(plan.after_ms)),
            until: Some(convert::timestamp(plan.until_ms)),
            max_series: plan.max_series,
            cached_only: plan.cached_only,
            long_view: false,
        };
        let RawReading { series, summary } = peer.read_samples(request, LIMITS).await?;
        let decoded = pool
            .run(move || {
                series
                    .into_iter()
                    .map(|part| decode(part, offset))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await??;
        reading.series.extend(decoded);
        reading
            .failures
            .extend(summary.failures.into_iter().map(|failure| QueryFailure {
                query_index: failure.query_index + offset as u32,
                ..failure
            }));
        reading.status = summary.status.unwrap_or_default();
    }
    Ok(reading)
}

fn decode(raw: RawSeries, offset: usize) -> Result<ReadSeries, ReadError> {
    let mut samples = Samples::default();
    for chunk in &raw.chunks {
        xor::decode_range(&chunk.xor, i64::MIN, i64::MAX, &mut samples).map_err(ReadError::garbled)?;
    }
    Ok(ReadSeries {
        labels: raw.labels,
        id: raw.id,
        query_index: raw.query_index + offset,
        spacing_ms: raw.spacing_ms,
        // Overlapping chunks are put in order here.
        samples: Samples::from_columns(samples.times_ms, samples.values),
        series: raw.series,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_domain::SourceId;
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

    fn raw(chunks: Vec<SampleChunk>) -> RawSeries {
        let labels = Labels::from_pairs([("__name__", "up")]);
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        RawSeries {
            series: convert::series_message(id, "s", &labels, "", SeriesKind::Gauge),
            id,
            labels,
            query_index: 3,
            spacing_ms: 15_000,
            chunks,
        }
    }

    #[test]
    fn chunks_become_one_rising_column() {
        let chunks = vec![chunk(&[(1000, 1.0), (2000, 0.0)]), chunk(&[(2000, 0.0), (3000, 1.0)])];
        let series = decode(raw(chunks), 200).unwrap();
        assert_eq!(series.query_index, 203);
        assert_eq!(series.samples.times_ms, [1000, 2000, 3000]);
        assert_eq!(series.samples.values, [1.0, 0.0, 1.0]);
    }

    #[test]
    fn garbage_is_an_error_and_not_silence() {
        let broken = SampleChunk {
            xor: vec![0xff, 0xff, 1].into(),
            ..SampleChunk::default()
        };
        assert!(matches!(decode(raw(vec![broken]), 0), Err(ReadError::Garbled(_))));
    }
}
