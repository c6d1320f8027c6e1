//! What a remote read brings, sorted while it arrives: samples of wanted series, and what cannot be taken as it is.
//!
//! A server adds its `external_labels` to every series of a remote read, which its query API does not show. So labels of
//! an answer are never guessed at: either the names that the server adds are known from its configuration, then they are
//! taken off; or only labels that are exactly the wanted ones count, and a series that came with more is read by query.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sla_domain::{Labels, Samples};

use super::plan::Selection;
use super::wire::{Sink, TOO_MANY, WireChunk};
use crate::limits::{MAX_ANSWER_SAMPLES, MAX_SERIES_SAMPLES};
use crate::reply::{SeriesData, Way, XorChunk};
use crate::{xor, xor2};

/// `prometheus.Chunk.Encoding`: how a chunk is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Xor,
    Xor2,
    Histogram,
    Unknown,
}

impl Encoding {
    fn of(number: u64) -> Self {
        match number {
            // Servers older than the field leave it unset: they know no other.
            0 | 1 => Self::Xor,
            4 => Self::Xor2,
            2 | 3 | 5 | 6 => Self::Histogram,
            _ => Self::Unknown,
        }
    }
}

/// What is asked for, and in which range.
#[derive(Debug)]
pub(super) struct Wanted {
    series: HashSet<Labels>,
    /// The distinct sets of label names among them.
    shapes: BTreeSet<Vec<String>>,
    /// Label names of each query's series, by its index.
    queries: Vec<HashSet<String>>,
    /// Names of the labels that the server adds; `None` = not known.
    external: Option<Vec<String>>,
    after_ms: i64,
    until_ms: i64,
}

/// Which wanted series an answer is.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Exactly(Labels),
    /// It has all labels of these, and more: perhaps added by the server, perhaps another series.
    Perhaps(Vec<Labels>),
}

impl Wanted {
    pub(super) fn new(
        batch: &[Labels],
        selections: &[Selection],
        external: Option<Vec<String>>,
        (after_ms, until_ms): (i64, i64),
    ) -> Self {
        let names = |labels: &Labels| labels.iter().map(|(name, _)| name.to_owned()).collect();
        Self {
            series: batch.iter().cloned().collect(),
            shapes: batch.iter().map(names).collect(),
            queries: selections
                .iter()
                .map(|selection| selection.iter().map(|matcher| matcher.name().to_owned()).collect())
                .collect(),
            external,
            after_ms,
            until_ms,
        }
    }

    fn identify(&self, query: u64, labels: Labels) -> Identity {
        let own = self.without_external(query, labels);
        if self.series.contains(&own) {
            return Identity::Exactly(own);
        }
        let parts = self.shapes.iter().filter(|shape| shape.len() < own.len());
        Identity::Perhaps(
            parts
                .map(|shape| Labels::from_pairs(shape.iter().map(|name| (name.as_str(), own.get(name).unwrap_or("")))))
                .filter(|part| self.series.contains(part))
                .collect(),
        )
    }

    /// A query demands that labels which the server adds are absent from its series, or names them: those it does not
    /// name were added.
    fn without_external(&self, query: u64, labels: Labels) -> Labels {
        let own = usize::try_from(query).ok().and_then(|query| self.queries.get(query));
        let (Some(external), Some(own)) = (&self.external, own) else {
            return labels;
        };
        let is_added = |name: &str| !own.contains(name) && external.iter().any(|added| added == name);
        if labels.iter().any(|(name, _)| is_added(name)) {
            Labels::from_pairs(labels.iter().filter(|(name, _)| !is_added(name)))
        } else {
            labels
        }
    }
}

/// Why the samples of a series cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Untaken {
    /// It has at least so many samples.
    Dense(u64),
    /// It came without a sample: it is silent, or the server leaves out its histograms and all that follows them.
    Silent,
    /// It came more than once, and the pieces do not go on where others end: which are right cannot be told.
    Twice,
    /// A chunk that is broken or of an unknown encoding; another way of reading may bring it.
    Undecoded(String),
}

