//! The samples of active objectives between two evaluations, so that only tails are read: each series once, whoever asks.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::safe_text::SafeText;
use sla_domain::spacing::ENOUGH_SAMPLES;
use sla_domain::{Samples, SeriesId};
use sla_proto::samples::{RawSeries, ReadError};

use crate::options::{FULL_READ_EVERY_MS, LATE_SAMPLES_MS};
use crate::samples::reader::{ReadEnd, ReadPlan, decode};
use crate::samples::series::{SeriesHead, SeriesMemory};
use crate::samples::wanted::{QueryKey, Wanted};

/// Series of which whole windows are read again in one round, beside those of which nothing is known yet.
const REREAD_SERIES_A_ROUND: usize = 500;

/// What is known about a query.
#[derive(Debug)]
struct Answers {
    wanted: Wanted,
    series: BTreeSet<SeriesId>,
    /// Read up to here without a failure, Unix milliseconds.
    read_until_ms: Option<i64>,
    /// Last read of the whole window.
    full_at_ms: Option<i64>,
    /// A series appeared in a tail: its past has to be read.
    incomplete: bool,
    /// A series is back after a silence, and from here on nothing of it was read, Unix milliseconds.
    hole_ms: Option<i64>,
    problem: String,
    /// Series that answer it and found no room.
    left_out: HashSet<SeriesId>,
    /// Those of the read that goes on.
    crowded: HashSet<SeriesId>,
}

/// What is missing of the series that answer a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// Why the last read failed, in words; empty when it did not.
    pub problem: String,
    /// Up to where all of it was read, Unix milliseconds.
    pub read_until_ms: Option<i64>,
    /// Series that found no room in the memory.
    pub left_out: usize,
}

impl Gap {
    /// Whether what is known says too little at `at_ms`, where samples hold for `hold_ms`: some series were never read, or not for longer
    /// than what was read of them holds.
    pub fn hides_series(&self, at_ms: i64, hold_ms: i64) -> bool {
        let is_long = |until_ms: i64| at_ms.saturating_sub(until_ms) > hold_ms;
        self.left_out > 0 || (!self.problem.is_empty() && self.read_until_ms.is_none_or(is_long))
    }

    /// In words; empty when nothing is missing.
    pub fn words(&self) -> String {
        let crowded = match self.left_out {
            0 => String::new(),
            left_out => format!(
                "{left_out} of its series are not judged: the memory of samples is full; raise evaluation.memory_mib"
            ),
        };
        let words = [self.problem.as_str(), &crowded];
        words
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    }
}

impl Answers {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            series: BTreeSet::new(),
            read_until_ms: None,
            full_at_ms: None,
            incomplete: false,
            hole_ms: None,
            problem: String::new(),
            left_out: HashSet::new(),
            crowded: HashSet::new(),
        }
    }
}

#[derive(Debug)]
struct Remembered {
    series: Arc<SeriesMemory>,
    /// The queries it was held against; others may want it since.
    matched: u64,
    bytes: usize,
    /// How far back it is kept for its forecast, milliseconds; 0 without one.
    history_ms: i64,
}

/// A read that is due, and the queries it is for.
#[derive(Debug, Clone)]
pub struct DueRead {
    /// In the order of the plan's queries.
    pub wanted: Vec<Wanted>,
    /// What to ask.
    pub plan: ReadPlan,
    /// Whether the whole window is read.
    pub full: bool,
}

impl DueRead {
    /// The same as one read a query.
    pub fn one_by_one(&self) -> Vec<Self> {
        self.wanted
            .iter()
            .map(|want| Self {
                plan: ReadPlan {
                    queries: vec![want.message.clone()],
                    ..self.plan.clone()
                },
                wanted: vec![want.clone()],
                full: self.full,
            })
            .collect()
    }
}

/// Samples by series, series by query.
#[derive(Debug)]
pub struct SampleMemory {
    series: HashMap<SeriesId, Remembered>,
    answers: Vec<Answers>,
    places: HashMap<QueryKey, usize>,
    /// Counts changes of the queries.
    matched: u64,
    bytes: usize,
    cap_bytes: usize,
    /// Series came since what nobody wants was forgotten.
    has_new: bool,
    /// Counts series that became the answer of a query.
    grown: u64,
}

impl SampleMemory {
    /// Nothing yet; samples of at most `cap_bytes` are kept.
    pub fn new(cap_bytes: usize) -> Self {
        Self {
            series: HashMap::new(),
            answers: Vec::new(),
            places: HashMap::new(),
            matched: 0,
            bytes: 0,
            cap_bytes,
            has_new: false,
            grown: 0,
        }
    }

    fn answers(&self, key: &QueryKey) -> Option<&Answers> {
        self.places.get(key).map(|&place| &self.answers[place])
    }

