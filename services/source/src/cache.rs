//! Raw samples of many series, compressed: about 4 bytes a sample, decoded for each computation.

use std::collections::HashMap;

use sla_domain::{Labels, Samples, SeriesId, spacing};

use crate::limits::MAX_SERIES_SAMPLES;
use crate::reply::{CHUNK_SAMPLES, RawSeries, SeriesData, XorChunk, newest_within};
use crate::xor;

/// How far back samples are kept, in milliseconds (26 h: the longest window, a day to compare with, and slack).
pub const KEEP_MS: i64 = 26 * 3_600_000;
/// What is kept when memory is short, in milliseconds (13 h: the longest window and slack).
pub const KEEP_WHEN_SHORT_MS: i64 = 13 * 3_600_000;
/// Most memory of one cache unless configured otherwise: 2,000 series × 26 h at 15 s need a fifth of it.
pub const DEFAULT_CACHE_CAP_BYTES: u64 = 256 << 20;
/// What a chunk costs beside its bytes: the entry in the list, the reference counts, the allocator's header.
const CHUNK_OVERHEAD_BYTES: u64 = (size_of::<XorChunk>() + 2 * size_of::<usize>() + 8) as u64;
/// What a series costs beside its labels and chunks.
const SERIES_OVERHEAD_BYTES: u64 = 256;

/// One series in the cache.
#[derive(Debug)]
struct Entry {
    labels: Labels,
    /// In time order, not overlapping.
    chunks: Vec<XorChunk>,
    covered_after_ms: i64,
    covered_until_ms: i64,
    spacing_ms: Option<i64>,
    used: u64,
    bytes: u64,
    samples: u64,
}

/// What the cache knows about a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedSeries {
    /// Its labels.
    pub labels: Labels,
    /// Everything after this instant was read, Unix milliseconds.
    pub covered_after_ms: i64,
    /// … up to and including this one.
    pub covered_until_ms: i64,
    /// Median distance of samples at first sight of a handful of them, milliseconds; `None` with fewer than two.
    pub spacing_ms: Option<i64>,
    /// Time of the newest sample (stale markers count), Unix milliseconds.
    pub newest_ms: Option<i64>,
    /// Samples held.
    pub samples: u64,
    /// Bytes held.
    pub bytes: u64,
}

/// How full the cache is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheFill {
    /// Series held.
    pub series: usize,
    /// Samples held.
    pub samples: u64,
    /// Bytes held, overhead included.
    pub bytes: u64,
    /// The cap.
    pub cap_bytes: u64,
    /// Series thrown out so far because of the cap.
    pub shed_series: u64,
}

/// Why samples are not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A chunk cannot be decoded.
    #[error(transparent)]
    Xor(#[from] xor::XorError),
    /// The series would have more samples than one may have.
    #[error("{found} samples, at most {limit} are kept of one series")]
    Dense {
        /// How many it would have.
        found: u64,
        /// The limit.
        limit: u64,
    },
}

/// Compressed samples by series. Its owner decides about locks and time.
#[derive(Debug)]
pub struct SampleCache {
    entries: HashMap<SeriesId, Entry>,
    bytes: u64,
    samples: u64,
    cap_bytes: u64,
    turn: u64,
    shed: u64,
}

impl Default for SampleCache {
    fn default() -> Self {
        Self::new(DEFAULT_CACHE_CAP_BYTES)
    }
}

impl SampleCache {
    /// An empty cache that holds at most `cap_bytes`.
    pub fn new(cap_bytes: u64) -> Self {
        Self {
            entries: HashMap::new(),
            bytes: 0,
            samples: 0,
            cap_bytes,
            turn: 0,
            shed: 0,
        }
    }