/// One series of the haul.
#[derive(Debug)]
pub(super) struct Found {
    /// The first query that brought this series; others that match it too bring the same again.
    query: u64,
    /// What it has in the range.
    pub(super) data: SeriesData,
    /// Samples in `data`, those of chunks that reach beyond the range included.
    pub(super) samples: u64,
    /// Whether it has native histograms in the range.
    pub(super) has_histograms: bool,
    /// Why it is not taken.
    pub(super) untaken: Option<Untaken>,
}

/// All that a remote read brought.
#[derive(Debug, Default)]
pub(super) struct Haul {
    /// Wanted series that came.
    pub(super) found: HashMap<Labels, Found>,
    /// Wanted series that came with more labels than they have, if it was they.
    pub(super) uncertain: HashSet<Labels>,
    /// Whether a series came whose labels are more than is taken: with what the server adds it may be a wanted one.
    pub(super) has_nameless: bool,
    /// The way the server answered.
    pub(super) way: Option<Way>,
    /// Bytes of the body as it came.
    pub(super) bytes: u64,
    samples: u64,
}

impl Haul {
    /// Wanted series that came under more labels only.
    pub(super) fn unclear(&self) -> impl Iterator<Item = &Labels> {
        self.uncertain.iter().filter(|labels| !self.found.contains_key(*labels))
    }

    /// Brings the chunks of each series in order. A series goes on in further frames; one whose chunks overlap came twice.
    pub(super) fn in_order(&mut self) {
        for found in self.found.values_mut() {
            if let SeriesData::Chunks(chunks) = &mut found.data {
                chunks.sort_by_key(|chunk| (chunk.min_ms, chunk.max_ms));
                // The same once more says nothing else.
                chunks.dedup();
                let overlaps = chunks.windows(2).any(|pair| pair[1].min_ms <= pair[0].max_ms);
                if overlaps && found.untaken.is_none() {
                    found.untaken = Some(Untaken::Twice);
                }
            }
        }
    }

    /// Those of `batch` that did not come, where one of them may be a series that came without a name.
    pub(super) fn missing(&self, batch: &[Labels]) -> Vec<Labels> {
        let came = |labels: &&Labels| self.found.contains_key(*labels) || self.uncertain.contains(*labels);
        let missing = batch.iter().filter(|labels| self.has_nameless && !came(labels));
        missing.cloned().collect()
    }

    /// The fault of a haul of which nothing can be decoded: then it is one of the way, not of the series.
    pub(super) fn undecoded(&self) -> Option<&str> {
        let mut words = None;
        for found in self.found.values() {
            match &found.untaken {
                Some(Untaken::Undecoded(fault)) => words = Some(fault.as_str()),
                _ => return None,
            }
        }
        words
    }
}

/// Takes the pieces of one answer for what is wanted.
pub(super) struct Taking<'a> {
    haul: &'a mut Haul,
    wanted: &'a Wanted,
    /// The series whose pieces come now; `None` = a stranger.
    current: Option<Labels>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(haul: &'a mut Haul, wanted: &'a Wanted) -> Self {
        Self {
            haul,
            wanted,
            current: None,
        }
    }

    fn found(&mut self) -> Option<&mut Found> {
        self.haul.found.get_mut(self.current.as_ref()?)
    }

    /// Counts samples before they are decoded; whether there is room for them.
    fn room(&mut self, count: u64) -> Result<bool, &'static str> {
        let Some(found) = self.found() else {
            return Ok(false);
        };
        found.samples += count;
        if found.samples > MAX_SERIES_SAMPLES {
            found.untaken = Some(Untaken::Dense(found.samples));
            found.data = SeriesData::Chunks(Vec::new());
            return Ok(false);
        }
        self.haul.samples += count;
        if self.haul.samples > MAX_ANSWER_SAMPLES {
            return Err(TOO_MANY);
        }
        Ok(true)
    }

    fn keep(&mut self, read: Result<Vec<XorChunk>, String>) {
        let (after_ms, until_ms) = (self.wanted.after_ms, self.wanted.until_ms);
        let Some(found) = self.found() else {
            return;
        };
        match (read, &mut found.data) {
            (Ok(read), SeriesData::Chunks(chunks)) => {
                chunks.extend(
                    read.into_iter()
                        .filter(|chunk| chunk.max_ms > after_ms && chunk.min_ms <= until_ms),
                );
            }
            (Ok(_), SeriesData::Plain(_)) => {}
            (Err(fault), _) => found.untaken = Some(Untaken::Undecoded(fault)),
        }
    }
}

