//! Samples from the role that owns them, decoded on the CPU pool.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Labels, SafeText, Samples, SeriesId, spacing};
use sla_proto::Peer;
use sla_proto::convert;
use sla_proto::etl::v1::{QueryFailure, ReadSamplesRequest};
use sla_proto::samples::{RawSeries, ReadError, ReadLimits};
use sla_proto::series::v1::{Query, SampleChunk, Series, SourceStatus};
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
    chunks: Arc<Vec<SampleChunk>>,
}

impl ReadSeries {
    fn of(raw: RawSeries) -> Self {
        Self {
            labels: raw.labels(),
            series: raw.series,
            id: raw.id,
            spacing_ms: match raw.spacing_ms {
                0 => spacing::DEFAULT_SPACING_MS,
                known_ms => known_ms,
            },
            chunks: Arc::new(raw.chunks),
        }
    }

    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        let labels: usize = self.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        let chunks: usize = self
            .chunks
            .iter()
            .map(|chunk| chunk.xor.len() + size_of::<SampleChunk>())
            .sum();
        // The labels stand in the message, too, each text with what points to it.
        size_of::<Self>() + 2 * (labels + self.series.labels.len() * 2 * size_of::<String>()) + chunks
    }

    /// Its samples, times rising.
    pub fn samples(&self) -> Result<Samples, RetrievalError> {
        let mut out = Samples::default();
        for chunk in self.chunks.iter() {
            xor::decode_range(&chunk.xor, i64::MIN, i64::MAX, &mut out).map_err(ReadError::garbled)?;
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

/// Reads within `limit`; an error means that nothing came.
pub async fn read(peer: &Peer, request: ReadSamplesRequest, limit: Duration) -> Result<Reading, RetrievalError> {
    let limits = ReadLimits {
        // The owner refuses more than the request allows.
        series: usize::MAX,
        bytes: MAX_READ_BYTES,
        time: limit,
    };
    let raw = peer.read_samples(request, limits).await?;
    Ok(Reading {
        series: raw.series.into_iter().map(ReadSeries::of).collect(),
        source: raw.summary.status.unwrap_or_default(),
        failures: raw.summary.failures,
        bytes_read: raw.summary.bytes_read,
        read_ms: raw.summary.read_ms,
    })
}

/// Runs `work` on each series, spread over the pool, results in the order of the series.
pub async fn each<T, F>(pool: &CpuPool, series: Vec<ReadSeries>, work: F) -> Result<Vec<T>, RetrievalError>
where
    T: Send + 'static,
    F: Fn(&ReadSeries) -> T + Send + Sync + Clone + 'static,
{
    let series = Arc::new(series);
    let count = series.len();
    parts(pool, count, move |part| series[part].iter().map(&work).collect()).await
}

/// Runs `work` on parts of 0..`count`, spread over the pool; what it gives in the order of the parts.
pub async fn parts<T, F>(pool: &CpuPool, count: usize, work: F) -> Result<Vec<T>, RetrievalError>
where
    T: Send + 'static,
    F: Fn(Range<usize>) -> Vec<T> + Send + Sync + Clone + 'static,
{
    let size = count.div_ceil(pool.threads().max(1)).max(1);
    let running = (0..count).step_by(size).map(|from| {
        let (pool, work) = (pool.clone(), work.clone());
        async move { pool.run(move || work(from..(from + size).min(count))).await }
    });
    let mut out = Vec::new();
    for part in futures::future::join_all(running).await {
        out.extend(part?);
    }
    Ok(out)
}

/// Failures as sentences: which query, and why.
pub(crate) fn sentences(failures: &[QueryFailure], queries: &[Query]) -> Vec<String> {
    failures
        .iter()
        .map(|failure| {
            let text = queries
                .get(failure.query_index as usize)
                .map(convert::query_text)
                .unwrap_or_default();
            format!(
                "{}: {}",
                SafeText::with_limit(text, 120),
                SafeText::new(&failure.message)
            )
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use sla_domain::SourceId;
    use sla_proto::series::v1::SeriesKind;

    use super::*;

    /// A series of these labels and samples (Unix ms, value).
    pub(crate) fn series(labels: &[(&str, &str)], kind: SeriesKind, samples: &[(i64, f64)]) -> ReadSeries {
        let mut encoder = xor::XorEncoder::new();
        for &(time, value) in samples {
            assert!(encoder.push(time, value));
        }
        of_chunk(labels, kind, encoder.bytes().to_vec())
    }

    fn of_chunk(labels: &[(&str, &str)], kind: SeriesKind, chunk: Vec<u8>) -> ReadSeries {
        let labels = Labels::from_pairs(labels.iter().copied());
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        ReadSeries::of(RawSeries {
            series: convert::series_message(id, "s", &labels, "", kind),
            id,
            query_index: 0,
            spacing_ms: 0,
            chunks: vec![SampleChunk {
                xor: chunk.into(),
                ..SampleChunk::default()
            }],
        })
    }

    const UP: [(&str, &str); 1] = [("__name__", "up")];

    #[tokio::test]
    async fn all_series_are_worked_on_in_order() {
        let all: Vec<ReadSeries> = (0..17_i64)
            .map(|k| series(&UP, SeriesKind::Gauge, &[(k, 1.0)]))
            .collect();
        let pool = CpuPool::new(3);
        let first = each(&pool, all, |one| one.samples().unwrap().times_ms[0])
            .await
            .unwrap();
        assert_eq!(first, (0..17).collect::<Vec<_>>());
        assert!(each(&pool, Vec::new(), |_| ()).await.unwrap().is_empty());
    }

    #[test]
    fn garbage_is_an_error_and_not_silence() {
        let broken = of_chunk(&UP, SeriesKind::Gauge, vec![0xff, 0xff, 1]);
        assert!(matches!(
            broken.samples(),
            Err(RetrievalError::Read(ReadError::Garbled(_)))
        ));
    }
}