    /// Puts what a read of (`after_ms`, `until_ms`] brought in the place of what was known about that range. A range
    /// that does not touch the known one replaces it: the cache never has holes it does not know of.
    pub fn store(&mut self, id: SeriesId, read: RawSeries, after_ms: i64, until_ms: i64) -> Result<(), StoreError> {
        if until_ms <= after_ms {
            return Ok(());
        }
        self.turn += 1;
        let turn = self.turn;
        let known = self.entries.remove(&id);
        if let Some(known) = &known {
            self.bytes -= known.bytes;
            self.samples -= known.samples;
        }
        let touching = known.filter(|known| after_ms <= known.covered_until_ms && known.covered_after_ms <= until_ms);
        let mut entry = Entry {
            labels: read.labels,
            chunks: Vec::new(),
            covered_after_ms: after_ms,
            covered_until_ms: until_ms,
            spacing_ms: None,
            used: turn,
            bytes: 0,
            samples: 0,
        };
        let mut later = Vec::new();
        if let Some(known) = touching {
            entry.covered_after_ms = known.covered_after_ms.min(after_ms);
            entry.covered_until_ms = known.covered_until_ms.max(until_ms);
            let enough = known.samples >= spacing::ENOUGH_SAMPLES as u64;
            entry.spacing_ms = known.spacing_ms.filter(|_| enough);
            for chunk in known.chunks {
                if chunk.min_ms > until_ms {
                    later.push(chunk);
                } else if chunk.max_ms <= after_ms {
                    entry.chunks.push(chunk);
                } else {
                    let mut before = Samples::default();
                    xor::decode_range(&chunk.bytes, i64::MIN, after_ms, &mut before)?;
                    append(&mut entry.chunks, &before.times_ms, &before.values)?;
                    if chunk.max_ms > until_ms {
                        let mut rest = Samples::default();
                        xor::decode_range(&chunk.bytes, until_ms, i64::MAX, &mut rest)?;
                        later.extend(XorChunk::encode(&rest.times_ms, &rest.values));
                    }
                }
            }
        }
        match read.data {
            SeriesData::Plain(samples) => {
                let (times, values) = samples.between(after_ms, until_ms);
                append(&mut entry.chunks, times, values)?;
            }
            SeriesData::Chunks(chunks) => {
                for chunk in chunks {
                    let last = entry.chunks.last().map_or(i64::MIN, |last| last.max_ms);
                    if chunk.min_ms > after_ms && chunk.max_ms <= until_ms && chunk.min_ms > last {
                        entry.chunks.push(chunk);
                    } else {
                        let mut part = Samples::default();
                        xor::decode_range(&chunk.bytes, after_ms.max(last), until_ms, &mut part)?;
                        append(&mut entry.chunks, &part.times_ms, &part.values)?;
                    }
                }
            }
        }
        entry.chunks.extend(later);
        entry.samples = entry.chunks.iter().map(XorChunk::count).sum();
        if entry.samples > MAX_SERIES_SAMPLES {
            // The series is forgotten: half of it would look like a gap.
            return Err(StoreError::Dense {
                found: entry.samples,
                limit: MAX_SERIES_SAMPLES,
            });
        }
        if entry.spacing_ms.is_none() {
            entry.spacing_ms = median_spacing(&entry)?;
        }
        entry.bytes = SERIES_OVERHEAD_BYTES
            + entry
                .labels
                .iter()
                .map(|(name, value)| (name.len() + value.len() + 48) as u64)
                .sum::<u64>()
            + entry.chunks.iter().map(chunk_bytes).sum::<u64>();
        self.bytes += entry.bytes;
        self.samples += entry.samples;
        self.entries.insert(id, entry);
        self.make_room(id);
        Ok(())
    }

    /// The samples of `id` in (`after_ms`, `until_ms`] as far as they are known; `None` for a series never stored.
    pub fn samples(&self, id: SeriesId, after_ms: i64, until_ms: i64) -> Result<Option<Samples>, xor::XorError> {
        let Some(entry) = self.entries.get(&id) else {
            return Ok(None);
        };
        let mut out = Samples::default();
        for chunk in &entry.chunks {
            if chunk.max_ms > after_ms && chunk.min_ms <= until_ms {
                xor::decode_range(&chunk.bytes, after_ms, until_ms, &mut out)?;
            }
        }
        Ok(Some(out))
    }

    /// The chunks of `id` that hold something in (`after_ms`, `until_ms`]; they may reach beyond it.
    pub fn chunks(&self, id: SeriesId, after_ms: i64, until_ms: i64) -> Option<Vec<XorChunk>> {
        let entry = self.entries.get(&id)?;
        Some(
            entry
                .chunks
                .iter()
                .filter(|chunk| chunk.max_ms > after_ms && chunk.min_ms <= until_ms)
                .cloned()
                .collect(),
        )
    }

    /// What is known about `id`.
    pub fn about(&self, id: SeriesId) -> Option<CachedSeries> {
        let entry = self.entries.get(&id)?;
        Some(CachedSeries {
            labels: entry.labels.clone(),
            covered_after_ms: entry.covered_after_ms,
            covered_until_ms: entry.covered_until_ms,
            spacing_ms: entry.spacing_ms,
            newest_ms: entry.chunks.last().map(|chunk| chunk.max_ms),
            samples: entry.samples,
            bytes: entry.bytes,
        })
    }

    /// The range known of `id`: (after, until].
    pub fn covered(&self, id: SeriesId) -> Option<(i64, i64)> {
        let entry = self.entries.get(&id)?;
        Some((entry.covered_after_ms, entry.covered_until_ms))
    }

    /// The time of the newest sample known of `id` in (`after_ms`, `until_ms`].
    pub fn newest_within(&self, id: SeriesId, after_ms: i64, until_ms: i64) -> Result<Option<i64>, xor::XorError> {
        let chunks = self.entries.get(&id).map(|entry| entry.chunks.as_slice());
        newest_within(chunks.unwrap_or_default(), after_ms, until_ms)
    }

