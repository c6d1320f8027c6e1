//! What is asked of a read, what it costs, and what it gave.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sla_domain::{Labels, Samples, Selector, SeriesId, spacing};
use sla_proto::series::v1::{SampleChunk, Series, SeriesKind, SourceStatus};
use sla_source::xor::XorError;
use sla_source::{SourceError, XorChunk};

use super::clip;
use crate::query::ReadQuery;

/// What to read, all at one instant.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    /// What to read; series name the index of the query they answer.
    pub queries: Vec<ReadQuery>,
    /// Excluded, Unix milliseconds; what carries a value in comes too.
    pub after_ms: i64,
    /// Included, Unix milliseconds.
    pub until_ms: i64,
    /// Refused above this many series.
    pub max_series: usize,
    /// From memory only, whatever its age.
    pub cached_only: bool,
    /// The mean of each 5 min instead of raw samples.
    pub long_view: bool,
}

impl ReadPlan {
    /// The plain selectors with the index of their query.
    pub fn selectors(&self) -> Vec<(usize, &Selector)> {
        self.queries
            .iter()
            .enumerate()
            .filter_map(|(index, query)| match query {
                ReadQuery::Selector(selector) => Some((index, selector)),
                ReadQuery::Expression { .. } => None,
            })
            .collect()
    }
}

/// One series as it was read.
#[derive(Debug, Clone)]
pub struct SeriesReading {
    /// As a message: id, source, labels, expression, kind.
    pub series: Series,
    /// Its fingerprint.
    pub id: SeriesId,
    /// Which query it answers; a series comes once, for the first one.
    pub query_index: usize,
    /// Typical distance of samples, milliseconds, as fixed at first sight; 0 while there are fewer than two.
    pub spacing_ms: i64,
    /// Its samples.
    pub chunks: Vec<SampleChunk>,
    /// Why it could not be read; its chunks are then the last known ones.
    pub failure: Option<SourceError>,
}

impl SeriesReading {
    /// How many it has.
    pub fn sample_count(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.count)).sum()
    }

    /// Its samples, decoded.
    pub fn samples(&self) -> Result<Samples, XorError> {
        clip::decode(&self.chunks)
    }

    /// What their distance is taken for, milliseconds.
    pub fn assumed_spacing_ms(&self) -> i64 {
        match self.spacing_ms {
            0 => spacing::DEFAULT_SPACING_MS,
            known_ms => known_ms,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> SeriesKind {
        self.series.kind()
    }

    /// Its labels.
    pub fn labels(&self) -> Labels {
        sla_proto::convert::labels(&self.series)
    }
}

/// A query that could not be answered, or only from memory.
#[derive(Debug, Clone)]
pub struct QueryProblem {
    /// Which query.
    pub query_index: usize,
    /// Why.
    pub error: SourceError,
}

/// A series that was not read, or not as far as was asked for.
#[derive(Debug, Clone)]
pub struct FailedSeries {
    /// The query that it answers.
    pub query_index: usize,
    /// Its labels.
    pub labels: Labels,
    /// Why.
    pub error: SourceError,
}

/// What the reads of one answer cost and where they failed.
#[derive(Default)]
pub(super) struct ReadTally {
    pub(super) bytes: u64,
    pub(super) source_time: Duration,
    problems: Vec<QueryProblem>,
    /// The first series of each query that failed.
    failed: BTreeMap<usize, FailedSeries>,
    /// The source as a whole is away: every query is answered from memory.
    pub(super) outage: Option<SourceError>,
    /// Samples older than the cache keeps, read for this answer only.
    pub(super) direct: HashMap<SeriesId, Vec<XorChunk>>,
}

impl ReadTally {
    /// Notes why a query could not be answered.
    pub(super) fn problem(&mut self, query_index: usize, error: SourceError) {
        if error.is_outage() {
            self.outage.get_or_insert(error);
        } else {
            self.problems.push(QueryProblem { query_index, error });
        }
    }

    /// Notes why a series of a query could not be read.
    pub(super) fn failed(&mut self, query_index: usize, labels: &Labels, error: &SourceError) {
        self.failed.entry(query_index).or_insert_with(|| FailedSeries {
            query_index,
            labels: labels.clone(),
            error: error.clone(),
        });
    }

    /// The first failed series of each query that did not fail as a whole.
    pub(super) fn failed_alone(&mut self, problems: &[QueryProblem]) -> Vec<FailedSeries> {
        let failed = std::mem::take(&mut self.failed).into_values();
        let is_alone = |one: &FailedSeries| problems.iter().all(|problem| problem.query_index != one.query_index);
        failed.filter(is_alone).collect()
    }

    /// Notes why these selectors could not be answered.
    pub(super) fn problems_of(&mut self, selectors: &[(usize, &Selector)], error: &SourceError) {
        for (query_index, _) in selectors {
            self.problem(*query_index, error.clone());
        }
    }

    /// The problems of `queries` queries; those of an outage are the same for all of them.
    pub(super) fn problems_of_all(&mut self, queries: usize) -> Vec<QueryProblem> {
        match &self.outage {
            Some(error) => (0..queries)
                .map(|query_index| QueryProblem {
                    query_index,
                    error: error.clone(),
                })
                .collect(),
            None => std::mem::take(&mut self.problems),
        }
    }
}

/// The answer to a [`ReadPlan`].
#[derive(Debug, Clone, Default)]
pub struct SampleReading {
    /// What came, in the order of queries and then of labels; a series once.
    pub series: Vec<SeriesReading>,
    /// Queries with a problem; their series, where there are any, are the last known ones.
    pub problems: Vec<QueryProblem>,
    /// Queries of which only some series failed: the first such series of each, also where that series came for another query.
    pub failed: Vec<FailedSeries>,
    /// How the source did; of several the first with a problem.
    pub status: SourceStatus,
    /// How each source did, where several were asked.
    pub statuses: Vec<SourceStatus>,
    /// Bytes read from the source for this answer.
    pub bytes_read: u64,
    /// How long the reads took, milliseconds.
    pub read_ms: f64,
}

impl SampleReading {
    /// Adds the answer of a further source, whose queries stand at other `places`.
    pub(crate) fn add(&mut self, other: Self, place: impl Fn(usize) -> usize) {
        let moved = other.series.into_iter().map(|mut one| {
            one.query_index = place(one.query_index);
            one
        });
        self.series.extend(moved);
        self.problems.extend(other.problems.into_iter().map(|mut problem| {
            problem.query_index = place(problem.query_index);
            problem
        }));
        self.failed.extend(other.failed.into_iter().map(|mut failed| {
            failed.query_index = place(failed.query_index);
            failed
        }));
        // The banner has one line: a source with a problem comes before one without.
        if self.statuses.is_empty() || (self.status.problem.is_empty() && !other.status.problem.is_empty()) {
            self.status.clone_from(&other.status);
        }
        self.statuses.push(other.status);
        self.bytes_read += other.bytes_read;
        self.read_ms = self.read_ms.max(other.read_ms);
    }

    /// Samples in all chunks.
    pub fn sample_count(&self) -> u64 {
        self.series.iter().map(SeriesReading::sample_count).sum()
    }
}
