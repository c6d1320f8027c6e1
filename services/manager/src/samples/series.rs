//! One series in memory: what is older lies in sealed chunks, the newest samples as they came, because late ones may
//! still change them. A sealed sample costs about five bytes instead of sixteen.

use std::sync::Arc;

use sla_domain::{Labels, Samples, SeriesId, Timeline};
use sla_proto::convert;
use sla_proto::series::v1::{Series, SeriesKind};
use sla_source::xor::{self, XorEncoder, XorIter};

use crate::options::LATE_SAMPLES_MS;

/// Samples a sealed chunk holds: fewer cost more bytes each, more cost more to decode at a window's edge.
const CHUNK_SAMPLES: usize = 120;
/// Unsealed samples that no window reaches are dropped this many at once: dropping shifts all others.
const DROPPED_AT_ONCE: usize = 30;
/// Chunks whose uneven times are kept decoded: one an edge of a window, and one more.
const KEPT_EDGES: usize = 13;

/// Who a series is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesHead {
    /// Its fingerprint.
    pub id: SeriesId,
    /// The source it comes from.
    pub source: String,
    /// Its labels.
    pub labels: Labels,
    /// Normalised text of the expression it results from; empty for a plain one.
    pub expression: String,
    /// What kind of values it has.
    pub kind: SeriesKind,
}

impl SeriesHead {
    /// As the source names it; `None` without a fingerprint.
    pub fn of_message(series: &Series) -> Option<Self> {
        Some(Self {
            id: convert::series_id(series)?,
            source: series.source.clone(),
            labels: convert::labels(series),
            expression: series.expression.clone(),
            kind: series.kind(),
        })
    }

    /// As the contract tells it.
    pub fn message(&self) -> Series {
        convert::series_message(self.id, &self.source, &self.labels, &self.expression, self.kind)
    }
}

/// One series with all its samples, decoded: for what is asked once.
#[derive(Debug, Clone)]
pub struct HeldSeries {
    /// Who it is.
    pub head: Arc<SeriesHead>,
    /// Typical distance of samples, milliseconds, as first told; 0 when unknown.
    pub spacing_ms: i64,
    /// What is known, oldest first.
    pub samples: Arc<Samples>,
}

/// A sealed chunk.
#[derive(Debug, Clone)]
struct Chunk {
    first_ms: i64,
    last_ms: i64,
    count: u32,
    /// The distance of its samples where all lie evenly, milliseconds; else 0.
    step_ms: u32,
    xor: Arc<[u8]>,
}

impl Chunk {
    fn seal(times_ms: &[i64], values: &[f64]) -> Option<Self> {
        let mut encoder = XorEncoder::new();
        for (&time, &value) in times_ms.iter().zip(values) {
            if !encoder.push(time, value) {
                return None;
            }
        }
        let step_ms = match times_ms {
            [first, second, ..] => second - first,
            _ => 1,
        };
        let even = times_ms.windows(2).all(|pair| pair[1] - pair[0] == step_ms);
        Some(Self {
            first_ms: encoder.first_ms()?,
            last_ms: encoder.last_ms()?,
            count: encoder.len() as u32,
            step_ms: if even { u32::try_from(step_ms).unwrap_or(0) } else { 0 },
            xor: Arc::from(encoder.bytes()),
        })
    }

    /// Of our own bytes: what was sealed decodes.
    fn samples(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        XorIter::new(&self.xor).map_while(Result::ok)
    }

    fn decode(&self, out: &mut Samples) {
        if let Err(error) = xor::decode_range(&self.xor, i64::MIN, i64::MAX, out) {
            tracing::error!(%error, "a chunk in memory is damaged");
        }
    }
}

/// Samples as sealed chunks; a distance that no chunk can hold begins another one.
fn sealed(times_ms: &[i64], values: &[f64]) -> Vec<Chunk> {
    let parts = times_ms.chunks(CHUNK_SAMPLES).zip(values.chunks(CHUNK_SAMPLES));
    parts
        .flat_map(|(times, values)| match Chunk::seal(times, values) {
            Some(chunk) => vec![chunk],
            None => (0..times.len())
                .filter_map(|at| Chunk::seal(&times[at..=at], &values[at..=at]))
                .collect(),
        })
        .collect()
}

