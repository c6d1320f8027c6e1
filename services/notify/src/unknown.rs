//! What is not known any more, for channels that want it: looked at once a minute. A source that cannot be read is one notice, not
//! one for each thing that is agreed about it, and nothing ends because nobody hears of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use sla_proto::convert::{millis, timestamp};
use sla_proto::lists;
use sla_proto::notify::v1::{Notice, NoticeKind};
use sla_proto::objective::v1::SlaSet;
use sla_proto::violation::v1::{GetOverviewRequest, ObjectiveStatus, Overview, SeriesStatus, State};
use tokio::time::Instant;

use crate::book::Pages;
use crate::core::Core;
use crate::desk::Work;
use crate::handle;
use crate::lack::{self, Lack};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// What is unknown at two looks is told, milliseconds: a look may fall between a read that failed and the next one.
const LASTS_MS: i64 = 55_000;
/// Stories of what is unknown.
const OF_UNKNOWN: &str = "unknown";

/// When it was looked last, and since when what was unknown then is so.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    looked: Option<Instant>,
    since_ms: HashMap<String, i64>,
}

/// What one look has found, by handle.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Nothing is known of these.
    lacking: BTreeMap<String, Notice>,
    /// Something is.
    known: HashSet<String>,
    /// Agreed about a source that is away: nobody can say.
    open_question: HashSet<String>,
    /// Sets with something about a source, by the handle of the source.
    sets_of: HashMap<String, Vec<String>>,
}

impl Unknown {
    /// What is unknown, when it is time; `None` when nobody wants it, or nobody knows.
    pub(crate) async fn look(&mut self, core: &Core, pages: &Pages) -> Option<Found> {
        if !pages
            .channels
            .iter()
            .any(|channel| channel.no_data && !channel.disabled)
        {
            return None;
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return None;
        }
        self.looked = Some(Instant::now());
        // Without an answer nothing is known, not even that nothing is known.
        let overview = lists::overview(&core.peer, GetOverviewRequest::default()).await.ok()?;
        let now_ms = core.now_ms();
        let mut found = find(&overview, now_ms)?;
        self.since_ms.retain(|handle, _| found.lacking.contains_key(handle));
        found.lacking.retain(|handle, _| {
            let since_ms = *self.since_ms.entry(handle.clone()).or_insert(now_ms);
            now_ms - since_ms >= LASTS_MS
        });
        // What is not told yet is neither known nor gone.
        found.open_question.extend(self.since_ms.keys().cloned());
        Some(found)
    }
}

/// The handle of a source.
fn of_source(name: &str) -> String {
    handle::handle(&format!("source {name}"), 0, &[])
}

/// What an overview says; `None` before the first evaluation.
fn find(overview: &Overview, now_ms: i64) -> Option<Found> {
    overview.evaluated.as_ref()?;
    let mut by_source: BTreeMap<&str, Vec<&ObjectiveStatus>> = BTreeMap::new();
    for status in &overview.objectives {
        by_source.entry(source_of(status)).or_default().push(status);
    }
    let mut found = Found::default();
    let default = overview.source.clone().unwrap_or_default();
    for (source, objectives) in by_source {
        let is_default = source.is_empty() || source == default.source;
        let name = if source.is_empty() {
            default.source.as_str()
        } else {
            source
        };
        let handle = of_source(name);
        // A single query may be at fault itself; all of a source together are not.
        let all_fail = objectives.len() > 1 && objectives.iter().all(|status| !status.problem.is_empty());
        let problem = if is_default && !default.problem.is_empty() {
            Some(default.problem.clone())
        } else {
            objectives
                .first()
                .filter(|_| all_fail)
                .map(|status| status.problem.clone())
        };
        let sets = objectives.iter().map(|status| status.set_id.clone());
        found.sets_of.entry(handle.clone()).or_default().extend(sets);
        let Some(problem) = problem else {
            found.known.insert(handle);
            for status in &objectives {
                look_at(&mut found, status, now_ms);
            }
            continue;
        };
        let since = default.failing_since.filter(|_| is_default);
        let notice = Notice {
            handle: handle.clone(),
            source: name.to_owned(),
            text: problem,
            kind: NoticeKind::SourceAway.into(),
            since: Some(since.unwrap_or_else(|| timestamp(now_ms))),
            count: u32::try_from(objectives.len()).unwrap_or(u32::MAX),
            ..Notice::default()
        };
        found.lacking.insert(handle, notice);
        let handles = objectives.iter().flat_map(|status| handles_of(status));
        found.open_question.extend(handles);
    }
    Some(found)
}

