//! Remote read: raw samples as compressed chunks, or as plain samples where a server knows no chunks.
//! Source: prometheus.io/docs/prometheus/latest/querying/remote_read_api, Prometheus `storage/remote/chunked.go`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use bytes::{Buf as _, BytesMut};
use prost::Message as _;
use sla_domain::{Labels, Samples};

use super::client::Stream;
use super::question::Question;
use super::read::clipped;
use super::wire::{self, ReadRequest, ResponseType, WireChunk};
use super::{Prometheus, plan};
use crate::error::SourceError;
use crate::port::Call;
use crate::reply::{RawRead, RawSeries, SeriesData, Way, XorChunk};
use crate::xor;

/// Longest frame taken; Prometheus sends 1 MiB by default (`--storage.remote.read-max-bytes-in-frame`).
pub(super) const MAX_FRAME_BYTES: u64 = 4 << 20;
/// Most series looked at to find out which labels the server adds.
const MAX_LOOK_ALIKES: usize = 1_000;
/// Content type of chunk frames, without its parameters.
const CHUNKED_TYPE: &str = "application/x-streamed-protobuf";
/// Content type of plain samples.
const SAMPLES_TYPE: &str = "application/x-protobuf";
/// `prometheus.Chunk.Encoding.XOR`.
const ENCODING_XOR: u64 = 1;

/// What a remote read brought, before labels that the server added are taken off.
#[derive(Debug, Default)]
pub(super) struct Haul {
    series: HashMap<Labels, Found>,
    way: Option<Way>,
    bytes: u64,
    histograms_skipped: u64,
}

#[derive(Debug)]
struct Found {
    /// The first query that brought this series; others that match it too bring the same again.
    query: u64,
    data: SeriesData,
    samples: u64,
}

/// What is asked for, and in which range.
#[derive(Debug)]
struct Wanted {
    series: HashSet<Labels>,
    /// The distinct sets of label names among them.
    shapes: BTreeSet<Vec<String>>,
    after_ms: i64,
    until_ms: i64,
}

impl Wanted {
    fn new(batch: &[Labels], after_ms: i64, until_ms: i64) -> Self {
        Self {
            series: batch.iter().cloned().collect(),
            shapes: batch
                .iter()
                .map(|labels| labels.iter().map(|(name, _)| name.to_owned()).collect())
                .collect(),
            after_ms,
            until_ms,
        }
    }

    /// The wanted series that `labels` are, perhaps with labels added by the server (`external_labels`).
    fn within(&self, labels: &Labels) -> Option<Labels> {
        if self.series.contains(labels) {
            return Some(labels.clone());
        }
        self.shapes
            .iter()
            .filter(|shape| shape.len() < labels.len())
            .map(|shape| Labels::from_pairs(shape.iter().map(|name| (name.as_str(), labels.get(name).unwrap_or("")))))
            .find(|part| self.series.contains(part))
    }
}

impl Haul {
    fn chunk(&mut self, wanted: &Wanted, query: u64, labels: &Labels, chunk: &WireChunk<'_>) -> Result<(), String> {
        // An absent encoding is 0 = unknown; histograms are 2 and 3.
        if chunk.encoding != ENCODING_XOR {
            self.histograms_skipped += 1;
            return Ok(());
        }
        if !self.series.contains_key(labels) && wanted.within(labels).is_none() {
            return Ok(());
        }
        let checked = xor::check(chunk.data).map_err(|error| error.to_string())?;
        let Some((min_ms, max_ms, count)) = checked else {
            return Ok(());
        };
        if max_ms <= wanted.after_ms || min_ms > wanted.until_ms {
            return Ok(());
        }
        let found = self.series.entry(labels.clone()).or_insert_with(|| Found {
            query,
            data: SeriesData::Chunks(Vec::new()),
            samples: 0,
        });
        if let SeriesData::Chunks(chunks) = &mut found.data
            && found.query == query
        {
            found.samples += u64::from(count);
            chunks.push(XorChunk {
                min_ms,
                max_ms,
                bytes: Arc::from(chunk.data),
            });
        }
        Ok(())
    }

    fn plain(&mut self, wanted: &Wanted, query: u64, labels: Labels, samples: Samples, histograms: u64) {
        self.histograms_skipped += histograms;
        let samples = clipped(samples, wanted.after_ms, wanted.until_ms);
        if !samples.is_empty() {
            self.series.entry(labels).or_insert_with(|| Found {
                query,
                samples: samples.len() as u64,
                data: SeriesData::Plain(samples),
            });
        }
    }
}

