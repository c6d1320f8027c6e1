//! What a metric source answers with.

use std::collections::BTreeMap;
use std::sync::Arc;

use sla_domain::{Labels, Samples};

use crate::error::SourceError;
use crate::xor::{self, XorEncoder};

/// A way of reading samples, fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Remote read, response type `STREAMED_XOR_CHUNKS`.
    RemoteReadChunks,
    /// Remote read, response type `SAMPLES`.
    RemoteReadSamples,
    /// Instant query `selector[12h]`, JSON. Hides stale markers.
    InstantQuery,
    /// Range query on a grid; expressions only.
    QueryRange,
    /// A generated or recorded estate in this process.
    Replay,
}

impl Way {
    /// The word shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RemoteReadChunks => "remote read (chunks)",
            Self::RemoteReadSamples => "remote read (samples)",
            Self::InstantQuery => "instant query",
            Self::QueryRange => "range query",
            Self::Replay => "replay",
        }
    }

    /// Whether it goes through the remote read API.
    pub fn is_remote_read(self) -> bool {
        matches!(self, Self::RemoteReadChunks | Self::RemoteReadSamples)
    }

    /// Whether reading this way loses stale markers, so that gaps are seen only at the cap of the last sample.
    pub fn hides_stale(self) -> bool {
        matches!(self, Self::InstantQuery | Self::QueryRange)
    }
}

/// What a source is and can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Product and version as the server tells them; not to be relied on, for display only.
    pub version: String,
    /// The ways raw samples can be read, fastest first; found by trying, not by version.
    pub ways: Vec<Way>,
    /// The address without user info; for a replay a description.
    pub url: String,
    /// Whether this is generated or recorded data (the header says DEMO then).
    pub is_replay: bool,
    /// Remarks for the operator, for example that TLS checks are off.
    pub notices: Vec<String>,
}

/// One metric name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricFamily {
    /// The metric name.
    pub name: String,
    /// Present series with this name.
    pub series: u64,
    /// `counter`, `gauge`, `histogram`, `summary`, … as all targets declare it, or [`NATIVE_HISTOGRAM`]; `None` when they
    /// say nothing or contradict each other.
    pub kind: Option<String>,
    /// Where jobs contradict each other: the kind by job; a job that contradicts itself is absent.
    pub kinds_by_job: BTreeMap<String, String>,
    /// Whether targets declare more kinds than one.
    pub is_disputed: bool,
    /// The help text from the metadata API.
    pub help: Option<String>,
    /// The unit from the metadata API.
    pub unit: Option<String>,
}

/// The kind of a metric whose samples are histograms with buckets of their own, which have no single value.
pub const NATIVE_HISTOGRAM: &str = "native histogram";

impl MetricFamily {
    /// The kind of this metric's series of `job`; `None` when it is not known, then the series is read as it is.
    pub fn kind_in(&self, job: &str) -> Option<&str> {
        self.kind
            .as_deref()
            .or_else(|| self.kinds_by_job.get(job).map(String::as_str))
    }
}

/// Whether a metric name ends the way counters do.
pub fn has_counter_suffix(name: &str) -> bool {
    ["_total", "_sum", "_count", "_bucket"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

/// Names and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricNames {
    /// Sorted by name.
    pub families: Vec<MetricFamily>,
    /// All present series of the source, listed or not.
    pub total_series: u64,
    /// Whether names were left out because of the limit.
    pub truncated: bool,
    /// The server's warnings: partial data is not full data.
    pub warnings: Vec<String>,
}

/// Which series there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesListing {
    /// Sorted, each once.
    pub series: Vec<Labels>,
    /// The server's warnings, and what was left out: partial data is not full data.
    pub warnings: Vec<String>,
}

/// One XOR chunk as the server sent it: 2-byte big-endian count, then Gorilla bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XorChunk {
    /// Time of the first sample, Unix milliseconds.
    pub min_ms: i64,
    /// Time of the last sample, Unix milliseconds.
    pub max_ms: i64,
    /// The chunk's bytes.
    pub bytes: Arc<[u8]>,
}

impl XorChunk {
    /// How many samples it holds.
    pub fn count(&self) -> u64 {
        match *self.bytes {
            [high, low, ..] => u64::from(u16::from_be_bytes([high, low])),
            _ => 0,
        }
    }
}

