//! The few protobuf messages of remote read. Requests are written with `prost`; answers are walked field by field, so
//! that nothing is reserved for what a hostile answer merely claims to hold.
//! Source: Prometheus `prompb/remote.proto`, `prompb/types.proto`.

use sla_domain::{Labels, Samples};

use super::plan::Selection;
use crate::limits::{MAX_LABELS, MAX_LABELS_BYTES, MAX_PLAIN_SAMPLES, MAX_SERIES_SAMPLES};

/// What ends a read that brings more than fits.
pub(super) const TOO_MANY: &str = "more samples than one answer may have";

/// `prometheus.ReadRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) queries: Vec<Query>,
    #[prost(enumeration = "ResponseType", repeated, tag = "2")]
    pub(super) accepted_response_types: Vec<i32>,
}

/// `prometheus.ReadRequest.ResponseType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ResponseType {
    /// One snappy-compressed `ReadResponse`.
    Samples = 0,
    /// Frames of `ChunkedReadResponse`.
    StreamedXorChunks = 1,
}

/// `prometheus.Query`; both ends of the range are included.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Query {
    #[prost(int64, tag = "1")]
    pub(super) start_timestamp_ms: i64,
    #[prost(int64, tag = "2")]
    pub(super) end_timestamp_ms: i64,
    #[prost(message, repeated, tag = "3")]
    pub(super) matchers: Vec<LabelMatcher>,
}

/// `prometheus.LabelMatcher`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LabelMatcher {
    /// 0 `=`, 1 `!=`, 2 `=~`, 3 `!~`.
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) value: String,
}

impl Query {
    /// What `selection` matches in (`after_ms`, `until_ms`], of series that have none of the labels `absent`.
    ///
    /// A server drops from a remote read the `=` matchers that agree with its own `external_labels`, but leaves regular
    /// expressions alone: so all labels but the metric name are asked for by these, literal as they are.
    pub(super) fn new(selection: &Selection, absent: &[&str], after_ms: i64, until_ms: i64) -> Self {
        let mut matchers: Vec<LabelMatcher> = selection
            .iter()
            .map(|matcher| {
                if matcher.is_one_metric() {
                    let (name, value) = matcher.name_and_text();
                    LabelMatcher::new(EQUAL, name, value)
                } else {
                    LabelMatcher::new(REGEX, matcher.name(), matcher.pattern())
                }
            })
            .collect();
        matchers.extend(absent.iter().map(|name| LabelMatcher::new(REGEX, name, String::new())));
        Self {
            start_timestamp_ms: after_ms.saturating_add(1),
            end_timestamp_ms: until_ms,
            matchers,
        }
    }
}

/// `prometheus.LabelMatcher.Type`.
const EQUAL: i32 = 0;
const REGEX: i32 = 2;

impl LabelMatcher {
    fn new(kind: i32, name: &str, value: String) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            value,
        }
    }
}

/// One field's content.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Walks the fields of one message.
struct Fields<'a>(&'a [u8]);

/// Reads a base-128 number from the front of `bytes`. `Ok(None)` when it goes on beyond the end.
pub(super) fn uvarint(bytes: &[u8]) -> Result<Option<(u64, usize)>, &'static str> {
    let mut out = 0_u64;
    for (at, &byte) in bytes.iter().enumerate() {
        if at == 9 && byte > 1 || at > 9 {
            return Err("number longer than 64 bits");
        }
        out |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((out, at + 1)));
        }
    }
    if bytes.len() > 9 {
        return Err("number longer than 64 bits");
    }
    Ok(None)
}

impl<'a> Fields<'a> {
    fn number(&mut self) -> Result<u64, &'static str> {
        let (number, length) = uvarint(self.0)?.ok_or("ends inside a number")?;
        self.0 = &self.0[length..];
        Ok(number)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        if length > self.0.len() {
            return Err("a length points beyond its message");
        }
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(taken)
    }

    /// The next field's number and content.
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, &'static str> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Number(u64::from_le_bytes(
                self.take(8)?.try_into().map_err(|_| "ends inside a number")?,
            )),
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| "a length points beyond its message")?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Number(u64::from(u32::from_le_bytes(
                self.take(4)?.try_into().map_err(|_| "ends inside a number")?,
            ))),
            _ => return Err("unknown wire type"),
        };
        Ok(Some((tag >> 3, value)))
    }
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8")
}

/// `prometheus.Label`.
fn label(bytes: &[u8]) -> Result<(&str, &str), &'static str> {
    let (mut name, mut value) = ("", "");
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(bytes)) => name = text(bytes)?,
            (2, Value::Bytes(bytes)) => value = text(bytes)?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// The labels (field 1) of a `TimeSeries` or `ChunkedSeries`; `None` where they are more than is taken.
fn labels(bytes: &[u8]) -> Result<Option<Labels>, &'static str> {
    let mut pairs = Vec::new();
    let mut size = 0;
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        if let (1, Value::Bytes(bytes)) = field {
            size += bytes.len();
            if pairs.len() == MAX_LABELS || size > MAX_LABELS_BYTES {
                return Ok(None);
            }
            pairs.push(label(bytes)?);
        }
    }
    Ok(Some(Labels::from_pairs(pairs)))
}

