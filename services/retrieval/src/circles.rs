//! The series that what else moved is looked for in: wider and wider circles around the one in question.

use std::collections::HashSet;
use std::time::Instant;

use sla_analysis::around::SERIES_MAX;
use sla_domain::SafeText;
use sla_domain::series::quoted;
use sla_proto::etl::v1::{ListMetricNamesRequest, ListMetricNamesResponse, ListSeriesRequest};
use sla_proto::series::v1::{Query, Series, SourceStatus, query};
use sla_proto::{convert, lists};

use crate::error::RetrievalError;
use crate::options::{MAX_MOVED_SERIES, MAX_QUERIES, MOVED_READ_TIME};
use crate::samples::{ReadSeries, Reading, sentences};
use crate::service::Core;

/// Series that are listed of a circle.
const LISTED: u32 = 1_000;
/// Longest alternative of names in one selector, bytes.
const NAMES_BYTES: usize = 4_000;

/// What was read, each series once: the one in question first, then those of the sets in use, of the same instance, of the
/// same job, and the rest.
#[derive(Default)]
pub(crate) struct Circles {
    pub(crate) series: Vec<ReadSeries>,
    pub(crate) source: SourceStatus,
    /// Series of its source that were not read.
    pub(crate) left_out: u32,
    /// Sentences about what could not be read.
    pub(crate) problems: Vec<String>,
    seen: HashSet<Vec<u8>>,
    /// Series that may be read beside those of the sets.
    room: usize,
}

impl Circles {
    /// Reads (`range`] of all of them. An error means that the series in question could not be read.
    pub(crate) async fn read(
        core: &Core,
        question: Query,
        series_id: &[u8],
        range: (i64, i64),
    ) -> Result<Self, RetrievalError> {
        let started = Instant::now();
        let mut out = Self::default();
        let mut reading = core.read(vec![question.clone()], range.0, range.1, false).await?;
        let wanted = |one: &ReadSeries| series_id.is_empty() || one.id.0 == series_id;
        let Some(at) = reading.series.iter().position(wanted) else {
            return Err(match reading.failures.first() {
                Some(failure) => RetrievalError::away(failure, &reading.source),
                None => RetrievalError::NoSeries {
                    name: SafeText::with_limit(convert::query_text(&question), 120),
                },
            });
        };
        reading.series.swap(0, at);
        let of = reading.series[0].series.clone();
        out.source = reading.source.clone();
        out.take(reading, std::slice::from_ref(&question), SERIES_MAX);
        for part in core.queries_in_use().await?.chunks(MAX_QUERIES) {
            out.try_read(core, part, range, SERIES_MAX).await;
        }
        out.room = MAX_MOVED_SERIES.min(SERIES_MAX.saturating_sub(out.series.len()));
        let source = question.source;
        for label in ["instance", "job"] {
            let value = of.labels.iter().find(|l| l.name == label).map(|l| l.value.as_str());
            if let Some(value) = value.filter(|_| out.room > 0 && started.elapsed() < MOVED_READ_TIME) {
                let matcher = format!("{label}={}", quoted(value));
                match core.listed(&source, &matcher).await {
                    Ok(listed) => {
                        let names = out.names_of(&listed);
                        out.read_names(core, &source, &matcher, &names, range).await;
                    }
                    Err(error) => out.problems.push(error.to_string()),
                }
            }
        }
        let told = match core.names(&source).await {
            Ok(told) => told,
            Err(error) => {
                out.problems.push(error.to_string());
                return Ok(out);
            }
        };
        if out.room > 0 && started.elapsed() < MOVED_READ_TIME {
            let names: Vec<(String, usize)> = told.names.iter().map(|n| (n.name.clone(), n.series as usize)).collect();
            out.read_names(core, &source, "", &names, range).await;
        }
        let read = out.series.iter().filter(|one| one.series.source == of.source).count() as u32;
        out.left_out = told.total_series.saturating_sub(read);
        Ok(out)
    }

    /// Names of what is listed, with how many of their series are new.
    fn names_of(&self, listed: &[Series]) -> Vec<(String, usize)> {
        let mut names: Vec<(String, usize)> = Vec::new();
        for series in listed.iter().filter(|series| !self.seen.contains(&series.id)) {
            let Some(name) = series.labels.iter().find(|label| label.name == "__name__") else {
                continue;
            };
            match names.iter_mut().find(|(have, _)| *have == name.value) {
                Some((_, count)) => *count += 1,
                None => names.push((name.value.clone(), 1)),
            }
        }
        names
    }

