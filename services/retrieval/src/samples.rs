//! Samples from the role that owns them, decoded on the CPU pool.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sla_domain::{Labels, Samples, SeriesId};
use sla_proto::etl::v1::{QueryFailure, ReadSamplesRequest, ReadSummary, SeriesSamples, read_samples_response::Part};
use sla_proto::series::v1::{Series, SourceStatus};
use sla_proto::{Peer, convert};
use sla_runtime::pool::CpuPool;
use sla_source::xor;

use crate::error::RetrievalError;
use crate::options::MAX_READ_BYTES;

/// One series with its samples still compressed.
#[derive(Debug, Clone)]
pub struct ReadSeries {
    /// As the source names it.
    pub series: Series,
    /// Its fingerprint.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Labels,
    /// Typical distance of its samples, milliseconds.
    pub spacing_ms: i64,
    /// Shared: tables are sorted and cut by copies of this.
    chunks: Arc<Vec<Bytes>>,
}

impl ReadSeries {
    fn of(part: SeriesSamples) -> Option<Self> {
        let series = part.series?;
        Some(Self {
            id: convert::series_id(&series)?,
            labels: convert::labels(&series),
            spacing_ms: part.spacing_ms.max(1),
            chunks: Arc::new(part.chunks.into_iter().map(|chunk| chunk.xor).collect()),
            series,
        })
    }

    /// Its samples, times rising.
    pub fn samples(&self) -> Result<Samples, RetrievalError> {
        let mut out = Samples::default();
        for chunk in self.chunks.iter() {
            xor::decode_range(chunk, i64::MIN, i64::MAX, &mut out).map_err(RetrievalError::BadChunk)?;
        }
        Ok(out)
    }
}

/// The answer to a read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The series that came.
    pub series: Vec<ReadSeries>,
    /// How the source did.
    pub source: SourceStatus,
    /// Queries that failed.
    pub failures: Vec<QueryFailure>,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// What that took, milliseconds.
    pub read_ms: f64,
}

/// Reads; an error means that nothing came.
pub async fn read(peer: &Peer, request: ReadSamplesRequest, limit: Duration) -> Result<Reading, RetrievalError> {
    let slow = |_| RetrievalError::Upstream {
        doing: "read samples",
        cause: Arc::new(
            sla_runtime::status::Problem::new(
                tonic::Code::DeadlineExceeded,
                sla_runtime::status::reason::TOO_SLOW,
                format!("no full answer within {} ms", limit.as_millis()),
            )
            .hint("narrow the selector or the window")
            .status(),
        ),
    };
    tokio::time::timeout(limit, collect(peer, request))
        .await
        .map_err(slow)?
}

async fn collect(peer: &Peer, request: ReadSamplesRequest) -> Result<Reading, RetrievalError> {
    let upstream = RetrievalError::upstream("read samples");
    let mut stream = peer
        .samples()
        .read_samples(request)
        .await
        .map_err(&upstream)?
        .into_inner();
    let mut reading = Reading::default();
    let mut bytes = 0;
    while let Some(message) = stream.message().await.map_err(&upstream)? {
        match message.part {
            Some(Part::Series(part)) => {
                bytes += part.chunks.iter().map(|chunk| chunk.xor.len()).sum::<usize>();
                if bytes > MAX_READ_BYTES {
                    return Err(RetrievalError::TooManySamples {
                        limit_bytes: MAX_READ_BYTES,
                    });
                }
                reading.series.extend(ReadSeries::of(part));
            }
            Some(Part::Summary(ReadSummary {
                status,
                bytes_read,
                read_ms,
                failures,
                ..
            })) => {
                reading.source = status.unwrap_or_default();
                reading.failures = failures;
                reading.bytes_read = bytes_read;
                reading.read_ms = read_ms;
                return Ok(reading);
            }
            None => {}
        }
    }
    // The owner promises a summary as the last message: without it the answer may be cut.
    Err(RetrievalError::ReadCut)
}

/// Runs `work` on each series, spread over the pool, results in the order of the series.
pub async fn each<T, F>(pool: &CpuPool, series: Vec<ReadSeries>, work: F) -> Result<Vec<T>, RetrievalError>
where
    T: Send + 'static,
    F: Fn(ReadSeries) -> T + Send + Sync + Clone + 'static,
{
    let size = series.len().div_ceil(pool.threads().max(1)).max(1);
    let mut parts = Vec::new();
    let mut left = series.into_iter().peekable();
    while left.peek().is_some() {
        parts.push(left.by_ref().take(size).collect::<Vec<_>>());
    }
    let mut running = Vec::new();
    for part in parts {
        let (pool, work) = (pool.clone(), work.clone());
        running.push(async move { pool.run(move || part.into_iter().map(work).collect::<Vec<T>>()).await });
    }
    let mut out = Vec::new();
    for part in futures::future::join_all(running).await {
        out.extend(part?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use sla_domain::SourceId;
    use sla_proto::series::v1::{SampleChunk, SeriesKind};

    use super::*;

    fn part(chunks: Vec<Vec<u8>>) -> SeriesSamples {
        let labels = Labels::from_pairs([("__name__", "up")]);
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        SeriesSamples {
            series: Some(convert::series_message(id, "s", &labels, "", SeriesKind::Gauge)),
            chunks: chunks
                .into_iter()
                .map(|xor| SampleChunk {
                    xor: xor.into(),
                    ..SampleChunk::default()
                })
                .collect(),
            ..SeriesSamples::default()
        }
    }

    fn chunk(samples: &[(i64, f64)]) -> Vec<u8> {
        let mut encoder = xor::XorEncoder::new();
        for &(time, value) in samples {
            assert!(encoder.push(time, value));
        }
        encoder.bytes().to_vec()
    }

    #[tokio::test]
    async fn all_series_are_worked_on_in_order() {
        let series: Vec<ReadSeries> = (0..17_i64)
            .filter_map(|k| ReadSeries::of(part(vec![chunk(&[(k, 1.0)])])))
            .collect();
        let pool = CpuPool::new(3);
        let first = each(&pool, series, |one| one.samples().unwrap().times_ms[0])
            .await
            .unwrap();
        assert_eq!(first, (0..17).collect::<Vec<_>>());
        assert!(each(&pool, Vec::new(), |_| ()).await.unwrap().is_empty());
    }

    #[test]
    fn garbage_is_an_error_and_not_silence() {
        let broken = ReadSeries::of(part(vec![vec![0xff, 0xff, 1]])).unwrap();
        assert!(matches!(broken.samples(), Err(RetrievalError::BadChunk(_))));
        assert!(ReadSeries::of(SeriesSamples::default()).is_none());
    }
}