    /// Its place among the queries; a new one gets one.
    fn place(&mut self, want: &Wanted) -> usize {
        if let Some(&place) = self.places.get(&want.key) {
            return place;
        }
        self.answers.push(Answers::new(want.clone()));
        self.matched += 1;
        self.places.insert(want.key.clone(), self.answers.len() - 1);
        self.answers.len() - 1
    }

    /// Forgets queries that nobody wants any more, where others are `wanted` than before, and samples before `at_ms` less
    /// `reach_ms`, which no window reaches, and no forecast either.
    pub fn forget(&mut self, wanted: Option<&[Wanted]>, at_ms: i64, reach_ms: i64) {
        let mut others = std::mem::take(&mut self.has_new);
        if let Some(wanted) = wanted {
            let keys: HashSet<&QueryKey> = wanted.iter().map(|want| &want.key).collect();
            self.answers.retain(|answers| keys.contains(&answers.wanted.key));
            let places = self.answers.iter().enumerate();
            self.places = places
                .map(|(place, answers)| (answers.wanted.key.clone(), place))
                .collect();
            others = true;
        }
        let mut bytes = 0;
        // A series unseen for the longest window drops out.
        self.series.retain(|_, remembered| {
            let newest_ms = remembered.series.newest_ms().unwrap_or(i64::MIN);
            let kept = newest_ms > at_ms.saturating_sub(reach_ms);
            if kept {
                remembered.evict(at_ms.saturating_sub(reach_ms.max(remembered.history_ms)));
                bytes += remembered.bytes;
            }
            others |= !kept;
            kept
        });
        self.bytes = bytes;
        if others {
            self.forget_unwanted();
        }
    }

    /// Forgets what is gone at the queries, and what is no query's.
    fn forget_unwanted(&mut self) {
        let series = &self.series;
        for answers in &mut self.answers {
            answers.series.retain(|id| series.contains_key(id));
        }
        let used: HashSet<SeriesId> = self.answers.iter().flat_map(|a| a.series.iter().copied()).collect();
        let bytes = &mut self.bytes;
        self.series.retain(|id, remembered| {
            let kept = used.contains(id);
            *bytes -= if kept { 0 } else { remembered.bytes };
            kept
        });
    }

    /// The reads that bring everything up to `at_ms`: whole windows of `reach_ms` for what is new or old, tails for the rest.
    pub fn due(&self, wanted: &[Wanted], at_ms: i64, reach_ms: i64, max_series: u32) -> Vec<DueRead> {
        let mut full = Vec::new();
        let mut tails: Vec<(i64, Wanted)> = Vec::new();
        let mut reread = 0;
        for want in wanted {
            let answers = self.answers(&want.key);
            let until_ms = answers
                .and_then(|answers| answers.read_until_ms)
                .filter(|&until| until <= at_ms);
            let (Some(answers), Some(until_ms)) = (answers, until_ms) else {
                full.push(want.clone());
                continue;
            };
            let old = answers
                .full_at_ms
                .is_none_or(|full| !(0..FULL_READ_EVERY_MS).contains(&(at_ms - full)));
            if answers.incomplete || (old && reread < REREAD_SERIES_A_ROUND) {
                reread += answers.series.len();
                full.push(want.clone());
            } else {
                tails.push((until_ms - LATE_SAMPLES_MS, want.clone()));
            }
        }
        let read = |wanted: Vec<Wanted>, after_ms: i64, full: bool| DueRead {
            plan: ReadPlan {
                queries: wanted.iter().map(|want| want.message.clone()).collect(),
                after_ms,
                until_ms: at_ms,
                max_series,
                cached_only: false,
            },
            wanted,
            full,
        };
        let mut reads = Vec::new();
        if !full.is_empty() {
            reads.push(read(full, at_ms.saturating_sub(reach_ms), true));
        }
        if let Some(after_ms) = tails.iter().map(|(after, _)| *after).min() {
            reads.push(read(tails.into_iter().map(|(_, want)| want).collect(), after_ms, false));
        }
        reads
    }

    /// The read that fills what tails up to `at_ms` have found missing; what is too much for one round is found again.
    pub fn holes(&self, wanted: &[Wanted], at_ms: i64, reach_ms: i64, max_series: u32) -> Option<DueRead> {
        let (mut reread, mut holes) = (0, Vec::new());
        for want in wanted {
            let Some(answers) = self.answers(&want.key) else {
                continue;
            };
            if let Some(hole_ms) = answers.hole_ms.filter(|_| reread < REREAD_SERIES_A_ROUND) {
                reread += answers.series.len();
                holes.push((want, hole_ms));
            }
        }
        let after_ms = holes.iter().map(|(_, hole_ms)| *hole_ms).min()?;
        Some(DueRead {
            wanted: holes.iter().map(|(want, _)| (*want).clone()).collect(),
            plan: ReadPlan {
                queries: holes.iter().map(|(want, _)| want.message.clone()).collect(),
                after_ms: after_ms.max(at_ms.saturating_sub(reach_ms)),
                until_ms: at_ms,
                max_series,
                cached_only: false,
            },
            full: false,
        })
    }