impl Sink for Taking<'_> {
    fn series(&mut self, query: u64, labels: Labels) -> bool {
        self.current = match self.wanted.identify(query, labels) {
            Identity::Exactly(own) => {
                let found = self.haul.found.entry(own.clone()).or_insert_with(|| Found {
                    query,
                    data: SeriesData::Chunks(Vec::new()),
                    samples: 0,
                    has_histograms: false,
                    untaken: None,
                });
                (found.query == query).then_some(own)
            }
            Identity::Perhaps(parts) => {
                self.haul.uncertain.extend(parts);
                None
            }
        };
        self.current.is_some()
    }

    fn nameless(&mut self) {
        self.current = None;
        self.haul.has_nameless = true;
    }

    fn chunk(&mut self, chunk: &WireChunk<'_>) -> Result<(), &'static str> {
        let encoding = Encoding::of(chunk.encoding);
        let (after_ms, until_ms) = (self.wanted.after_ms, self.wanted.until_ms);
        let Some(found) = self.found() else {
            return Ok(());
        };
        match encoding {
            Encoding::Histogram => {
                found.has_histograms |= chunk.max_ms > after_ms && chunk.min_ms <= until_ms;
                return Ok(());
            }
            Encoding::Unknown => {
                let words = format!("a chunk of the unknown encoding {}", chunk.encoding);
                found.untaken = Some(Untaken::Undecoded(words));
                return Ok(());
            }
            Encoding::Xor | Encoding::Xor2 => {}
        }
        if found.untaken.is_some() && !matches!(found.untaken, Some(Untaken::Dense(_))) {
            return Ok(());
        }
        if !self.room(claimed(chunk.data))? {
            return Ok(());
        }
        let read = if encoding == Encoding::Xor2 {
            xor2::decode(chunk.data).map(|samples| XorChunk::encode(&samples.times_ms, &samples.values).collect())
        } else {
            xor::check(chunk.data).map(|checked| {
                let chunk = checked.map(|(min_ms, max_ms, _)| XorChunk {
                    min_ms,
                    max_ms,
                    bytes: Arc::from(chunk.data),
                });
                chunk.into_iter().collect()
            })
        };
        self.keep(read.map_err(|error| error.to_string()));
        Ok(())
    }

    fn samples(&mut self, samples: Samples, seen: u64, has_histograms: bool) -> Result<(), &'static str> {
        let samples = super::read::clipped(samples, self.wanted.after_ms, self.wanted.until_ms);
        if !self.room(seen.max(samples.len() as u64))? {
            return Ok(());
        }
        if let Some(found) = self.found() {
            // All samples of a series come at once.
            if matches!(found.data, SeriesData::Plain(_)) {
                found.untaken = Some(Untaken::Twice);
            } else if seen == 0 && !has_histograms {
                found.untaken = Some(Untaken::Silent);
            }
            found.has_histograms |= has_histograms;
            found.samples = samples.len() as u64;
            found.data = SeriesData::Plain(samples);
        }
        Ok(())
    }
}

/// How many samples a chunk of either encoding says that it holds.
fn claimed(data: &[u8]) -> u64 {
    match data {
        [high, low, ..] => u64::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
