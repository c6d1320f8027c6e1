//! The samples of active objectives between two evaluations, so that only tails are read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sla_domain::query::Query;
use sla_domain::{Labels, Samples, SeriesId};
use sla_proto::series::v1::{self as pb, Series};

use crate::options::{FULL_READ_EVERY_MS, LATE_SAMPLES_MS};
use crate::samples::reader::{ReadPlan, SamplesRead};

/// What makes two queries read the same: normal text, and the step of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryKey {
    text: String,
    step_ms: i64,
}

impl QueryKey {
    /// The key of a query; the step counts for expressions only.
    pub fn new(query: &Query, step_ms: i64) -> Self {
        Self {
            text: query.text().to_owned(),
            step_ms: if query.is_selector() { 0 } else { step_ms },
        }
    }
}

/// A query to be kept in memory.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Identity.
    pub key: QueryKey,
    /// Parsed, to tell which series answer it.
    pub query: Query,
    /// As it is sent.
    pub message: pb::Query,
}

/// One series in memory.
#[derive(Debug, Clone)]
pub struct HeldSeries {
    /// As the source names it.
    pub series: Series,
    /// Its fingerprint.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Labels,
    /// Typical distance of samples, milliseconds, as first told: history does not change under the reader.
    pub spacing_ms: i64,
    /// What is known, oldest first.
    pub samples: Arc<Samples>,
}

#[derive(Debug, Default)]
struct Answers {
    series: BTreeMap<SeriesId, HeldSeries>,
    /// Read up to here without a failure, Unix milliseconds.
    read_until_ms: Option<i64>,
    /// Last read of the whole window.
    full_at_ms: Option<i64>,
    /// A series appeared in a tail: its past has to be read.
    incomplete: bool,
    problem: String,
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

/// Samples by query.
#[derive(Debug, Default)]
pub struct SampleMemory {
    answers: HashMap<QueryKey, Answers>,
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

impl SampleMemory {
    /// Forgets queries that nobody wants any more and samples that no window reaches, at `at_ms` with `reach_ms` kept.
    pub fn forget(&mut self, wanted: &[Wanted], at_ms: i64, reach_ms: i64) {
        self.answers.retain(|key, _| wanted.iter().any(|want| want.key == *key));
        let before_ms = at_ms.saturating_sub(reach_ms);
        for answers in self.answers.values_mut() {
            answers.series.retain(|_, held| {
                let keep_from = held
                    .samples
                    .times_ms
                    .partition_point(|&t| t <= before_ms)
                    .saturating_sub(1);
                // The newest sample before the reach stays: it carries its value in. A quarter of slack saves copies.
                if keep_from > held.samples.len() / 4 {
                    let samples = Arc::make_mut(&mut held.samples);
                    samples.times_ms.drain(..keep_from);
                    samples.values.drain(..keep_from);
                }
                // A series unseen for the longest window drops out (semantics §8).
                held.samples.times_ms.last().is_some_and(|&last| last > before_ms)
            });
        }
    }