/// Cuts a stream of bytes into frames: uvarint length, 4-byte big-endian CRC-32C of the message, message.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// Takes a piece of the stream and hands every message that is complete to `each`.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.buffer.extend_from_slice(piece);
        loop {
            let Some((length, head)) = wire::uvarint(&self.buffer)? else {
                return Ok(());
            };
            if length > MAX_FRAME_BYTES {
                return Err(format!(
                    "a frame of {length} bytes, at most {MAX_FRAME_BYTES} are taken"
                ));
            }
            let whole = head + 4 + length as usize;
            let Some(frame) = self.buffer.get(head..whole) else {
                return Ok(());
            };
            let (sum, message) = frame.split_at(4);
            if sum != crc32c::crc32c(message).to_be_bytes() {
                return Err("a frame whose checksum is wrong".into());
            }
            each(message)?;
            self.buffer.advance(whole);
        }
    }

    /// Whether the stream ended between two frames.
    pub(super) fn is_complete(&self) -> bool {
        self.buffer.is_empty()
    }
}

async fn consume(mut stream: Stream, wanted: Arc<Wanted>, cap: u64) -> Result<Haul, SourceError> {
    let mut haul = Haul::default();
    let tried = stream.tried.clone();
    let broken = |what: String| SourceError::decode(&tried, what);
    let kind = stream.content_type.split(';').next().unwrap_or("").trim().to_owned();
    if kind == CHUNKED_TYPE {
        haul.way = Some(Way::RemoteReadChunks);
        let mut frames = Frames::default();
        while let Some(piece) = stream.next().await? {
            frames
                .push(&piece, |message| {
                    let mut fault = None;
                    wire::chunked_response(message, |query, labels, chunk| {
                        haul.chunk(&wanted, query, labels, &chunk).map_err(|error| {
                            fault = Some(error);
                            "broken chunk"
                        })
                    })
                    .map_err(|error| fault.take().unwrap_or_else(|| error.to_owned()))
                })
                .map_err(broken)?;
        }
        if !frames.is_complete() {
            return Err(broken("it ends inside a frame".into()));
        }
        haul.bytes = stream.received;
        return Ok(haul);
    }
    if kind != SAMPLES_TYPE {
        return Err(SourceError::NotPrometheus {
            saw: format!("content type `{}` to a remote read", crate::error::excerpt(&kind)),
            tried,
        });
    }
    haul.way = Some(Way::RemoteReadSamples);
    let answer = stream.whole().await?;
    haul.bytes = answer.body.len() as u64;
    let length = snap::raw::decompress_len(&answer.body).map_err(|error| broken(format!("snappy: {error}")))?;
    // Samples of a wanted series are all that is kept; the decompressed message itself must fit too.
    if length as u64 > cap {
        return Err(SourceError::TooLarge {
            tried,
            limit_bytes: cap,
        });
    }
    let message = snap::raw::Decoder::new()
        .decompress_vec(&answer.body)
        .map_err(|error| broken(format!("snappy: {error}")))?;
    wire::sample_response(
        &message,
        |labels| wanted.within(labels).is_some(),
        |query, labels, samples, histograms| {
            haul.plain(&wanted, query, labels, samples, histograms);
            Ok(())
        },
    )
    .map_err(|error| broken(error.to_owned()))?;
    Ok(haul)
}

/// A request as it goes over the wire.
fn question(queries: Vec<wire::Query>, chunks: bool) -> Result<Question, SourceError> {
    let mut types = vec![ResponseType::Samples as i32];
    if chunks {
        types.insert(0, ResponseType::StreamedXorChunks as i32);
    }
    let message = ReadRequest {
        queries,
        accepted_response_types: types,
    };
    let body = snap::raw::Encoder::new()
        .compress_vec(&message.encode_to_vec())
        .map_err(|cause| SourceError::Decode {
            tried: "writing a remote read".into(),
            what: "snappy".into(),
            cause: Some(Arc::new(cause)),
        })?;
    Ok(Question::RemoteRead { body: body.into() })
}

