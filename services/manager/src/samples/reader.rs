//! SamplesRead samples from the role that owns them: requests cut to the limits, chunks decoded on the CPU pool.

use sla_domain::{Labels, Samples, SeriesId};
use sla_proto::Peer;
use sla_proto::convert;
use sla_proto::etl::v1::{QueryFailure, ReadSamplesRequest, SeriesSamples, read_samples_response};
use sla_proto::series::v1::{Query, Series, SourceStatus};
use sla_runtime::pool::CpuPool;
use sla_source::xor;

use crate::error::SlaError;
use crate::options::{MAX_QUERIES_PER_READ, READ_TIMEOUT};

/// Most bytes of chunks accepted in one read: 2,000 series of 26 h at 1 s would be far above it, at 15 s far below.
const MAX_READ_BYTES: usize = 256 << 20;

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
        let (raw, summary) = tokio::time::timeout(READ_TIMEOUT, collect(peer, request))
            .await
            .map_err(|_| SlaError::SourceSlow { after: READ_TIMEOUT })??;
        let decoded = pool
            .run(move || {
                raw.into_iter()
                    .map(|part| decode(part, offset))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await??;
        reading.series.extend(decoded);
        if let Some(summary) = summary {
            reading
                .failures
                .extend(summary.failures.into_iter().map(|failure| QueryFailure {
                    query_index: failure.query_index + offset as u32,
                    ..failure
                }));
            reading.status = summary.status.unwrap_or_default();
        }
    }
    Ok(reading)
}

async fn collect(
    peer: &Peer,
    request: ReadSamplesRequest,
) -> Result<(Vec<SeriesSamples>, Option<sla_proto::etl::v1::ReadSummary>), SlaError> {
    let upstream = |status| SlaError::upstream("read samples", status);
    let mut stream = peer
        .samples()
        .read_samples(request)
        .await
        .map_err(upstream)?
        .into_inner();
    let mut raw: Vec<SeriesSamples> = Vec::new();
    let mut bytes = 0_usize;
    while let Some(message) = stream.message().await.map_err(upstream)? {
        match message.part {
            Some(read_samples_response::Part::Series(part)) => {
                bytes += part.chunks.iter().map(|chunk| chunk.xor.len()).sum::<usize>();
                if bytes > MAX_READ_BYTES {
                    return Err(SlaError::TooManySamples {
                        limit_bytes: MAX_READ_BYTES,
                    });
                }
                raw.push(part);
            }
            Some(read_samples_response::Part::Summary(summary)) => return Ok((raw, Some(summary))),
            None => {}
        }
    }
    // The owner promises a summary as the last message: without it the answer may be cut.
    Err(SlaError::ReadCut)
}

fn decode(part: SeriesSamples, offset: usize) -> Result<ReadSeries, SlaError> {
    let series = part.series.unwrap_or_default();
    let id = convert::series_id(&series).ok_or(SlaError::BadSeries)?;
    let mut samples = Samples::default();
    for chunk in &part.chunks {
        xor::decode_range(&chunk.xor, i64::MIN, i64::MAX, &mut samples).map_err(SlaError::BadChunk)?;
    }
    Ok(ReadSeries {
        labels: convert::labels(&series),
        id,
        query_index: part.query_index as usize + offset,
        spacing_ms: part.spacing_ms,
        // Overlapping chunks are put in order here.
        samples: Samples::from_columns(samples.times_ms, samples.values),
        series,
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

    #[test]
    fn chunks_become_one_rising_column() {
        let labels = Labels::from_pairs([("__name__", "up")]);
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        let part = SeriesSamples {
            series: Some(convert::series_message(id, "s", &labels, "", SeriesKind::Gauge)),
            query_index: 3,
            spacing_ms: 15_000,
            chunks: vec![chunk(&[(1000, 1.0), (2000, 0.0)]), chunk(&[(2000, 0.0), (3000, 1.0)])],
        };
        let series = decode(part, 200).unwrap();
        assert_eq!(series.query_index, 203);
        assert_eq!(series.samples.times_ms, [1000, 2000, 3000]);
        assert_eq!(series.samples.values, [1.0, 0.0, 1.0]);
        assert_eq!(series.id, id);
    }

    #[test]
    fn garbage_is_an_error_and_not_silence() {
        let labels = Labels::from_pairs([("__name__", "up")]);
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        let mut part = SeriesSamples {
            series: Some(convert::series_message(id, "s", &labels, "", SeriesKind::Gauge)),
            query_index: 0,
            spacing_ms: 0,
            chunks: vec![SampleChunk {
                xor: vec![0xff, 0xff, 1].into(),
                ..SampleChunk::default()
            }],
        };
        assert!(matches!(decode(part.clone(), 0), Err(SlaError::BadChunk(_))));
        part.series = None;
        assert!(matches!(decode(part, 0), Err(SlaError::BadSeries)));
    }
}
