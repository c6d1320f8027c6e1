//! The samples of active objectives between two evaluations, so that only tails are read: each series once, whoever asks.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sla_domain::safe_text::SafeText;
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
    problem: String,
}

impl Answers {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            series: BTreeSet::new(),
            read_until_ms: None,
            full_at_ms: None,
            incomplete: false,
            problem: String::new(),
        }
    }
}

#[derive(Debug)]
struct Remembered {
    series: Arc<SeriesMemory>,
    /// The queries it was held against; others may want it since.
    matched: u64,
    bytes: usize,
    /// Older history than windows need is kept: it is forecast.
    is_forecast: bool,
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

/// How far back samples are kept, milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    /// Of every series.
    pub judged_ms: i64,
    /// Of those that are forecast.
    pub forecast_ms: i64,
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
    /// Series that found no room.
    left_out: HashSet<SeriesId>,
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
            left_out: HashSet::new(),
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

    /// Forgets queries that nobody wants any more and samples that no window reaches at `at_ms`.
    pub fn forget(&mut self, wanted: &[Wanted], at_ms: i64, reach: Reach) {
        self.left_out.clear();
        let keys: HashSet<&QueryKey> = wanted.iter().map(|want| &want.key).collect();
        self.answers.retain(|answers| keys.contains(&answers.wanted.key));
        let places = self.answers.iter().enumerate();
        self.places = places
            .map(|(place, answers)| (answers.wanted.key.clone(), place))
            .collect();
        let mut bytes = 0;
        // A series unseen for the longest window drops out.
        self.series.retain(|_, remembered| {
            let newest_ms = remembered.series.newest_ms().unwrap_or(i64::MIN);
            let kept = newest_ms > at_ms.saturating_sub(reach.judged_ms);
            if kept {
                let reach_ms = if remembered.is_forecast {
                    reach.forecast_ms
                } else {
                    reach.judged_ms
                };
                remembered.evict(at_ms.saturating_sub(reach_ms));
                bytes += remembered.bytes;
            }
            kept
        });
        let series = &self.series;
        for answers in &mut self.answers {
            answers.series.retain(|id| series.contains_key(id));
        }
        let used: HashSet<SeriesId> = self.answers.iter().flat_map(|a| a.series.iter().copied()).collect();
        self.series.retain(|id, remembered| {
            let kept = used.contains(id);
            bytes -= if kept { 0 } else { remembered.bytes };
            kept
        });
        self.bytes = bytes;
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
        let is_new = !self.series.contains_key(&id);
        if is_new && self.bytes >= self.cap_bytes {
            self.left_out.insert(id);
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
                answers.note(id, due.full);
            }
        }
        if let Some(place) = place {
            self.answers[place].note(id, due.full);
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
            if answers.problem.is_empty() {
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

    /// Up to where a query was read without a failure, Unix milliseconds.
    pub fn read_until_ms(&self, key: &QueryKey) -> Option<i64> {
        self.answers(key)?.read_until_ms
    }

    /// Why the last read of a query failed, in words; empty when it did not.
    pub fn problem(&self, key: &QueryKey) -> &str {
        self.answers(key).map_or("", |answers| answers.problem.as_str())
    }

    /// Says which series are forecast: only their older history is kept.
    pub fn keep_history_of(&mut self, forecast: &HashSet<SeriesId>) {
        for (id, remembered) in &mut self.series {
            remembered.is_forecast = forecast.contains(id);
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
        (self.bytes, self.cap_bytes, self.left_out.len())
    }
}

impl Answers {
    fn note(&mut self, id: SeriesId, full: bool) {
        if self.series.insert(id) {
            self.incomplete |= !full;
        }
    }
}

impl Remembered {
    fn new(series: SeriesMemory) -> Self {
        Self {
            series: Arc::new(series),
            matched: 0,
            bytes: 0,
            is_forecast: false,
        }
    }

    fn absorb(&mut self, raw: &RawSeries, read: &Samples, after_ms: i64) {
        let series = Arc::make_mut(&mut self.series);
        // The fingerprint stands for source and labels; what is known of its kind may change.
        if series.head.kind != raw.series.kind() {
            Arc::make_mut(&mut series.head).kind = raw.series.kind();
        }
        if series.spacing_ms == 0 {
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
mod tests {
    use super::*;
    use crate::samples::reader::tests::raw;
    use sla_domain::query::Query;
    use sla_proto::etl::v1::QueryFailure;
    use sla_proto::series::v1 as pb;

    const H: i64 = 3_600_000;
    const REACH: Reach = Reach {
        judged_ms: 5 * H,
        forecast_ms: 8 * H,
    };

    fn wanted(text: &str) -> Wanted {
        let query = Query::parse(text).unwrap();
        Wanted {
            key: QueryKey::new("", &query, 60_000),
            message: pb::Query {
                query: Some(pb::query::Query::Selector(text.to_owned())),
                step_ms: 0,
                source: String::new(),
            },
            query,
        }
    }

    fn memory() -> SampleMemory {
        SampleMemory::new(1 << 20)
    }

    fn absorb(memory: &mut SampleMemory, due: &DueRead, part: &[RawSeries]) {
        memory.absorb(due, part).unwrap();
        memory.finish(due, &Ok(ReadEnd::default()));
    }

    #[test]
    fn tails_follow_a_whole_read_and_a_new_series_is_read_whole() {
        let mut memory = memory();
        let want = [wanted("up")];
        let at = 100 * H;
        let first = memory.due(&want, at, 12 * H, 10);
        assert!(first.len() == 1 && first[0].full && first[0].plan.after_ms == 88 * H);
        absorb(
            &mut memory,
            &first[0],
            &[raw("up", "a", 0, &[&[(99 * H, 1.0), (at, 1.0)]])],
        );
        let later = at + 15_000;
        let tail = memory.due(&want, later, 12 * H, 10);
        assert!(!tail[0].full);
        assert_eq!(tail[0].plan.after_ms, at - LATE_SAMPLES_MS);
        let part = [
            raw("up", "a", 0, &[&[(99 * H, 1.0), (at - 5, 0.0), (later, 1.0)]]),
            raw("up", "b", 0, &[&[(later, 1.0)]]),
        ];
        absorb(&mut memory, &tail[0], &part);
        let series = memory.series(&want[0].key);
        let a = series
            .iter()
            .find(|series| series.head.labels.get("instance") == Some("a"))
            .unwrap();
        assert_eq!(
            a.samples().times_ms,
            [99 * H, at - 5, later],
            "revised tail replaces the old one"
        );
        assert!(
            memory.due(&want, later + 15_000, 12 * H, 10)[0].full,
            "series b has a past"
        );
    }

    #[test]
    fn overlapping_selectors_share_a_series_that_comes_once_also_one_that_is_wanted_later() {
        let mut memory = memory();
        let want = [
            wanted("up"),
            wanted("up{instance=\"a\"}"),
            wanted("up{instance=~\"a|b\"}"),
        ];
        let due = memory.due(&want[..2], 10 * H, H, 10);
        let part = [
            raw("up", "a", 0, &[&[(10 * H, 1.0)]]),
            raw("up", "b", 0, &[&[(10 * H, 1.0)]]),
        ];
        absorb(&mut memory, &due[0], &part);
        let counts = |memory: &SampleMemory| want.each_ref().map(|want| memory.series(&want.key).len());
        assert_eq!(counts(&memory), [2, 1, 0]);
        let due = memory.due(&want, 10 * H + 1, H, 10);
        let full = due.iter().find(|due| due.full).unwrap();
        assert_eq!(full.wanted.len(), 1);
        absorb(
            &mut memory,
            full,
            &[
                raw("up", "b", 0, &[&[(10 * H, 1.0)]]),
                raw("up", "a", 0, &[&[(10 * H, 1.0)]]),
            ],
        );
        assert_eq!(counts(&memory), [2, 1, 2]);
        assert!(Arc::ptr_eq(
            &memory.series(&want[1].key)[0],
            memory
                .series(&want[2].key)
                .iter()
                .find(|s| s.head.labels.get("instance") == Some("a"))
                .unwrap()
        ));
    }

    #[test]
    fn a_failure_keeps_the_samples_and_says_why() {
        let mut memory = memory();
        let want = [wanted("up"), wanted("down")];
        let due = memory.due(&want, 10 * H, H, 10);
        let failures = vec![QueryFailure {
            query_index: 1,
            reason: "X".into(),
            message: "503".into(),
        }];
        memory
            .absorb(&due[0], &[raw("up", "a", 0, &[&[(10 * H, 1.0)]])])
            .unwrap();
        let end = ReadEnd {
            failures,
            ..ReadEnd::default()
        };
        memory.finish(&due[0], &Ok(end));
        assert_eq!(
            (memory.problem(&want[0].key), memory.problem(&want[1].key)),
            ("", "503")
        );
        assert_eq!(memory.read_until_ms(&want[0].key), Some(10 * H));
        assert_eq!(memory.read_until_ms(&want[1].key), None);
        memory.finish(&due[0], &Err("connection refused".into()));
        assert_eq!(memory.problem(&want[0].key), "connection refused");
        assert_eq!(memory.series(&want[0].key).len(), 1);
        // Not read since: the next read goes back to where the last good one ended.
        let next = memory.due(&want[..1], 10 * H + 60_000, H, 10);
        assert_eq!(next[0].plan.after_ms, 10 * H - LATE_SAMPLES_MS);
    }

    #[test]
    fn what_no_window_reaches_is_forgotten_and_the_history_of_forecasts_kept() {
        let mut memory = memory();
        let want = [wanted("up")];
        let due = memory.due(&want, 10 * H, 20 * H, 10);
        let old: Vec<(i64, f64)> = (0..100).map(|i| (i64::from(i) * H / 10, 1.0)).collect();
        let part = [
            raw("up", "a", 0, &[&old]),
            raw("up", "b", 0, &[&old]),
            raw("up", "gone", 0, &[&[(H, 1.0)]]),
        ];
        absorb(&mut memory, &due[0], &part);
        let forecast = memory.series(&want[0].key)[0].head.id;
        memory.keep_history_of(&HashSet::from([forecast]));
        memory.forget(&want, 10 * H, REACH);
        let left = memory.series(&want[0].key);
        assert_eq!(left.len(), 2);
        for series in &left {
            let oldest = if series.head.id == forecast { 0 } else { 5 * H };
            assert_eq!(
                series.oldest_ms(),
                Some(oldest),
                "one sample at the edge carries its value in"
            );
        }
        let older = Samples::from_columns(vec![-H, 0], vec![3.0, 3.0]);
        memory.extend_back(forecast, &older);
        assert_eq!(
            memory.series(&want[0].key).iter().map(|s| s.oldest_ms()).min(),
            Some(Some(-H))
        );
        memory.forget(&[], 10 * H, REACH);
        assert!(memory.series(&want[0].key).is_empty());
        assert_eq!(memory.fill().0, 0, "no byte is counted that is not held");
    }

    #[test]
    fn a_full_memory_takes_no_new_series_and_says_how_many() {
        let mut memory = SampleMemory::new(1);
        let want = [wanted("up")];
        let due = memory.due(&want, 10 * H, H, 10);
        let part: Vec<RawSeries> = ["a", "b", "c"]
            .map(|host| raw("up", host, 0, &[&[(10 * H, 1.0)]]))
            .into();
        absorb(&mut memory, &due[0], &part);
        assert_eq!(memory.series(&want[0].key).len(), 1);
        assert_eq!(memory.fill().2, 2);
        absorb(&mut memory, &due[0], &part);
        assert_eq!(memory.fill().2, 2, "told once each");
        memory.forget(&[], 10 * H, REACH);
        assert_eq!(memory.fill().2, 0);
    }
}