impl Prometheus {
    /// Reads `batch` by remote read; chunks where `way` says so and the server agrees.
    pub(super) async fn read_remote(
        &self,
        way: Way,
        batch: &[Labels],
        after_ms: i64,
        until_ms: i64,
        call: &Call,
    ) -> Result<RawRead, SourceError> {
        let queries = plan::selections(batch, plan::Style::REMOTE_READ)
            .iter()
            .map(|selection| wire::Query::new(selection, after_ms, until_ms))
            .collect();
        let wanted = Arc::new(Wanted::new(batch, after_ms, until_ms));
        let haul = self.haul(queries, way, &wanted, call).await?;
        let mut out = RawRead::empty(haul.way.unwrap_or(way), after_ms, until_ms);
        out.bytes = haul.bytes;
        out.requests = 1;
        out.histograms_skipped = haul.histograms_skipped;
        let external = self.external_labels(&haul, &wanted, call).await?;
        for (labels, found) in haul.series {
            let labels = if wanted.series.contains(&labels) {
                labels
            } else {
                let labels = without(&labels, &external);
                if !wanted.series.contains(&labels) {
                    continue;
                }
                labels
            };
            let data = match found.data {
                SeriesData::Chunks(mut chunks) => {
                    chunks.sort_by_key(|chunk| chunk.min_ms);
                    SeriesData::Chunks(chunks)
                }
                plain @ SeriesData::Plain(_) => plain,
            };
            out.samples += found.samples;
            out.series.push(RawSeries { labels, data });
        }
        Ok(out)
    }

    /// Tries a remote read of nothing; the way the server answered.
    pub(super) async fn probe_remote(&self, call: &Call) -> Result<Way, SourceError> {
        let nothing = vec![plan::Matcher::Equal("__name__".into(), "sla_console_probe".into())];
        let wanted = Arc::new(Wanted::new(&[], 0, 1));
        let haul = self
            .haul(
                vec![wire::Query::new(&nothing, 0, 1)],
                Way::RemoteReadChunks,
                &wanted,
                call,
            )
            .await?;
        Ok(haul.way.unwrap_or(Way::RemoteReadSamples))
    }

    async fn haul(
        &self,
        queries: Vec<wire::Query>,
        way: Way,
        wanted: &Arc<Wanted>,
        call: &Call,
    ) -> Result<Haul, SourceError> {
        let question = question(queries, way == Way::RemoteReadChunks)?;
        let cap = self.client.options.body_cap_bytes;
        self.client
            .exchange(&question, call, |stream| Box::pin(consume(stream, wanted.clone(), cap)))
            .await
    }

    /// The labels this server adds to every series of a remote read (its `external_labels`), which its query API does
    /// not show. Learnt from the first answer that has labels too many, and checked against the query API: such a
    /// series may also really exist beside the wanted one.
    async fn external_labels(&self, haul: &Haul, wanted: &Wanted, call: &Call) -> Result<Labels, SourceError> {
        if let Some(known) = self.external.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(known);
        }
        let Some((longer, part)) = haul
            .series
            .keys()
            .filter(|labels| !wanted.series.contains(*labels))
            .find_map(|labels| Some((labels, wanted.within(labels)?)))
        else {
            return Ok(Labels::default());
        };
        let part: plan::Selection = part
            .iter()
            .map(|(name, value)| plan::Matcher::Equal(name.to_owned(), value.to_owned()))
            .collect();
        let (from, to) = (wanted.after_ms, wanted.until_ms);
        let real = match self
            .find_series(&[plan::text(&part)], from, to, MAX_LOOK_ALIKES, call)
            .await
        {
            Ok(real) => real,
            Err(SourceError::TooManySeries { .. }) => return Ok(Labels::default()),
            Err(error) => return Err(error),
        };
        // The answer's series is one of the real ones plus what the server added.
        let Some(series) = real
            .iter()
            .filter(|real| real.iter().all(|(name, value)| longer.get(name) == Some(value)))
            .max_by_key(|real| real.len())
        else {
            return Ok(Labels::default());
        };
        let added = Labels::from_pairs(longer.iter().filter(|(name, _)| series.get(name).is_none()));
        *self.external.lock().unwrap_or_else(PoisonError::into_inner) = Some(added.clone());
        Ok(added)
    }
}

/// `labels` without those of `added` that have the same value.
fn without(labels: &Labels, added: &Labels) -> Labels {
    if added.is_empty() {
        return labels.clone();
    }
    Labels::from_pairs(labels.iter().filter(|(name, value)| added.get(name) != Some(*value)))
}

#[cfg(test)]
mod tests;