    /// The reads that bring everything up to `at_ms`: whole windows of `reach_ms` for what is new or old, tails for the rest.
    pub fn due(&self, wanted: &[Wanted], at_ms: i64, reach_ms: i64, max_series: u32) -> Vec<DueRead> {
        let mut full = Vec::new();
        let mut tails: Vec<(i64, Wanted)> = Vec::new();
        for want in wanted {
            let answers = self.answers.get(&want.key);
            let whole = answers.is_none_or(|a| {
                a.incomplete
                    || a.full_at_ms
                        .is_none_or(|full| !(0..FULL_READ_EVERY_MS).contains(&(at_ms - full)))
            });
            match answers.and_then(|a| a.read_until_ms) {
                Some(until) if !whole && until <= at_ms => tails.push((until - LATE_SAMPLES_MS, want.clone())),
                _ => full.push(want.clone()),
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

    /// Takes in what a read brought. `Err` carries words for a read of which nothing came.
    pub fn absorb(&mut self, due: &DueRead, outcome: Result<SamplesRead, String>) {
        let reading = match outcome {
            Ok(reading) => reading,
            Err(words) => {
                for want in &due.wanted {
                    self.answers
                        .entry(want.key.clone())
                        .or_default()
                        .problem
                        .clone_from(&words);
                }
                return;
            }
        };
        for (index, want) in due.wanted.iter().enumerate() {
            let answers = self.answers.entry(want.key.clone()).or_default();
            let failure = reading
                .failures
                .iter()
                .find(|failure| failure.query_index as usize == index);
            let words = failure.map_or(reading.status.problem.as_str(), |failure| failure.message.as_str());
            answers.problem = sla_domain::safe_text::SafeText::new(words).to_string();
            if answers.problem.is_empty() {
                answers.read_until_ms = Some(due.plan.until_ms);
                if due.full {
                    answers.full_at_ms = Some(due.plan.until_ms);
                    answers.incomplete = false;
                }
            }
        }
        for series in reading.series {
            for (index, want) in due.wanted.iter().enumerate() {
                // Of queries that share a series the source names one only: the others recognise it by its labels.
                let answered = series.query_index == index
                    || want.query.selector().is_some_and(|selector| {
                        series.series.expression.is_empty() && selector.matches(&series.labels)
                    });
                if !answered {
                    continue;
                }
                let answers = self.answers.entry(want.key.clone()).or_default();
                if let Some(held) = answers.series.get_mut(&series.id) {
                    splice(Arc::make_mut(&mut held.samples), &series.samples, due.plan.after_ms);
                    held.series = series.series.clone();
                    if held.spacing_ms == 0 {
                        held.spacing_ms = series.spacing_ms;
                    }
                } else {
                    answers.incomplete |= !due.full;
                    answers.series.insert(
                        series.id,
                        HeldSeries {
                            series: series.series.clone(),
                            id: series.id,
                            labels: series.labels.clone(),
                            spacing_ms: series.spacing_ms,
                            samples: Arc::new(series.samples.clone()),
                        },
                    );
                }
            }
        }
    }

    /// The series that answer a query, by fingerprint.
    pub fn series(&self, key: &QueryKey) -> Vec<HeldSeries> {
        self.answers
            .get(key)
            .map(|answers| answers.series.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Why the last read of a query failed, in words; empty when it did not.
    pub fn problem(&self, key: &QueryKey) -> &str {
        self.answers.get(key).map_or("", |answers| answers.problem.as_str())
    }

    /// Whether a query was ever read without a failure.
    pub fn is_read(&self, key: &QueryKey) -> bool {
        self.answers
            .get(key)
            .is_some_and(|answers| answers.read_until_ms.is_some())
    }
}

/// Replaces what `held` knows after `after_ms` by what was read: late samples come in, revised ones change.
fn splice(held: &mut Samples, read: &Samples, after_ms: i64) {
    let keep = held.times_ms.partition_point(|&t| t <= after_ms);
    let from = read.times_ms.partition_point(|&t| t <= after_ms);
    // A source that answers a tail with nothing at all has not taken samples back.
    if from == read.len() {
        return;
    }
    held.times_ms.truncate(keep);
    held.values.truncate(keep);
    held.times_ms.extend_from_slice(&read.times_ms[from..]);
    held.values.extend_from_slice(&read.values[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::reader::ReadSeries;
    use sla_domain::SourceId;
    use sla_proto::convert;
    use sla_proto::etl::v1::QueryFailure;

    const H: i64 = 3_600_000;

    fn wanted(text: &str) -> Wanted {
        let query = Query::parse(text).unwrap();
        Wanted {
            key: QueryKey::new(&query, 60_000),
            message: pb::Query {
                query: Some(pb::query::Query::Selector(text.to_owned())),
                step_ms: 0,
                source: String::new(),
            },
            query,
        }
    }

    fn read_series(name: &str, host: &str, index: usize, samples: &[(i64, f64)]) -> ReadSeries {
        let labels = Labels::from_pairs([("__name__", name), ("instance", host)]);
        let id = SeriesId::of_series(&SourceId("s".into()), &labels);
        ReadSeries {
            series: convert::series_message(id, "s", &labels, "", pb::SeriesKind::Gauge),
            id,
            labels,
            query_index: index,
            spacing_ms: 15_000,
            samples: Samples::from_columns(
                samples.iter().map(|s| s.0).collect(),
                samples.iter().map(|s| s.1).collect(),
            ),
        }
    }

    #[test]
    fn tails_follow_a_whole_read_and_a_new_series_is_read_whole() {
        let mut memory = SampleMemory::default();
        let want = [wanted("up")];
        let at = 100 * H;
        let first = memory.due(&want, at, 12 * H, 10);
        assert!(first.len() == 1 && first[0].full && first[0].plan.after_ms == 88 * H);
        let reading = SamplesRead {
            series: vec![read_series("up", "a", 0, &[(99 * H, 1.0), (at, 1.0)])],
            ..SamplesRead::default()
        };
        memory.absorb(&first[0], Ok(reading));
        let later = at + 15_000;
        let tail = memory.due(&want, later, 12 * H, 10);
        assert!(!tail[0].full);
        assert_eq!(tail[0].plan.after_ms, at - LATE_SAMPLES_MS);
        let reading = SamplesRead {
            series: vec![
                read_series("up", "a", 0, &[(99 * H, 1.0), (at - 5, 0.0), (later, 1.0)]),
                read_series("up", "b", 0, &[(later, 1.0)]),
            ],
            ..SamplesRead::default()
        };
        memory.absorb(&tail[0], Ok(reading));
        let a = &memory.series(&want[0].key)
            [usize::from(memory.series(&want[0].key)[0].labels.get("instance") != Some("a"))];
        assert_eq!(
            a.samples.times_ms,
            [99 * H, at - 5, later],
            "revised tail replaces the old one"
        );
        assert!(
            memory.due(&want, later + 15_000, 12 * H, 10)[0].full,
            "series b has a past"
        );
    }

    #[test]
    fn overlapping_selectors_share_a_series_that_comes_once() {
        let mut memory = SampleMemory::default();
        let want = [wanted("up"), wanted("up{instance=\"a\"}")];
        let due = memory.due(&want, 10 * H, H, 10);
        let reading = SamplesRead {
            series: vec![
                read_series("up", "a", 0, &[(10 * H, 1.0)]),
                read_series("up", "b", 0, &[(10 * H, 1.0)]),
            ],
            ..SamplesRead::default()
        };
        memory.absorb(&due[0], Ok(reading));
        assert_eq!(memory.series(&want[0].key).len(), 2);
        assert_eq!(memory.series(&want[1].key).len(), 1);
    }

    #[test]
    fn a_failure_keeps_the_samples_and_says_why() {
        let mut memory = SampleMemory::default();
        let want = [wanted("up"), wanted("down")];
        let due = memory.due(&want, 10 * H, H, 10);
        let failures = vec![QueryFailure {
            query_index: 1,
            reason: "X".into(),
            message: "503".into(),
        }];
        let series = vec![read_series("up", "a", 0, &[(10 * H, 1.0)])];
        memory.absorb(
            &due[0],
            Ok(SamplesRead {
                series,
                failures,
                ..SamplesRead::default()
            }),
        );
        assert_eq!(
            (memory.problem(&want[0].key), memory.problem(&want[1].key)),
            ("", "503")
        );
        assert!(memory.is_read(&want[0].key) && !memory.is_read(&want[1].key));
        memory.absorb(&due[0], Err("connection refused".into()));
        assert_eq!(memory.problem(&want[0].key), "connection refused");
        assert_eq!(memory.series(&want[0].key).len(), 1);
        // Not read since: the next read goes back to where the last good one ended.
        let next = memory.due(&want[..1], 10 * H + 60_000, H, 10);
        assert_eq!(next[0].plan.after_ms, 10 * H - LATE_SAMPLES_MS);
    }

    #[test]
    fn what_no_window_reaches_is_forgotten() {
        let mut memory = SampleMemory::default();
        let want = [wanted("up")];
        let due = memory.due(&want, 10 * H, 20 * H, 10);
        let old: Vec<(i64, f64)> = (0..100).map(|i| (i64::from(i) * H / 10, 1.0)).collect();
        let series = vec![
            read_series("up", "a", 0, &old),
            read_series("up", "gone", 0, &[(H, 1.0)]),
        ];
        memory.absorb(
            &due[0],
            Ok(SamplesRead {
                series,
                ..SamplesRead::default()
            }),
        );
        memory.forget(&want, 10 * H, 5 * H);
        let left = memory.series(&want[0].key);
        assert_eq!(left.len(), 1);
        assert_eq!(
            left[0].samples.times_ms[0],
            5 * H,
            "one sample at the edge stays to carry its value in"
        );
        memory.forget(&[], 10 * H, 5 * H);
        assert!(memory.series(&want[0].key).is_empty());
    }
}