fn source_of(status: &ObjectiveStatus) -> &str {
    let query = status.objective.as_ref().and_then(|objective| objective.query.as_ref());
    query.map_or("", |query| query.source.as_str())
}

/// The handle of one series, or of an objective without any.
fn handle_of(status: &ObjectiveStatus, series: Option<&SeriesStatus>) -> String {
    let objective = status.objective.as_ref();
    let id = series
        .and_then(|series| series.series.as_ref())
        .map_or(&[][..], |series| &series.id);
    handle::handle(
        objective.map_or("", |objective| objective.id.as_str()),
        objective.map_or(0, |objective| objective.generation),
        id,
    )
}

fn handles_of(status: &ObjectiveStatus) -> Vec<String> {
    let series = status.series.iter().map(|series| handle_of(status, Some(series)));
    series.chain([handle_of(status, None)]).collect()
}

/// One objective of a source that answers.
fn look_at(found: &mut Found, status: &ObjectiveStatus, now_ms: i64) {
    let mut note = |series: Option<&SeriesStatus>, state: State, why: &str| {
        let handle = handle_of(status, series);
        if !matches!(state, State::NoData | State::Unspecified) {
            found.known.insert(handle);
            return;
        }
        let last = series.and_then(|series| series.last.as_ref()?.time);
        let objective = status.objective.clone().unwrap_or_default();
        let notice = Notice {
            handle: handle.clone(),
            kind: NoticeKind::NoData.into(),
            set_id: status.set_id.clone(),
            set_name: status.set_name.clone(),
            objective_id: objective.id,
            objective_name: objective.name,
            generation: objective.generation,
            series: series.and_then(|series| series.series.clone()),
            source: objective.query.map_or_else(String::new, |query| query.source),
            text: why.to_owned(),
            since: Some(
                last.filter(|time| millis(time) <= now_ms)
                    .unwrap_or_else(|| timestamp(now_ms)),
            ),
            count: 1,
            ..Notice::default()
        };
        found.lacking.insert(handle, notice);
    };
    let is_unread = status.state() == State::NoData && !status.problem.is_empty();
    if status.series.is_empty() || is_unread {
        let why = if status.problem.is_empty() {
            &status.why
        } else {
            &status.problem
        };
        note(None, status.state(), why);
        // One notice for what was not read; what was read of it before is neither known nor lacking on its own.
        let series = status.series.iter().map(|series| handle_of(status, Some(series)));
        found.open_question.extend(series);
        return;
    }
    // Whatever it lacked as a whole, there are series now.
    note(None, State::Ok, "");
    for series in &status.series {
        note(Some(series), series.state(), &series.why);
    }
}

