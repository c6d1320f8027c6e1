//! Reading raw samples from the role that owns them: the one client of `sla.etl.v1.SampleService`, with its limits and with
//! one name for each way in which a read can fail.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Labels, SeriesId};
use tonic::Status;

use crate::etl::v1::{ReadSamplesRequest, ReadSummary, SeriesSamples, read_samples_response::Part};
use crate::series::v1::{SampleChunk, Series};
use crate::{Peer, convert};

/// What one read may bring and take; a read beyond it fails as a whole, because half an answer looks like a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Most series.
    pub series: usize,
    /// Most bytes of compressed samples.
    pub bytes: usize,
    /// Longest time until the last byte.
    pub time: Duration,
}

/// One series as it came, its samples still compressed.
#[derive(Debug, Clone)]
pub struct RawSeries {
    /// As the source names it.
    pub series: Series,
    /// Its fingerprint.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Labels,
    /// The query it answers, an index into the request's.
    pub query_index: usize,
    /// Typical distance of its samples, milliseconds; 0 when unknown.
    pub spacing_ms: i64,
    /// Its samples, oldest chunk first. Chunks may overlap.
    pub chunks: Vec<SampleChunk>,
}

/// The whole answer to a read.
#[derive(Debug, Clone, Default)]
pub struct RawReading {
    /// The series, each once.
    pub series: Vec<RawSeries>,
    /// How the source did, and which queries failed.
    pub summary: ReadSummary,
}