    /// Takes in a part of what a read brings.
    pub fn absorb(&mut self, due: &DueRead, part: &[RawSeries]) -> Result<(), ReadError> {
        let places: Vec<usize> = due.wanted.iter().map(|want| self.place(want)).collect();
        for raw in part {
            let place = places.get(raw.query_index).copied();
            self.take(raw, &decode(raw)?, place, due)?;
        }
        Ok(())
    }

    fn take(&mut self, raw: &RawSeries, read: &Samples, place: Option<usize>, due: &DueRead) -> Result<(), ReadError> {
        let id = raw.id;
        let known = self.series.get(&id);
        let is_new = known.is_none();
        self.has_new |= is_new;
        if !due.full
            && let Some(newest_ms) = known.and_then(|known| known.series.newest_ms())
            && has_hole(newest_ms, read, due.plan.after_ms)
            && let Some(place) = place
        {
            let hole_ms = &mut self.answers[place].hole_ms;
            *hole_ms = Some(hole_ms.map_or(newest_ms, |before_ms| before_ms.min(newest_ms)));
            return Ok(());
        }
        if is_new && self.bytes >= self.cap_bytes {
            if let Some(place) = place {
                self.answers[place].crowded.insert(id);
            }
            return Ok(());
        }
        let remembered = match self.series.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(room) => {
                let head = SeriesHead::of_message(&raw.series).ok_or(ReadError::Nameless)?;
                let series = SeriesMemory::new(Arc::new(head), raw.spacing_ms, Samples::default());
                room.insert(Remembered::new(series))
            }
        };
        let before = if is_new { 0 } else { remembered.bytes };
        let after_ms = if is_new { i64::MIN } else { due.plan.after_ms };
        remembered.absorb(raw, read, after_ms);
        self.bytes = self.bytes - before + remembered.bytes;
        if remembered.matched != self.matched {
            remembered.matched = self.matched;
            let head = remembered.series.head.clone();
            let found = due.wanted.get(raw.query_index);
            let others = self.answers.iter_mut();
            for answers in others.filter(|one| found.is_some_and(|found| one.wanted.is_answered_by(&head, found))) {
                self.grown += u64::from(answers.note(id, due.full));
            }
        }
        if let Some(place) = place {
            self.grown += u64::from(self.answers[place].note(id, due.full));
        }
        Ok(())
    }

    /// How a read ended. `Err` carries words for one of which not everything came.
    pub fn finish(&mut self, due: &DueRead, end: &Result<ReadEnd, String>) {
        for (index, want) in due.wanted.iter().enumerate() {
            let place = self.place(want);
            let answers = &mut self.answers[place];
            let words = match end {
                Ok(end) => {
                    let failure = end
                        .failures
                        .iter()
                        .find(|failure| failure.query_index as usize == index);
                    failure.map_or(end.status.problem.as_str(), |failure| failure.message.as_str())
                }
                Err(words) => words.as_str(),
            };
            answers.problem = SafeText::new(words).to_string();
            let crowded = std::mem::take(&mut answers.crowded);
            if due.full && answers.problem.is_empty() {
                answers.left_out = crowded;
            } else {
                // A tail brings only those of which something is new.
                answers.left_out.extend(crowded);
            }
            let series = &self.series;
            answers.left_out.retain(|id| !series.contains_key(id));
            if answers.problem.is_empty() {
                // A tail says so again with each read, until the series is known from there on.
                answers.hole_ms = answers.hole_ms.filter(|hole_ms| *hole_ms < due.plan.after_ms);
                answers.read_until_ms = Some(due.plan.until_ms);
                if due.full {
                    answers.full_at_ms = Some(due.plan.until_ms);
                    answers.incomplete = false;
                }
            }
        }
    }

    /// The series that answer a query, by fingerprint.
    pub fn series(&self, key: &QueryKey) -> Vec<Arc<SeriesMemory>> {
        let ids = self.answers(key).map(|answers| answers.series.iter());
        ids.into_iter()
            .flatten()
            .filter_map(|id| Some(self.series.get(id)?.series.clone()))
            .collect()
    }

    /// Another number than before, where a query has a series that it did not have.
    pub fn grown(&self) -> u64 {
        self.grown
    }

    /// The series that answer a query: when the newest sample of each was, Unix milliseconds, and how many there are.
    pub fn newest_of(&self, key: &QueryKey) -> Vec<(SeriesId, i64, usize)> {
        let ids = self.answers(key).map(|answers| answers.series.iter());
        let newest = ids.into_iter().flatten().filter_map(|id| {
            let series = &self.series.get(id)?.series;
            Some((*id, series.newest_ms()?, series.len()))
        });
        newest.collect()
    }

    /// Up to where a query was read without a failure, Unix milliseconds.
    pub fn read_until_ms(&self, key: &QueryKey) -> Option<i64> {
        self.answers(key)?.read_until_ms
    }

    /// Why the last read of a query failed, in words; empty when it did not.
    pub fn problem(&self, key: &QueryKey) -> &str {
        self.answers(key).map_or("", |answers| answers.problem.as_str())
    }

    /// What is missing of the series that answer a query.
    pub fn gap(&self, key: &QueryKey) -> Gap {
        let gap = |answers: &Answers| Gap {
            problem: answers.problem.clone(),
            read_until_ms: answers.read_until_ms,
            left_out: answers.left_out.len(),
        };
        self.answers(key).map(gap).unwrap_or_default()
    }

    /// Says which series are forecast, and how far back each looks (milliseconds): only their older history is kept.
    pub fn keep_history_of(&mut self, forecast: &HashMap<SeriesId, i64>) {
        for (id, remembered) in &mut self.series {
            remembered.history_ms = forecast.get(id).copied().unwrap_or(0);
        }
    }

    /// Puts older history in front of what is known of a series; it is left aside where there is no room.
    pub fn extend_back(&mut self, id: SeriesId, older: &Samples) {
        if self.bytes < self.cap_bytes
            && let Some(remembered) = self.series.get_mut(&id)
        {
            self.bytes -= remembered.bytes;
            Arc::make_mut(&mut remembered.series).extend_back(older);
            remembered.bytes = remembered.series.bytes();
            self.bytes += remembered.bytes;
        }
    }

    /// Bytes held, the most that may be, and how many series found no room.
    pub fn fill(&self) -> (usize, usize, usize) {
        let left_out: HashSet<&SeriesId> = self.answers.iter().flat_map(|answers| &answers.left_out).collect();
        (self.bytes, self.cap_bytes, left_out.len())
    }
}

