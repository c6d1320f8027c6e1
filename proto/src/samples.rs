//! Reading raw samples from the role that owns them: the one client of `sla.etl.v1.SampleService`, with its limits and with
//! one name for each way in which a read can fail.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sla_domain::{Labels, SeriesId};
use tokio::time::{Instant, timeout_at};
use tonic::{Status, Streaming};

use crate::etl::v1::{
    ReadSamplesRequest, ReadSamplesResponse, ReadSummary, SeriesSamples, read_samples_response::Part,
};
use crate::series::v1::{SampleChunk, Series};
use crate::{Peer, convert};

/// Series handed on at once by a read that goes on.
pub const PART_SERIES: usize = 256;

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
    /// The query it answers, an index into the request's.
    pub query_index: usize,
    /// Typical distance of its samples, milliseconds; 0 when unknown.
    pub spacing_ms: i64,
    /// Its samples, oldest chunk first. Chunks may overlap.
    pub chunks: Vec<SampleChunk>,
}

impl RawSeries {
    /// Its labels.
    pub fn labels(&self) -> Labels {
        convert::labels(&self.series)
    }
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
        let mut going = self.stream_samples(request, limits).await?;
        let mut series = Vec::new();
        while let Some(part) = going.next().await? {
            series.extend(part);
        }
        Ok(RawReading {
            series,
            summary: going.summary,
        })
    }

    /// Begins such a read: its series come part by part, and who keeps none of them holds none.
    pub async fn stream_samples(
        &self,
        request: ReadSamplesRequest,
        limits: ReadLimits,
    ) -> Result<GoingRead, ReadError> {
        let until = Instant::now() + limits.time;
        let answer = timeout_at(until, self.samples().read_samples(request))
            .await
            .map_err(|_| ReadError::TooSlow { limit: limits.time })??;
        Ok(GoingRead {
            messages: Some(answer.into_inner()),
            limits,
            until,
            series: 0,
            bytes: 0,
            summary: ReadSummary::default(),
        })
    }
}

/// A read that goes on.
#[derive(Debug)]
pub struct GoingRead {
    /// `None` after the last message.
    messages: Option<Streaming<ReadSamplesResponse>>,
    limits: ReadLimits,
    until: Instant,
    series: usize,
    bytes: usize,
    /// How the source did, and which queries failed: known once the last part came.
    pub summary: ReadSummary,
}

impl GoingRead {
    /// The next series, at most [`PART_SERIES`]; `None` when all came.
    pub async fn next(&mut self) -> Result<Option<Vec<RawSeries>>, ReadError> {
        let mut part = Vec::new();
        while let Some(messages) = self.messages.as_mut().filter(|_| part.len() < PART_SERIES) {
            let message = timeout_at(self.until, messages.message()).await;
            let message = message.map_err(|_| ReadError::TooSlow {
                limit: self.limits.time,
            })??;
            // The owner promises a summary as the last message: without it series may be missing.
            match message.ok_or(ReadError::Cut)?.part {
                Some(Part::Series(series)) => part.push(self.admit(series)?),
                Some(Part::Summary(summary)) => {
                    self.summary = summary;
                    self.messages = None;
                }
                None => {}
            }
        }
        Ok((!part.is_empty()).then_some(part))
    }

    fn admit(&mut self, part: SeriesSamples) -> Result<RawSeries, ReadError> {
        let ReadLimits { series, bytes, .. } = self.limits;
        self.bytes += part.chunks.iter().map(|chunk| chunk.xor.len()).sum::<usize>();
        if self.bytes > bytes {
            return Err(ReadError::TooManyBytes { limit: bytes });
        }
        if self.series == series {
            return Err(ReadError::TooManySeries { limit: series });
        }
        self.series += 1;
        raw(part)
    }
}

fn raw(part: SeriesSamples) -> Result<RawSeries, ReadError> {
    let series = part.series.ok_or(ReadError::Nameless)?;
    Ok(RawSeries {
        id: convert::series_id(&series).ok_or(ReadError::Nameless)?,
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
        let names: Vec<String> = reading.series.iter().map(|one| one.labels().to_string()).collect();
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