    /// Marks `id` as wanted now; series not wanted for long are shed first.
    pub fn touch(&mut self, id: SeriesId) {
        self.turn += 1;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.used = self.turn;
        }
    }

    /// What was read up to a time that has not come yet is not known: the range known of such a series ends at its newest
    /// sample. A clock that was ahead leaves this behind.
    pub fn doubt_after(&mut self, now_ms: i64) {
        for entry in self
            .entries
            .values_mut()
            .filter(|entry| entry.covered_until_ms > now_ms)
        {
            let newest_ms = entry.chunks.last().map_or(i64::MIN, |chunk| chunk.max_ms);
            entry.covered_until_ms = newest_ms.min(now_ms).max(entry.covered_after_ms);
        }
    }

    /// What was thought to be known of `id` after `known_ms` is not.
    pub fn rewind(&mut self, id: SeriesId, known_ms: i64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.covered_until_ms = known_ms.clamp(entry.covered_after_ms, entry.covered_until_ms);
        }
    }

    /// Drops chunks that end at or before `before_ms`.
    pub fn evict(&mut self, before_ms: i64) {
        for entry in self.entries.values_mut() {
            let (bytes, samples) = drop_before(entry, before_ms);
            self.bytes -= bytes;
            self.samples -= samples;
        }
    }

    /// Forgets a series.
    pub fn forget(&mut self, id: SeriesId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.bytes -= entry.bytes;
            self.samples -= entry.samples;
        }
    }

    /// Every series held.
    pub fn ids(&self) -> impl Iterator<Item = (SeriesId, &Labels)> {
        self.entries.iter().map(|(id, entry)| (*id, &entry.labels))
    }

    /// How full it is.
    pub fn fill(&self) -> CacheFill {
        CacheFill {
            series: self.entries.len(),
            samples: self.samples,
            bytes: self.bytes,
            cap_bytes: self.cap_bytes,
            shed_series: self.shed,
        }
    }

    /// Whether bytes and samples fit. Of samples there may be one for each byte: constant series cost a quarter of one
    /// compressed, but sixteen decoded.
    fn fits(&self) -> bool {
        self.bytes <= self.cap_bytes && self.samples <= self.cap_bytes
    }

    /// Below the cap again: first everything older than the longest window goes, then the series not used for longest;
    /// `newest` stays.
    fn make_room(&mut self, newest: SeriesId) {
        if self.fits() {
            return;
        }
        let until_ms = self
            .entries
            .get(&newest)
            .map_or(i64::MIN, |entry| entry.covered_until_ms);
        self.evict(until_ms.saturating_sub(KEEP_WHEN_SHORT_MS));
        while !self.fits() {
            let oldest = self
                .entries
                .iter()
                .filter(|(id, _)| **id != newest)
                .min_by_key(|(_, entry)| entry.used)
                .map(|(id, _)| *id);
            let Some(oldest) = oldest else {
                return;
            };
            tracing::warn!(series = %oldest, cap_bytes = self.cap_bytes, "sample cache is full; a series goes");
            self.shed += 1;
            self.forget(oldest);
        }
    }
}

fn chunk_bytes(chunk: &XorChunk) -> u64 {
    chunk.bytes.len() as u64 + CHUNK_OVERHEAD_BYTES
}

/// Drops old chunks of one series; returns the bytes that became free, and the samples that went.
fn drop_before(entry: &mut Entry, before_ms: i64) -> (u64, u64) {
    let count = entry.chunks.partition_point(|chunk| chunk.max_ms <= before_ms);
    if count == 0 {
        return (0, 0);
    }
    // What is left begins inside the first chunk kept; the range known begins where the dropped one ended.
    let free: u64 = entry.chunks[..count].iter().map(chunk_bytes).sum();
    let gone: u64 = entry.chunks[..count].iter().map(XorChunk::count).sum();
    entry.covered_after_ms = entry.covered_after_ms.max(entry.chunks[count - 1].max_ms);
    entry.chunks.drain(..count);
    entry.bytes -= free;
    entry.samples -= gone;
    (free, gone)
}

/// Adds samples behind all others, filling up the last chunk when it is not full.
fn append(chunks: &mut Vec<XorChunk>, times: &[i64], values: &[f64]) -> Result<(), xor::XorError> {
    if times.is_empty() {
        return Ok(());
    }
    let unfilled = chunks
        .last()
        .is_some_and(|last| (last.count() as usize) < CHUNK_SAMPLES);
    if unfilled && let Some(last) = chunks.pop() {
        let mut all = Samples::default();
        xor::decode_range(&last.bytes, i64::MIN, i64::MAX, &mut all)?;
        all.times_ms.extend_from_slice(times);
        all.values.extend_from_slice(values);
        chunks.extend(XorChunk::encode(&all.times_ms, &all.values));
    } else {
        chunks.extend(XorChunk::encode(times, values));
    }
    Ok(())
}

/// The usual distance of samples, milliseconds.
fn median_spacing(entry: &Entry) -> Result<Option<i64>, xor::XorError> {
    let mut all = Samples::default();
    for chunk in &entry.chunks {
        xor::decode_range(&chunk.bytes, i64::MIN, i64::MAX, &mut all)?;
    }
    Ok(spacing::spacing_ms(&all))
}

#[cfg(test)]
mod tests;