/// One chunk of a frame.
pub(super) struct WireChunk<'a> {
    /// `prometheus.Chunk.Encoding`; 0 where it is not set.
    pub(super) encoding: u64,
    /// Time of the first sample as the server says, Unix milliseconds.
    pub(super) min_ms: i64,
    /// Time of the last sample as the server says, Unix milliseconds.
    pub(super) max_ms: i64,
    /// Count and bits.
    pub(super) data: &'a [u8],
}

/// Who takes the pieces of an answer.
pub(super) trait Sink {
    /// A series of the query with this index begins (or goes on, in a further frame); whether its pieces are wanted.
    fn series(&mut self, query: u64, labels: Labels) -> bool;
    /// A series comes whose labels are more than is taken: nothing more is told of it.
    fn nameless(&mut self);
    /// A chunk of the series.
    fn chunk(&mut self, chunk: &WireChunk<'_>) -> Result<(), &'static str>;
    /// All samples of the series, or none where it has more than fit; how many were seen, and whether histograms came, too.
    fn samples(&mut self, samples: Samples, seen: u64, has_histograms: bool) -> Result<(), &'static str>;
}

/// Walks a `ChunkedReadResponse`. Labels are decoded once a series and frame.
pub(super) fn chunked_response(message: &[u8], sink: &mut impl Sink) -> Result<(), &'static str> {
    let mut query = 0;
    let mut fields = Fields(message);
    // The index is written after the series it belongs to.
    while let Some(field) = fields.next()? {
        if let (2, Value::Number(index)) = field {
            query = index;
        }
    }
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        let (1, Value::Bytes(series)) = field else {
            continue;
        };
        let Some(labels) = labels(series)? else {
            sink.nameless();
            continue;
        };
        if !sink.series(query, labels) {
            continue;
        }
        let mut fields = Fields(series);
        while let Some(field) = fields.next()? {
            if let (2, Value::Bytes(bytes)) = field {
                sink.chunk(&chunk(bytes)?)?;
            }
        }
    }
    Ok(())
}

/// `prometheus.Chunk`.
fn chunk(bytes: &[u8]) -> Result<WireChunk<'_>, &'static str> {
    let mut one = WireChunk {
        encoding: 0,
        min_ms: i64::MIN,
        max_ms: i64::MAX,
        data: &[],
    };
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Number(ms)) => one.min_ms = ms as i64,
            (2, Value::Number(ms)) => one.max_ms = ms as i64,
            (3, Value::Number(encoding)) => one.encoding = encoding,
            (4, Value::Bytes(data)) => one.data = data,
            _ => {}
        }
    }
    Ok(one)
}

/// Walks a `ReadResponse`. A series of more than [`MAX_SERIES_SAMPLES`] is only counted.
pub(super) fn sample_response(message: &[u8], sink: &mut impl Sink) -> Result<(), &'static str> {
    let mut results = Fields(message);
    let (mut query, mut taken) = (0, 0);
    while let Some(field) = results.next()? {
        let (1, Value::Bytes(result)) = field else {
            continue;
        };
        let mut list = Fields(result);
        while let Some(field) = list.next()? {
            let (1, Value::Bytes(series)) = field else {
                continue;
            };
            let Some(labels) = labels(series)? else {
                sink.nameless();
                continue;
            };
            if !sink.series(query, labels) {
                continue;
            }
            let seen = count(series)?;
            let samples = if seen > MAX_SERIES_SAMPLES {
                Samples::default()
            } else {
                taken += seen;
                if taken > MAX_PLAIN_SAMPLES {
                    return Err(TOO_MANY);
                }
                samples(series)?
            };
            sink.samples(samples, seen, has_histograms(series)?)?;
        }
        query += 1;
    }
    Ok(())
}

/// How many samples a `TimeSeries` has.
fn count(series: &[u8]) -> Result<u64, &'static str> {
    let mut fields = Fields(series);
    let mut count = 0;
    while let Some(field) = fields.next()? {
        count += u64::from(matches!(field, (2, Value::Bytes(_))));
    }
    Ok(count)
}

fn has_histograms(series: &[u8]) -> Result<bool, &'static str> {
    let mut fields = Fields(series);
    while let Some(field) = fields.next()? {
        if matches!(field, (4, Value::Bytes(_))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The samples (field 2) of a `TimeSeries`.
fn samples(series: &[u8]) -> Result<Samples, &'static str> {
    let mut out = Samples::default();
    let mut fields = Fields(series);
    while let Some(field) = fields.next()? {
        let (2, Value::Bytes(sample)) = field else {
            continue;
        };
        let (mut time, mut value) = (0_i64, 0.0);
        let mut fields = Fields(sample);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Number(bits)) => value = f64::from_bits(bits),
                (2, Value::Number(ms)) => time = ms as i64,
                _ => {}
            }
        }
        if !out.push(time, value) {
            return Err("samples whose times do not rise");
        }
    }
    Ok(out)
}

#[cfg(test)]
pub(super) mod tests;