/// What a read changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Samples came behind all others.
    Grown,
    /// What was known is different, or lies elsewhere.
    Revised,
}

/// One series in memory.
#[derive(Debug, Clone)]
pub struct SeriesMemory {
    /// Who it is.
    pub head: Arc<SeriesHead>,
    /// Typical distance of samples, milliseconds, as first told: history does not change under the reader. 0 when unknown.
    pub spacing_ms: i64,
    chunks: Vec<Chunk>,
    tail: Samples,
    /// Counts what is not growth: who carries an evaluation on begins anew then.
    revision: u64,
}

impl SeriesMemory {
    /// From all that was read of a series.
    pub fn new(head: Arc<SeriesHead>, spacing_ms: i64, samples: Samples) -> Self {
        let mut memory = Self {
            head,
            spacing_ms,
            chunks: Vec::new(),
            tail: samples,
            revision: 0,
        };
        memory.seal();
        memory
    }

    /// How many samples are known.
    pub fn len(&self) -> usize {
        self.sealed_count() + self.tail.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes whenever samples did not merely come behind all others.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Time of the oldest sample, Unix milliseconds.
    pub fn oldest_ms(&self) -> Option<i64> {
        let sealed = self.chunks.first().map(|chunk| chunk.first_ms);
        sealed.or_else(|| self.tail.times_ms.first().copied())
    }

    /// Time of the newest sample, Unix milliseconds.
    pub fn newest_ms(&self) -> Option<i64> {
        let newest = self.tail.times_ms.last().copied();
        newest.or_else(|| self.chunks.last().map(|chunk| chunk.last_ms))
    }

    /// Bytes held, the allocator's own left aside.
    pub fn bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.xor.len()).sum();
        let tail = (self.tail.times_ms.capacity() + self.tail.values.capacity()) * size_of::<f64>();
        let labels = self.head.labels.iter().map(|(name, value)| name.len() + value.len());
        let head = size_of::<SeriesHead>() + labels.map(|bytes| bytes + 2 * size_of::<String>()).sum::<usize>();
        size_of::<Self>() + self.chunks.capacity() * size_of::<Chunk>() + chunks + tail + head
    }

    /// All samples.
    pub fn samples(&self) -> Samples {
        let mut out = Samples {
            times_ms: Vec::with_capacity(self.len()),
            values: Vec::with_capacity(self.len()),
        };
        for chunk in &self.chunks {
            chunk.decode(&mut out);
        }
        out.times_ms.extend_from_slice(&self.tail.times_ms);
        out.values.extend_from_slice(&self.tail.values);
        out
    }

    /// With all its samples.
    pub fn held(&self) -> HeldSeries {
        HeldSeries {
            head: self.head.clone(),
            spacing_ms: self.spacing_ms,
            samples: Arc::new(self.samples()),
        }
    }

    /// Hands the samples from index `from` on to `take`, oldest first.
    pub fn each_from(&self, from: usize, mut take: impl FnMut(i64, f64)) {
        let mut begin = 0;
        for chunk in &self.chunks {
            let end = begin + chunk.count as usize;
            if end > from {
                for (time, value) in chunk.samples().skip(from.saturating_sub(begin)) {
                    take(time, value);
                }
            }
            begin = end;
        }
        let tail = from.saturating_sub(begin).min(self.tail.len());
        for (time, value) in self.tail.iter().skip(tail) {
            take(time, value);
        }
    }

    /// Puts what a read says about the time after `after_ms` in the place of what is known about it: late samples come in,
    /// revised ones change. A source that answers a tail with nothing at all has not taken samples back.
    pub fn absorb(&mut self, read: &Samples, after_ms: i64) -> Change {
        let from = read.times_ms.partition_point(|&time| time <= after_ms);
        let (times, values) = (&read.times_ms[from..], &read.values[from..]);
        if times.is_empty() {
            return Change::None;
        }
        let reaches_sealed = self.chunks.last().is_some_and(|chunk| chunk.last_ms > after_ms);
        let decoded = reaches_sealed.then(|| self.samples());
        let known = decoded.as_ref().unwrap_or(&self.tail);
        let first = known.times_ms.partition_point(|&time| time <= after_ms);
        let same = known.len() - first;
        let unchanged = times.get(..same) == Some(&known.times_ms[first..])
            && known.values[first..]
                .iter()
                .zip(values)
                .all(|(have, read)| have.to_bits() == read.to_bits());
        let change = match (unchanged, same == times.len()) {
            (true, true) => return Change::None,
            (true, false) => Change::Grown,
            (false, _) => Change::Revised,
        };
        let new = if unchanged { same } else { 0 };
        if !unchanged {
            self.revision += 1;
            if let Some(mut all) = decoded {
                self.chunks.clear();
                std::mem::swap(&mut self.tail, &mut all);
            }
            self.tail.times_ms.truncate(first);
            self.tail.values.truncate(first);
        }
        extend(&mut self.tail.times_ms, &times[new..]);
        extend(&mut self.tail.values, &values[new..]);
        self.seal();
        change
    }

    /// Puts older samples before all that are known; those that are not older are left aside.
    pub fn extend_back(&mut self, older: &Samples) -> Change {
        let oldest_ms = self.oldest_ms().unwrap_or(i64::MAX);
        let count = older.times_ms.partition_point(|&time| time < oldest_ms);
        if count == 0 {
            return Change::None;
        }
        let mut chunks = sealed(&older.times_ms[..count], &older.values[..count]);
        chunks.append(&mut self.chunks);
        self.chunks = chunks;
        self.revision += 1;
        Change::Revised
    }

    /// Whether [`SeriesMemory::evict`] drops anything.
    pub fn is_old(&self, before_ms: i64) -> bool {
        self.old(before_ms) != (0, 0)
    }

    /// Drops what lies before the newest sample at or before `before_ms`, which carries its value in. A chunk goes when it
    /// goes as a whole: dropping shifts all other samples.
    pub fn evict(&mut self, before_ms: i64) {
        let (chunks, samples) = self.old(before_ms);
        self.chunks.drain(..chunks);
        self.tail.times_ms.drain(..samples);
        self.tail.values.drain(..samples);
        self.revision += u64::from((chunks, samples) != (0, 0));
    }

    /// Chunks and unsealed samples that no window reaches.
    fn old(&self, before_ms: i64) -> (usize, usize) {
        let next_ms = |at: usize| match self.chunks.get(at + 1) {
            Some(next) => Some(next.first_ms),
            None => self.tail.times_ms.first().copied(),
        };
        let is_old = |&at: &usize| next_ms(at).is_some_and(|next| next <= before_ms);
        let chunks = (0..self.chunks.len()).take_while(is_old).count();
        if chunks < self.chunks.len() {
            return (chunks, 0);
        }
        let samples = self.tail.times_ms.partition_point(|&time| time <= before_ms);
        let samples = samples.saturating_sub(1);
        (chunks, if samples < DROPPED_AT_ONCE { 0 } else { samples })
    }

    /// Seals what late samples cannot reach any more.
    fn seal(&mut self) {
        let Some(&newest_ms) = self.tail.times_ms.last() else {
            return;
        };
        let settled = self
            .tail
            .times_ms
            .partition_point(|&time| time <= newest_ms.saturating_sub(LATE_SAMPLES_MS));
        let whole = settled / CHUNK_SAMPLES * CHUNK_SAMPLES;
        if whole == 0 {
            return;
        }
        self.chunks
            .extend(sealed(&self.tail.times_ms[..whole], &self.tail.values[..whole]));
        self.chunks.shrink_to_fit();
        let mut rest = Samples::default();
        extend(&mut rest.times_ms, &self.tail.times_ms[whole..]);
        extend(&mut rest.values, &self.tail.values[whole..]);
        self.tail = rest;
    }

    fn sealed_count(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.count as usize).sum()
    }
}