impl Answers {
    /// Takes a series in; says whether it is new here.
    fn note(&mut self, id: SeriesId, full: bool) -> bool {
        let is_new = self.series.insert(id);
        self.incomplete |= is_new && !full;
        is_new
    }
}

impl Remembered {
    fn new(series: SeriesMemory) -> Self {
        Self {
            series: Arc::new(series),
            matched: 0,
            bytes: 0,
            history_ms: 0,
        }
    }

    fn absorb(&mut self, raw: &RawSeries, read: &Samples, after_ms: i64) {
        let series = Arc::make_mut(&mut self.series);
        // The fingerprint stands for source and labels; what is known of its kind may change.
        if series.head.kind != raw.series.kind() {
            Arc::make_mut(&mut series.head).kind = raw.series.kind();
        }
        if raw.spacing_ms > 0 && (series.spacing_ms == 0 || series.len() < ENOUGH_SAMPLES) {
            series.spacing_ms = raw.spacing_ms;
        }
        series.absorb(read, after_ms);
        self.bytes = series.bytes();
    }

    fn evict(&mut self, before_ms: i64) {
        // Looked at before it is touched: an evaluation that goes on may share it.
        if self.series.is_old(before_ms) {
            Arc::make_mut(&mut self.series).evict(before_ms);
            self.bytes = self.series.bytes();
        }
    }
}

/// Whether samples may lie between the newest that is known and what a tail after `after_ms` brings. In front of it comes the
/// newest sample before the tail, where there is one not long ago.
fn has_hole(newest_ms: i64, read: &Samples, after_ms: i64) -> bool {
    let carried = read.times_ms.partition_point(|&time| time <= after_ms);
    let before_ms = carried.checked_sub(1).map(|last| read.times_ms[last]);
    let is_new = read.times_ms.last().is_some_and(|&last_ms| last_ms > newest_ms);
    newest_ms < after_ms && is_new && before_ms != Some(newest_ms)
}

/// The memory of the role: fed by the evaluation, read by all that look at samples.
#[derive(Debug)]
pub struct SharedMemory(Mutex<SampleMemory>);

impl SharedMemory {
    /// Samples of at most `cap_bytes` are kept.
    pub fn new(cap_bytes: usize) -> Self {
        Self(Mutex::new(SampleMemory::new(cap_bytes)))
    }

    /// For a moment: what is long runs on the pool. A panic inside leaves columns that are right each for itself.
    pub fn lock(&self) -> MutexGuard<'_, SampleMemory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