/// Samples a chunk of ours holds; Prometheus cuts its own at the same count.
pub const CHUNK_SAMPLES: usize = 120;

impl XorChunk {
    /// Samples as chunks of at most [`CHUNK_SAMPLES`].
    pub fn encode<'a>(times: &'a [i64], values: &'a [f64]) -> impl Iterator<Item = Self> + 'a {
        times
            .chunks(CHUNK_SAMPLES)
            .zip(values.chunks(CHUNK_SAMPLES))
            .flat_map(|(times, values)| {
                let mut out = Vec::with_capacity(1);
                let mut encoder = XorEncoder::new();
                for (&time, &value) in times.iter().zip(values) {
                    if !encoder.push(time, value) {
                        // Times rise in `Samples`; a refusal means a distance no chunk can hold. Begin another.
                        out.extend(Self::sealed(&encoder));
                        encoder = XorEncoder::new();
                        encoder.push(time, value);
                    }
                }
                out.extend(Self::sealed(&encoder));
                out
            })
    }

    fn sealed(encoder: &XorEncoder) -> Option<Self> {
        Some(Self {
            min_ms: encoder.first_ms()?,
            max_ms: encoder.last_ms()?,
            bytes: Arc::from(encoder.bytes()),
        })
    }
}

/// Samples in the form they came in.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesData {
    /// Checked chunks in time order; they may reach beyond the asked range.
    Chunks(Vec<XorChunk>),
    /// Plain samples, already clipped.
    Plain(Samples),
}

impl SeriesData {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Chunks(chunks) => chunks.is_empty(),
            Self::Plain(samples) => samples.is_empty(),
        }
    }
}

/// One series read.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSeries {
    /// Its labels.
    pub labels: Labels,
    /// Its samples.
    pub data: SeriesData,
}

impl RawSeries {
    /// The samples in (`after_ms`, `until_ms`], decoded. Chunks were checked when they came in; should one be broken
    /// all the same, what precedes the fault is returned and the fault is named.
    pub fn samples(&self, after_ms: i64, until_ms: i64) -> Result<Samples, xor::XorError> {
        match &self.data {
            SeriesData::Plain(samples) => {
                let (times, values) = samples.between(after_ms, until_ms);
                Ok(Samples {
                    times_ms: times.to_vec(),
                    values: values.to_vec(),
                })
            }
            SeriesData::Chunks(chunks) => {
                let mut out = Samples::default();
                for chunk in chunks {
                    if chunk.max_ms <= after_ms || chunk.min_ms > until_ms {
                        continue;
                    }
                    xor::decode_range(&chunk.bytes, after_ms, until_ms, &mut out)?;
                }
                Ok(out)
            }
        }
    }

    /// The time of the newest sample in (`after_ms`, `until_ms`], Unix milliseconds.
    pub fn newest_ms(&self, after_ms: i64, until_ms: i64) -> Result<Option<i64>, xor::XorError> {
        match &self.data {
            SeriesData::Plain(samples) => Ok(samples.between(after_ms, until_ms).0.last().copied()),
            SeriesData::Chunks(chunks) => newest_within(chunks, after_ms, until_ms),
        }
    }
}

/// The time of the newest sample of chunks, which rise, in (`after_ms`, `until_ms`]; a chunk is decoded only where its end lies
/// outside.
pub(crate) fn newest_within(chunks: &[XorChunk], after_ms: i64, until_ms: i64) -> Result<Option<i64>, xor::XorError> {
    for chunk in chunks.iter().rev().filter(|chunk| chunk.min_ms <= until_ms) {
        if chunk.max_ms <= after_ms {
            return Ok(None);
        }
        if chunk.max_ms <= until_ms {
            return Ok(Some(chunk.max_ms));
        }
        let mut inside = Samples::default();
        xor::decode_range(&chunk.bytes, after_ms, until_ms, &mut inside)?;
        if let Some(&newest_ms) = inside.times_ms.last() {
            return Ok(Some(newest_ms));
        }
    }
    Ok(None)
}

/// A series that could not be read.
#[derive(Debug, Clone)]
pub struct SeriesFailure {
    /// Its labels.
    pub labels: Labels,
    /// Why.
    pub error: SourceError,
}