/// Appends with a little room for what comes next: doubling would cost more than what is sealed.
fn extend<T: Copy>(column: &mut Vec<T>, new: &[T]) {
    if column.capacity() - column.len() < new.len() {
        column.reserve_exact(new.len() + CHUNK_SAMPLES / 4);
    }
    column.extend_from_slice(new);
}

/// Uneven times of the chunks at the edges of windows, decoded once: an edge stays inside a chunk for many rounds.
#[derive(Debug, Clone, Default)]
pub struct Edges(Vec<(i64, Box<[u32]>)>);

impl Edges {
    fn count_upto(&mut self, chunk: &Chunk, at_ms: i64) -> usize {
        let known = self
            .0
            .iter()
            .position(|(first_ms, times)| *first_ms == chunk.first_ms && times.len() == chunk.count as usize);
        let at = known.unwrap_or_else(|| {
            let since = |(time, _): (i64, f64)| u32::try_from(time - chunk.first_ms).unwrap_or(u32::MAX);
            if self.0.len() >= KEPT_EDGES {
                self.0.remove(0);
            }
            self.0.push((chunk.first_ms, chunk.samples().map(since).collect()));
            self.0.len() - 1
        });
        let since = u32::try_from(at_ms - chunk.first_ms).unwrap_or(u32::MAX);
        self.0[at].1.partition_point(|&time| time <= since)
    }

