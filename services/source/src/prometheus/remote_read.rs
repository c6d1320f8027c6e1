//! Remote read: raw samples as compressed chunks, or as plain samples where a server knows no chunks.
//! Source: prometheus.io/docs/prometheus/latest/querying/remote_read_api, Prometheus `storage/remote/chunked.go`.

use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use prost::Message as _;
use sla_domain::Labels;

use super::client::Stream;
use super::haul::{Haul, Taking, Untaken, Wanted};
use super::question::Question;
use super::read::{Part, Span};
use super::wire::{self, ReadRequest, ResponseType, TOO_MANY};
use super::{Prometheus, plan};
use crate::error::SourceError;
use crate::limits::MAX_SERIES_SAMPLES;
use crate::port::Call;
use crate::reply::{RawRead, RawSeries, SeriesFailure, Way};

/// Longest frame taken; Prometheus sends 1 MiB by default (`--storage.remote.read-max-bytes-in-frame`).
pub(super) const MAX_FRAME_BYTES: u64 = 4 << 20;
/// Content type of chunk frames, without its parameters.
const CHUNKED_TYPE: &str = "application/x-streamed-protobuf";
/// Content type of plain samples.
const SAMPLES_TYPE: &str = "application/x-protobuf";

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
    let broken = |what: String| {
        if what == TOO_MANY {
            SourceError::TooLarge {
                tried: tried.clone(),
                limit_bytes: cap,
            }
        } else {
            SourceError::decode(&tried, what)
        }
    };
    let kind = stream.content_type.split(';').next().unwrap_or("").trim().to_owned();
    if kind == CHUNKED_TYPE {
        haul.way = Some(Way::RemoteReadChunks);
        let mut frames = Frames::default();
        let mut taking = Taking::new(&mut haul, &wanted);
        while let Some(piece) = stream.next().await? {
            frames
                .push(&piece, |message| {
                    wire::chunked_response(message, &mut taking).map_err(str::to_owned)
                })
                .map_err(broken)?;
        }
        if !frames.is_complete() {
            return Err(broken("it ends inside a frame".into()));
        }
        haul.bytes = stream.received;
    } else if kind == SAMPLES_TYPE {
        haul.way = Some(Way::RemoteReadSamples);
        let body = stream.whole().await?.body;
        haul.bytes = body.len() as u64;
        let message = unpacked(&body, cap).map_err(|what| match what {
            Some(what) => broken(what),
            None => broken(TOO_MANY.to_owned()),
        })?;
        drop(body);
        wire::sample_response(&message, &mut Taking::new(&mut haul, &wanted))
            .map_err(|error| broken(error.to_owned()))?;
    } else {
        return Err(SourceError::NotPrometheus {
            saw: format!(
                "content type `{}` to a remote read",
                crate::error::excerpt(&stream.secrets.take_out(&kind))
            ),
            tried,
        });
    }
    haul.in_order();
    match haul.undecoded() {
        Some(fault) => Err(broken(fault.to_owned())),
        None => Ok(haul),
    }
}

/// `body` without its snappy packing. An error of `None` is a message of more than `cap` bytes.
pub(super) fn unpacked(body: &[u8], cap: u64) -> Result<Vec<u8>, Option<String>> {
    let fault = |error: snap::Error| Some(format!("snappy: {error}"));
    let length = snap::raw::decompress_len(body).map_err(fault)?;
    if length as u64 > cap {
        return Err(None);
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(fault)
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
        span: Span,
        call: &Call,
    ) -> Result<Part, SourceError> {
        let external = self.external(call).await?;
        let selections = plan::selections(batch, plan::Style::REMOTE_READ);
        let queries = selections
            .iter()
            .map(|selection| {
                let absent: Vec<&str> = external
                    .iter()
                    .flatten()
                    .map(String::as_str)
                    .filter(|name| selection.iter().all(|matcher| matcher.name() != *name))
                    .collect();
                wire::Query::new(selection, &absent, span.after_ms, span.until_ms)
            })
            .collect();
        let known = external.is_some();
        let wanted = Arc::new(Wanted::new(
            batch,
            &selections,
            external,
            (span.after_ms, span.until_ms),
        ));
        let haul = self.haul(queries, way, &wanted, call).await?;
        if haul.found.is_empty() && haul.unclear().next().is_some() {
            // Nothing can be told by remote read here; the next probe looks again.
            tracing::info!(source = %self.client.options.id.0, known, "remote read adds labels that are not known; reading by query");
            self.give_up(Way::RemoteReadChunks);
            self.give_up(Way::RemoteReadSamples);
        }
        let missing = haul.missing(batch);
        let mut part = self.sorted(haul, way, span);
        part.by_query.extend(missing);
        Ok(part)
    }

    /// What a haul means for the batch.
    fn sorted(&self, haul: Haul, way: Way, span: Span) -> Part {
        let mut read = RawRead::empty(haul.way.unwrap_or(way), span.after_ms, span.until_ms);
        read.bytes = haul.bytes;
        read.requests = 1;
        let mut part = Part {
            by_query: haul.unclear().cloned().collect(),
            ..Part::from(read)
        };
        let mut mixed = 0_u64;
        for (labels, found) in haul.found {
            let fail = |error| SeriesFailure {
                labels: labels.clone(),
                error,
            };
            match found.untaken {
                Some(Untaken::Dense(count)) => {
                    let tried = format!("reading samples from {}", self.client.shown_url());
                    part.read.failures.push(fail(SourceError::TooManySamples {
                        tried,
                        found: count,
                        limit: MAX_SERIES_SAMPLES,
                    }));
                    continue;
                }
                Some(Untaken::Undecoded(fault)) => {
                    part.because = Some(SourceError::decode(&self.client.shown_url(), fault));
                    part.otherwise.push(labels);
                    continue;
                }
                Some(Untaken::Silent | Untaken::Twice) => {
                    part.by_query.push(labels);
                    continue;
                }
                None => {}
            }
            let data = found.data;
            if data.is_empty() {
                if found.has_histograms {
                    part.read.failures.push(fail(SourceError::Histograms { count: 1 }));
                }
                continue;
            }
            mixed += u64::from(found.has_histograms);
            part.read.samples += found.samples;
            part.read.series.push(RawSeries { labels, data });
        }
        part.read.mixed(mixed);
        part
    }

    /// Tries a remote read of nothing; the way the server answered.
    pub(super) async fn probe_remote(&self, call: &Call) -> Result<Way, SourceError> {
        let nothing = vec![plan::Matcher::Equal("__name__".into(), "sla_console_probe".into())];
        let wanted = Arc::new(Wanted::new(&[], &[], None, (0, 1)));
        let queries = vec![wire::Query::new(&nothing, &[], 0, 1)];
        let haul = self.haul(queries, Way::RemoteReadChunks, &wanted, call).await?;
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
}

#[cfg(test)]
mod tests;