/// The answer to a bulk read.
#[derive(Debug, Clone)]
pub struct RawRead {
    /// The range asked for, start excluded, Unix milliseconds.
    pub after_ms: i64,
    /// The range asked for, end included, Unix milliseconds.
    pub until_ms: i64,
    /// What was read; a series that exists but has no sample in the range is left out.
    pub series: Vec<RawSeries>,
    /// What could not be read, series by series.
    pub failures: Vec<SeriesFailure>,
    /// The slowest way that was used.
    pub way: Way,
    /// Bytes of all bodies, as they came over the wire.
    pub bytes: u64,
    /// Samples in `series`, those of chunks that reach beyond the range included.
    pub samples: u64,
    /// Requests made.
    pub requests: u32,
    /// Warnings and infos of the server: partial data is not full data.
    pub warnings: Vec<String>,
    /// Whether stale markers are missing; gaps then start at the cap of the last sample.
    pub hides_stale: bool,
}

impl RawRead {
    /// An empty answer for (`after_ms`, `until_ms`].
    pub fn empty(way: Way, after_ms: i64, until_ms: i64) -> Self {
        Self {
            after_ms,
            until_ms,
            series: Vec::new(),
            failures: Vec::new(),
            way,
            bytes: 0,
            samples: 0,
            requests: 0,
            warnings: Vec::new(),
            hides_stale: way.hides_stale(),
        }
    }

    /// Adds what another request of the same read brought.
    pub fn absorb(&mut self, other: Self) {
        self.series.extend(other.series);
        self.failures.extend(other.failures);
        self.way = self.way.max(other.way);
        self.bytes += other.bytes;
        self.samples += other.samples;
        self.requests += other.requests;
        self.warn(other.warnings);
        self.hides_stale |= other.hides_stale;
    }

    /// Adds warnings, each once.
    pub(crate) fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        for warning in warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// Tells of `count` series that were read, but also have native histograms in the range.
    pub(crate) fn mixed(&mut self, count: u64) {
        if count > 0 {
            self.warn([format!(
                "{count} series also have native histograms, which are left out"
            )]);
        }
    }

    /// Writes into each failure of a histogram how many there are in the whole read.
    pub(crate) fn count_histograms(&mut self) {
        let is_histogram = |failure: &&mut SeriesFailure| matches!(failure.error, SourceError::Histograms { .. });
        let count = self.failures.iter_mut().filter(is_histogram).count() as u64;
        for failure in self.failures.iter_mut().filter(is_histogram) {
            failure.error = SourceError::Histograms { count };
        }
    }

    /// Every series with its samples in the asked range, decoded.
    pub fn decoded(&self) -> Result<Vec<(Labels, Samples)>, xor::XorError> {
        self.series
            .iter()
            .map(|one| Ok((one.labels.clone(), one.samples(self.after_ms, self.until_ms)?)))
            .collect()
    }
}

/// The answer to an expression.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpressionRead {
    /// One entry a result series; instants without a value are absent.
    pub series: Vec<(Labels, Samples)>,
    /// Bytes received.
    pub bytes: u64,
    /// Requests made.
    pub requests: u32,
    /// Warnings and infos of the server.
    pub warnings: Vec<String>,
}

/// One series over days.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LongSeries {
    /// Its labels, with the metric name.
    pub labels: Labels,
    /// End of each point's 5 min, included, Unix milliseconds, strictly increasing; spans without samples are absent.
    pub times_ms: Vec<i64>,
    /// Averages; NaN where the server's average was poisoned by a NaN sample.
    pub avg: Vec<f64>,
    /// Minima.
    pub min: Vec<f64>,
    /// Maxima.
    pub max: Vec<f64>,
}

/// The long view of several series.
#[derive(Debug, Clone, Default)]
pub struct LongView {
    /// Width of a point in milliseconds.
    pub step_ms: i64,
    /// Each series.
    pub series: Vec<LongSeries>,
    /// What could not be read.
    pub failures: Vec<SeriesFailure>,
    /// The queries the server evaluated, for the operator to copy; empty when nothing was evaluated on a server.
    pub queries: Vec<String>,
    /// Bytes received.
    pub bytes: u64,
    /// Requests made.
    pub requests: u32,
    /// Warnings and infos of the server.
    pub warnings: Vec<String>,
}