    /// Forgets all: the series was revised.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Where the samples of a series lie in time.
#[derive(Debug)]
pub struct SeriesTimes<'a> {
    /// The series.
    pub series: &'a SeriesMemory,
    /// What was decoded of it.
    pub edges: &'a mut Edges,
}

impl Timeline for SeriesTimes<'_> {
    fn count_upto(&mut self, at_ms: i64) -> usize {
        let mut count = 0;
        for chunk in &self.series.chunks {
            if at_ms < chunk.first_ms {
                return count;
            }
            if at_ms < chunk.last_ms {
                let inside = match i64::from(chunk.step_ms) {
                    0 => self.edges.count_upto(chunk, at_ms),
                    step_ms => ((at_ms - chunk.first_ms) / step_ms + 1) as usize,
                };
                return count + inside;
            }
            count += chunk.count as usize;
        }
        count + self.series.tail.times_ms.partition_point(|&time| time <= at_ms)
    }

    fn append_times(&mut self, from: usize, to: usize, out: &mut Vec<i64>) {
        let mut begin = 0;
        for chunk in &self.series.chunks {
            let end = begin + chunk.count as usize;
            let (first, last) = (from.max(begin), to.min(end));
            if first < last {
                match i64::from(chunk.step_ms) {
                    0 => out.extend(
                        chunk
                            .samples()
                            .map(|(time, _)| time)
                            .skip(first - begin)
                            .take(last - first),
                    ),
                    step_ms => out.extend((first - begin..last - begin).map(|at| chunk.first_ms + at as i64 * step_ms)),
                }
            }
            begin = end;
        }
        let (first, last) = (from.max(begin) - begin, to.max(begin) - begin);
        out.extend_from_slice(&self.series.tail.times_ms[first.min(last)..last]);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use sla_domain::SourceId;

    pub(crate) fn head(name: &str, host: &str, kind: SeriesKind) -> Arc<SeriesHead> {
        let labels = Labels::from_pairs([("__name__", name), ("instance", host)]);
        Arc::new(SeriesHead {
            id: SeriesId::of_series(&SourceId("s".into()), &labels),
            source: "s".into(),
            labels,
            expression: String::new(),
            kind,
        })
    }

    fn series(samples: Samples) -> SeriesMemory {
        SeriesMemory::new(head("x", "a", SeriesKind::Gauge), 15_000, samples)
    }

    #[test]
    fn the_message_is_what_was_told() {
        let head = head("x", "a", SeriesKind::Counter);
        assert_eq!(SeriesHead::of_message(&head.message()).as_ref(), Some(&*head));
        assert_eq!(SeriesHead::of_message(&Series::default()), None);
    }

    #[test]
    fn even_samples_cost_a_third_of_their_columns() {
        let times: Vec<i64> = (0..2_880).map(|at| at * 15_000).collect();
        let values = (0..2_880).map(|at: i32| f64::from(at % 7)).collect();
        let memory = series(Samples::from_columns(times, values));
        assert!(memory.chunks.iter().all(|chunk| chunk.step_ms == 15_000));
        assert!(memory.bytes() < 2_880 * 16 / 3, "{}", memory.bytes());
    }

    /// The rules, said slowly.
    fn absorbed(known: &Samples, read: &Samples, after_ms: i64) -> Samples {
        let (times, values) = read.between(after_ms, i64::MAX);
        if times.is_empty() {
            return known.clone();
        }
        let (kept_times, kept_values) = known.between(i64::MIN, after_ms);
        Samples {
            times_ms: [kept_times, times].concat(),
            values: [kept_values, values].concat(),
        }
    }

    fn bits(samples: &Samples) -> Vec<(i64, u64)> {
        samples.iter().map(|(time, value)| (time, value.to_bits())).collect()
    }

    prop_compose! {
        fn arrivals()(steps in proptest::collection::vec(
            (prop_oneof![4 => Just(15_000_i64), 1 => 1_i64..40_000], any::<i8>(), 0_usize..500), 1..600,
        )) -> Vec<(i64, f64, usize)> {
            let mut at = 0;
            steps.into_iter().map(|(delta, value, back)| { at += delta; (at, f64::from(value), back) }).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn memory_equals_plain_columns_whatever_arrives(arrivals in arrivals(), until in 0_usize..600) {
            let mut plain = Samples::default();
            let mut memory = series(Samples::default());
            for (at, &(time, value, back)) in arrivals.iter().enumerate() {
                // Now and then a read that reaches back and brings something else.
                let after_ms = if back < 20 { time - back as i64 * 15_000 } else { time - 1 };
                let mut read = Samples::from_columns(vec![time], vec![value]);
                if back < 10 {
                    read = Samples::from_columns(vec![time - 20_000, time], vec![value, value]);
                }
                let before = memory.revision();
                let want = absorbed(&plain, &read, after_ms);
                let change = memory.absorb(&read, after_ms);
                prop_assert_eq!(bits(&memory.samples()), bits(&want));
                prop_assert_eq!(change == Change::Revised, memory.revision() != before);
                let grown = want.len() >= plain.len() && bits(&want)[..plain.len()] == bits(&plain)[..];
                prop_assert_eq!(change != Change::Revised, grown);
                plain = want;
                if at == until {
                    memory.evict(time - 60_000);
                    let (times, _) = plain.between(i64::MIN, time - 60_000);
                    let kept = memory.samples();
                    prop_assert!(times.is_empty() || kept.times_ms.first() <= times.last(), "one carries its value in");
                    prop_assert_eq!(bits(&kept), bits(&plain)[plain.len() - kept.len()..].to_vec());
                    plain = kept;
                }
            }
            let mut edges = Edges::default();
            let mut times = SeriesTimes { series: &memory, edges: &mut edges };
            for probe in plain.times_ms.iter().flat_map(|time| [time - 1, *time, time + 1]) {
                prop_assert_eq!(times.count_upto(probe), (&mut &plain).count_upto(probe));
            }
            let (from, to) = (plain.len() / 3, plain.len() - plain.len() / 5);
            let mut found = Vec::new();
            times.append_times(from, to, &mut found);
            prop_assert_eq!(&found, &plain.times_ms[from..to]);
            let mut rest = Samples::default();
            memory.each_from(from, |time, value| { rest.push(time, value); });
            prop_assert_eq!(&rest.times_ms, &plain.times_ms[from..].to_vec());
        }

        #[test]
        fn older_history_comes_in_front(count in 1_usize..400, overlap in 0_i64..50) {
            let even = |from: i64, count: usize| Samples::from_columns(
                (0..count as i64).map(|at| (from + at) * 1_000).collect(), vec![1.0; count],
            );
            let mut memory = series(even(1_000, 300));
            let older = even(1_000 - count as i64 + overlap, count);
            memory.extend_back(&older);
            let mut want: Vec<i64> = older.times_ms.iter().copied().filter(|&time| time < 1_000_000).collect();
            want.extend((1_000..1_300).map(|at| at * 1_000));
            prop_assert_eq!(memory.samples().times_ms, want);
        }
    }
}