    /// Reads as many of these names as there is room for.
    async fn read_names(
        &mut self,
        core: &Core,
        source: &str,
        matcher: &str,
        names: &[(String, usize)],
        range: (i64, i64),
    ) {
        let mut room = self.room;
        let mut fits = Vec::new();
        for (name, count) in names {
            if *count <= room && *count > 0 {
                room -= count;
                fits.push(name.as_str());
            }
        }
        let queries: Vec<Query> = alternatives(&fits)
            .into_iter()
            .map(|names| {
                let comma = if matcher.is_empty() { "" } else { "," };
                Query {
                    source: source.to_owned(),
                    query: Some(query::Query::Selector(format!(
                        "{{{matcher}{comma}__name__=~{}}}",
                        quoted(&names)
                    ))),
                    ..Query::default()
                }
            })
            .collect();
        for part in queries.chunks(MAX_QUERIES) {
            let room = self.series.len() + self.room;
            let before = self.series.len();
            self.try_read(core, part, range, room).await;
            self.room -= (self.series.len() - before).min(self.room);
        }
    }

    async fn try_read(&mut self, core: &Core, queries: &[Query], range: (i64, i64), most: usize) {
        match core.read(queries.to_vec(), range.0, range.1, false).await {
            Ok(reading) => self.take(reading, queries, most),
            Err(error) => self.problems.push(error.to_string()),
        }
    }

    /// Keeps what is new, as long as there are no more than `most` in all.
    fn take(&mut self, reading: Reading, queries: &[Query], most: usize) {
        self.problems.extend(sentences(&reading.failures, queries));
        for one in reading.series {
            if self.series.len() < most.min(SERIES_MAX) && self.seen.insert(one.series.id.clone()) {
                self.series.push(one);
            }
        }
    }
}

impl Core {
    /// Of all objectives that are watched.
    async fn queries_in_use(&self) -> Result<Vec<Query>, RetrievalError> {
        let sets = lists::sets(&self.peer).await;
        let sets = sets.map_err(RetrievalError::upstream("list the sets"))?;
        let (mut queries, mut seen) = (Vec::new(), HashSet::new());
        for objective in sets.into_iter().filter(|set| set.active).flat_map(|set| set.objectives) {
            let key = |query: &Query| {
                (
                    query.source.clone(),
                    convert::query_text(query).to_owned(),
                    query.step_ms,
                )
            };
            queries.extend(objective.query.filter(|query| seen.insert(key(query))));
        }
        Ok(queries)
    }

    /// The first series that match.
    async fn listed(&self, source: &str, matcher: &str) -> Result<Vec<Series>, RetrievalError> {
        let query = Query {
            source: source.to_owned(),
            query: Some(query::Query::Selector(format!("{{{matcher}}}"))),
            ..Query::default()
        };
        let request = ListSeriesRequest {
            query: Some(query),
            page_size: LISTED,
            ..ListSeriesRequest::default()
        };
        let listed = self.peer.source().list_series(request).await;
        Ok(listed
            .map_err(RetrievalError::upstream("list series"))?
            .into_inner()
            .series)
    }

    async fn names(&self, source: &str) -> Result<ListMetricNamesResponse, RetrievalError> {
        let request = ListMetricNamesRequest {
            page_size: LISTED,
            source: source.to_owned(),
            ..ListMetricNamesRequest::default()
        };
        let told = self.peer.source().list_metric_names(request).await;
        Ok(told
            .map_err(RetrievalError::upstream("list the names of metrics"))?
            .into_inner())
    }
}

/// Names as alternatives of a regular expression, none too long for a selector.
fn alternatives(names: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in names {
        match out.last_mut() {
            Some(last) if last.len() + name.len() < NAMES_BYTES => {
                last.push('|');
                last.push_str(&literal(name));
            }
            _ => out.push(literal(name)),
        }
    }
    out
}

/// A name that stands for itself in a regular expression.
fn literal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if !(c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | ' ' | '/')) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_themselves() {
        assert_eq!(quoted("a\\\"b\n"), "\"a\\\\\\\"b\\n\"");
        assert_eq!(quoted(&literal("http.server{x}")), r#""http\\.server\\{x\\}""#);
        assert_eq!(alternatives(&["up", "node_load1"]), ["up|node_load1"]);
        assert!(alternatives(&[]).is_empty());
        let long = "x".repeat(NAMES_BYTES / 2);
        assert_eq!(alternatives(&[&long, &long, "up"]).len(), 2);
        for name in ["up", "http.server", "a|b"] {
            let text = format!("{{__name__=~{}}}", quoted(&literal(name)));
            assert!(sla_domain::Query::parse(&text).is_ok(), "{text}");
        }
    }
}