/// Why a read brought nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The role that owns the samples refused, or is away.
    #[error("could not read samples: {}", .0.message())]
    Refused(#[source] Arc<Status>),
    /// The answer ended without its summary.
    #[error("the answer with the samples was cut short")]
    Cut,
    /// The answer did not end in time.
    #[error("the samples did not arrive within {} s", .limit.as_secs())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// More series than asked for may be.
    #[error("more than {limit} series match")]
    TooManySeries {
        /// The limit.
        limit: usize,
    },
    /// More compressed samples than one read may bring.
    #[error("the samples asked for have more than {} MiB", .limit >> 20)]
    TooManyBytes {
        /// The limit, bytes.
        limit: usize,
    },
    /// A series without a proper fingerprint.
    #[error("a series came without its fingerprint")]
    Nameless,
    /// A chunk that cannot be decoded.
    #[error("a chunk of samples cannot be decoded")]
    Garbled(#[source] Arc<dyn Error + Send + Sync>),
}

impl ReadError {
    /// A chunk whose decoder failed.
    pub fn garbled(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Garbled(Arc::new(error))
    }
}

impl From<Status> for ReadError {
    fn from(status: Status) -> Self {
        Self::Refused(Arc::new(status))
    }
}

impl Peer {
    /// Reads the samples of all series that match, compressed as the owner holds them.
    pub async fn read_samples(&self, request: ReadSamplesRequest, limits: ReadLimits) -> Result<RawReading, ReadError> {
        tokio::time::timeout(limits.time, collect(self, request, limits))
            .await
            .map_err(|_| ReadError::TooSlow { limit: limits.time })?
    }
}

async fn collect(peer: &Peer, request: ReadSamplesRequest, limits: ReadLimits) -> Result<RawReading, ReadError> {
    let mut stream = peer.samples().read_samples(request).await?.into_inner();
    let mut series = Vec::new();
    let mut bytes = 0_usize;
    while let Some(message) = stream.message().await? {
        match message.part {
            Some(Part::Series(part)) => {
                bytes += part.chunks.iter().map(|chunk| chunk.xor.len()).sum::<usize>();
                if bytes > limits.bytes {
                    return Err(ReadError::TooManyBytes { limit: limits.bytes });
                }
                if series.len() == limits.series {
                    return Err(ReadError::TooManySeries { limit: limits.series });
                }
                series.push(raw(part)?);
            }
            Some(Part::Summary(summary)) => return Ok(RawReading { series, summary }),
            None => {}
        }
    }
    // The owner promises a summary as the last message: without it series may be missing.
    Err(ReadError::Cut)
}

fn raw(part: SeriesSamples) -> Result<RawSeries, ReadError> {
    let series = part.series.ok_or(ReadError::Nameless)?;
    Ok(RawSeries {
        id: convert::series_id(&series).ok_or(ReadError::Nameless)?,
        labels: convert::labels(&series),
        query_index: part.query_index as usize,
        spacing_ms: part.spacing_ms,
        chunks: part.chunks,
        series,
    })
}

#[cfg(test)]
mod tests {
    use futures::stream::{self, BoxStream, StreamExt as _};
    use sla_domain::SourceId;
    use tonic::{Request, Response};

    use super::*;
    use crate::etl::v1::ReadSamplesResponse;
    use crate::etl::v1::sample_service_server::{SampleService, SampleServiceServer};
    use crate::series::v1::SeriesKind;

    /// Answers with the parts it was given, then waits where it shall not end.
    #[derive(Clone)]
    struct Owner {
        parts: Vec<Part>,
        stuck: bool,
    }

    #[tonic::async_trait]
    impl SampleService for Owner {
        type ReadSamplesStream = BoxStream<'static, Result<ReadSamplesResponse, Status>>;

        async fn read_samples(
            &self,
            _: Request<ReadSamplesRequest>,
        ) -> Result<Response<Self::ReadSamplesStream>, Status> {
            let parts = self.parts.clone().into_iter();
            let told = stream::iter(parts.map(|part| Ok(ReadSamplesResponse { part: Some(part) })));
            Ok(Response::new(if self.stuck {
                told.chain(stream::pending()).boxed()
            } else {
                told.boxed()
            }))
        }
    }

    fn series(name: &str, bytes: usize) -> Part {
        let labels = Labels::from_pairs([("__name__", name)]);
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        Part::Series(SeriesSamples {
            series: Some(convert::series_message(id, "s", &labels, "", SeriesKind::Gauge)),
            query_index: 3,
            chunks: vec![SampleChunk {
                xor: vec![0; bytes].into(),
                ..SampleChunk::default()
            }],
            ..SeriesSamples::default()
        })
    }

    async fn read(parts: Vec<Part>, stuck: bool) -> Result<RawReading, ReadError> {
        let peer = Peer::local(tonic::service::Routes::new(SampleServiceServer::new(Owner {
            parts,
            stuck,
        })));
        let limits = ReadLimits {
            series: 2,
            bytes: 100,
            time: Duration::from_secs(14),
        };
        peer.read_samples(ReadSamplesRequest::default(), limits).await
    }

    #[tokio::test]
    async fn a_whole_answer_comes_with_its_names() {
        let summary = Part::Summary(ReadSummary {
            series: 2,
            ..ReadSummary::default()
        });
        let reading = read(vec![series("a", 50), series("b", 50), summary], false)
            .await
            .unwrap();
        let names: Vec<String> = reading.series.iter().map(|one| one.labels.to_string()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((reading.series[0].query_index, reading.summary.series), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn half_an_answer_is_none() {
        let nameless = Part::Series(SeriesSamples::default());
        let cases = [
            (vec![series("a", 1)], false, "cut short"),
            (vec![series("a", 1)], true, "within 14 s"),
            (vec![series("a", 60), series("b", 41)], false, "more than 0 MiB"),
            (
                vec![series("a", 1), series("b", 1), series("c", 1)],
                false,
                "more than 2 series",
            ),
            (vec![nameless], false, "without its fingerprint"),
        ];
        for (parts, stuck, words) in cases {
            let error = read(parts, stuck).await.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let peer = Peer::local(tonic::service::Routes::default());
        let limits = ReadLimits {
            series: 1,
            bytes: 1,
            time: Duration::from_secs(1),
        };
        let error = peer
            .read_samples(ReadSamplesRequest::default(), limits)
            .await
            .unwrap_err();
        assert!(matches!(error, ReadError::Refused(status) if status.code() == tonic::Code::Unimplemented));
    }
}