impl Found {
    /// Moves the stories on, at most `most` of them.
    pub(crate) fn tell(&self, work: &mut Work<'_>, most: usize) {
        for (handle, notice) in &self.lacking {
            let sets: Vec<String> = match self.sets_of.get(handle) {
                Some(sets) => sets.clone(),
                None => vec![notice.set_id.clone()],
            };
            let mut told: HashSet<String> = HashSet::new();
            let sets: Vec<&SlaSet> = sets.iter().filter_map(|id| work.set(id)).collect();
            for set in sets {
                for channel in work.channels(Some(set), handle, OF_UNKNOWN) {
                    // A source has many sets: each channel hears of it once.
                    if !channel.no_data || work.len() >= most || !told.insert(channel.id.clone()) {
                        continue;
                    }
                    let now = Lack::Unknown(Box::new(notice.clone()));
                    work.act(channel, handle, OF_UNKNOWN, |story, rules, silence, now_ms| {
                        lack::unknown(story, now, rules, silence, now_ms)
                    });
                }
            }
        }
        for (channel_id, handle) in work.open(OF_UNKNOWN) {
            if self.lacking.contains_key(&handle) || work.len() >= most {
                continue;
            }
            let now = if self.known.contains(&handle) {
                Lack::Known
            } else if self.open_question.contains(&handle) {
                continue;
            } else {
                Lack::Gone
            };
            if let Some(channel) = work.channel(&channel_id) {
                work.act(channel, &handle, OF_UNKNOWN, |story, rules, silence, now_ms| {
                    lack::unknown(story, now, rules, silence, now_ms)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sla_proto::objective::v1::Objective;
    use sla_proto::series::v1::{Query, Series, SourceStatus};

    fn status(id: &str, source: &str, states: &[State], problem: &str) -> ObjectiveStatus {
        let series = states.iter().enumerate().map(|(at, state)| SeriesStatus {
            series: Some(Series {
                id: vec![at as u8],
                ..Series::default()
            }),
            state: (*state).into(),
            ..SeriesStatus::default()
        });
        ObjectiveStatus {
            set_id: "s".to_owned(),
            objective: Some(Objective {
                id: id.to_owned(),
                query: Some(Query {
                    source: source.to_owned(),
                    ..Query::default()
                }),
                ..Objective::default()
            }),
            state: states.first().copied().unwrap_or(State::NoData).into(),
            series: series.collect(),
            problem: problem.to_owned(),
            ..ObjectiveStatus::default()
        }
    }

    fn overview(objectives: Vec<ObjectiveStatus>, problem: &str) -> Overview {
        Overview {
            objectives,
            evaluated: Some(timestamp(1)),
            source: Some(SourceStatus {
                source: "prom".to_owned(),
                problem: problem.to_owned(),
                ..SourceStatus::default()
            }),
            ..Overview::default()
        }
    }

    #[test]
    fn each_series_that_is_silent_is_named_while_its_source_answers() {
        let all = vec![
            status("a", "", &[State::NoData, State::Ok], ""),
            status("b", "", &[State::Violated], ""),
            status("c", "", &[], ""),
        ];
        let found = find(&overview(all, ""), 10).unwrap();
        assert_eq!(found.lacking.len(), 2, "a series of a, and the whole of c");
        assert!(found.lacking.values().all(|notice| notice.kind() == NoticeKind::NoData));
        assert!(found.known.contains(&of_source("prom")) && found.open_question.is_empty());
        assert!(
            find(&Overview::default(), 10).is_none(),
            "before the first evaluation nobody knows"
        );
    }

    #[test]
    fn a_source_that_is_away_is_one_notice_and_ends_nothing() {
        let all = vec![
            status("a", "", &[State::NoData, State::NoData], "refused"),
            status("b", "", &[State::Ok], "refused"),
            status("w", "weather", &[State::Ok], ""),
        ];
        let found = find(&overview(all, "connection refused"), 10).unwrap();
        let told: Vec<_> = found.lacking.values().collect();
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].kind(), told[0].source.as_str(), told[0].count),
            (NoticeKind::SourceAway, "prom", 2)
        );
        let of_b = handle::handle("b", 0, &[0]);
        assert!(found.open_question.contains(&of_b), "what was read before is no news");
        assert!(!found.known.contains(&of_b));
        assert!(
            found.known.contains(&handle::handle("w", 0, &[0])),
            "another source is not touched"
        );
    }

    #[test]
    fn what_was_read_in_part_is_one_notice_of_the_whole() {
        let mut part = status("a", "", &[State::Ok, State::NoData], "y{b}: more than 500,000 samples");
        part.state = State::NoData.into();
        let found = find(&overview(vec![part, status("b", "", &[State::Ok], "")], ""), 10).unwrap();
        let told: Vec<_> = found.lacking.iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, &handle::handle("a", 0, &[]));
        assert!(told[0].1.text.contains("500,000"));
        let of_series = handle::handle("a", 0, &[0]);
        assert!(found.open_question.contains(&of_series) && !found.known.contains(&of_series));
    }

    #[test]
    fn one_query_that_fails_is_no_source_that_is_away() {
        let all = vec![
            status("a", "eu", &[], "bad expression"),
            status("b", "eu", &[State::Ok], ""),
            status("c", "us", &[], "refused"),
            status("d", "us", &[], "refused"),
        ];
        let found = find(&overview(all, ""), 10).unwrap();
        let kinds: Vec<_> = found
            .lacking
            .values()
            .map(|notice| (notice.kind(), notice.source.as_str()))
            .collect();
        assert!(kinds.contains(&(NoticeKind::NoData, "eu")) && kinds.contains(&(NoticeKind::SourceAway, "us")));
        assert_eq!(kinds.len(), 2);
    }
}
