//! Whether the queries of a set mean something to the source. The source is asked only about what is new or changed:
//! a bound may be edited while a host is away.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use sla_domain::invalid::Invalid;
use sla_domain::objective::Objective;
use sla_domain::query::Query;
use sla_domain::set::SlaSet;
use sla_proto::etl::v1::{CheckQueryRequest, CheckQueryResponse};
use sla_proto::objective::v1 as pb;
use sla_proto::set::v1::FieldProblem;
use sla_proto::{Peer, convert};
use tokio::time::Instant;
use tonic::Code;

/// Queries asked about at once.
const CHECKS_AT_ONCE: usize = 4;
/// Longest time all checks of one save may take; what was not asked by then is accepted, as with a source that is away.
const CHECKS_TIMEOUT: Duration = Duration::from_secs(6);

/// A query and where it is asked: the name of the source and the normal text.
type Asked = (String, String);

/// What the source says about one query.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// It yields series.
    Fine,
    /// It yields nothing now.
    NoSeries,
    /// It is wrong: the words, and the position in characters where known.
    Wrong(String, Option<u32>),
    /// The source could not be asked.
    NotAsked,
}

/// When the checks of a save that begins now are over, of however many sets.
pub fn checks_end() -> Instant {
    Instant::now() + CHECKS_TIMEOUT
}

/// What the source says about the queries of a set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checked {
    /// What keeps it from being saved.
    pub problems: Vec<Invalid>,
    /// What does not.
    pub warnings: Vec<Invalid>,
}

impl Checked {
    /// The same, found inside `path`.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        let inside = |found: Vec<Invalid>| found.into_iter().map(|invalid| invalid.within(path)).collect();
        Self {
            problems: inside(self.problems),
            warnings: inside(self.warnings),
        }
    }
}

/// Checks the queries of `set` that `stored` does not have already; what was not asked until `end` is accepted.
pub async fn check_queries(peer: &Peer, set: &SlaSet, stored: Option<&pb::SlaSet>, end: Instant) -> Checked {
    let known: Vec<Asked> = stored
        .map(|set| {
            set.objectives
                .iter()
                .filter_map(|objective| objective.query.as_ref())
                .filter_map(|query| {
                    Some((
                        query.source.clone(),
                        convert::query(Some(query)).ok()?.text().to_owned(),
                    ))
                })
                .collect()
        })
        .unwrap_or_default();
    let asked_for = |objective: &Objective| (objective.source.clone(), objective.query.text().to_owned());
    let mut wanted: BTreeMap<Asked, CheckQueryRequest> = BTreeMap::new();
    for objective in &set.objectives {
        let key = asked_for(objective);
        if !known.contains(&key) {
            wanted.entry(key).or_insert_with(|| CheckQueryRequest {
                query: convert::objective_message(objective).query,
            });
        }
    }
    let peer = peer.clone();
    let asked = futures::stream::iter(wanted.into_iter().map(move |(key, request)| {
        let mut source = peer.source();
        async move {
            (
                key,
                finding(source.check_query(request).await.map(tonic::Response::into_inner)),
            )
        }
    }))
    .buffer_unordered(CHECKS_AT_ONCE);
    let mut findings: BTreeMap<Asked, Finding> = BTreeMap::new();
    let collected = asked.for_each(|(key, finding)| {
        findings.insert(key, finding);
        std::future::ready(())
    });
    // What is missing after the limit counts as not asked.
    let _ = tokio::time::timeout_at(end, collected).await;
    let mut checked = Checked::default();
    for (at, objective) in set.objectives.iter().enumerate() {
        let (field, query) = (format!("objectives[{at}].query"), &objective.query);
        if let Some(finding) = findings.get(&asked_for(objective)) {
            checked.problems.extend(problem(&field, query, finding));
            checked.warnings.extend(warning(&field, query, finding));
        }
    }
    checked
}

fn finding(answer: Result<CheckQueryResponse, tonic::Status>) -> Finding {
    match answer {
        Ok(answer) if !answer.problem.is_empty() => Finding::Wrong(answer.problem, answer.position),
        Ok(answer) if answer.series == 0 => Finding::NoSeries,
        Ok(_) => Finding::Fine,
        Err(status) if status.code() == Code::InvalidArgument => Finding::Wrong(status.message().to_owned(), None),
        Err(_) => Finding::NotAsked,
    }
}

/// A finding as a refused field; `None` where it may be saved.
pub fn problem(field: &str, query: &Query, finding: &Finding) -> Option<Invalid> {
    match finding {
        Finding::Fine => None,
        // What it is made of may be silent now, or its condition not met: that is no mistake.
        Finding::NoSeries if !query.is_selector() => None,
        Finding::NoSeries => Some(Invalid::new(
            field,
            query.text(),
            "is unknown: no series of the source matches it now",
            "check the metric name and the labels; the Metrics tab lists what there is",
        )),
        Finding::Wrong(words, position) => {
            let words = sla_domain::safe_text::SafeText::new(words);
            let rule = match position {
                Some(at) => format!("at character {}: {words}", at + 1),
                None => words.to_string(),
            };
            Some(Invalid::new(field, query.text(), rule, "correct the query"))
        }
        // Our own parser had no complaint about a selector; an expression it does not know needs its judge.
        Finding::NotAsked => match query {
            Query::Expression(expression) => expression.complaint().map(|complaint| {
                Invalid::new(
                    field,
                    query.text(),
                    format!("is not known here ({complaint}), and the source cannot be asked now"),
                    "save it when the source answers again",
                )
            }),
            Query::Selector(_) => None,
        },
    }
}

/// A finding that does not keep a query from being saved, but should be known.
pub fn warning(field: &str, query: &Query, finding: &Finding) -> Option<Invalid> {
    (*finding == Finding::NoSeries && !query.is_selector()).then(|| {
        Invalid::new(
            field,
            query.text(),
            "yields no series now: it is without data until it does",
            "check the names in it, or leave it as it is",
        )
    })
}

/// For an answer of `ValidateSet`.
pub fn field_problem(invalid: &Invalid) -> FieldProblem {
    FieldProblem {
        field: invalid.field.clone(),
        value: invalid.value.to_string(),
        rule: invalid.rule.clone(),
        fix: invalid.fix.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_source_says_becomes_a_field() {
        let selector = Query::parse("node_laod1").unwrap();
        let unknown = problem("objectives[0].query", &selector, &Finding::NoSeries).unwrap();
        assert!(unknown.to_string().contains("node_laod1: is unknown"));
        let wrong = problem("q", &selector, &Finding::Wrong("unexpected )".into(), Some(4))).unwrap();
        assert_eq!(wrong.rule, "at character 5: unexpected )");
        assert_eq!(warning("q", &selector, &Finding::NoSeries), None);
        let silent = Query::parse("rate(node_cpu_seconds_total[5m]) > 5").unwrap();
        assert_eq!(
            problem("q", &silent, &Finding::NoSeries),
            None,
            "it can be agreed, as a selector of silent series"
        );
        assert!(
            warning("q", &silent, &Finding::NoSeries)
                .unwrap()
                .to_string()
                .contains("yields no series now")
        );
        assert_eq!(warning("q", &silent, &Finding::Fine), None);
        assert!(problem("q", &selector, &Finding::Fine).is_none());
        assert!(
            problem("q", &selector, &Finding::NotAsked).is_none(),
            "a source that is away refuses no selector"
        );
        let new_function = Query::parse("some_new_function(up)").unwrap();
        assert!(problem("q", &new_function, &Finding::NotAsked).is_some());
    }

    #[test]
    fn answers_of_the_source_are_told_apart() {
        let answer = |series, text: &str| {
            finding(Ok(CheckQueryResponse {
                series,
                problem: text.into(),
                ..CheckQueryResponse::default()
            }))
        };
        assert_eq!(answer(3, ""), Finding::Fine);
        assert_eq!(answer(0, ""), Finding::NoSeries);
        assert_eq!(answer(0, "bad"), Finding::Wrong("bad".into(), None));
        assert_eq!(finding(Err(tonic::Status::unavailable("down"))), Finding::NotAsked);
        assert_eq!(
            finding(Err(tonic::Status::invalid_argument("x"))),
            Finding::Wrong("x".into(), None)
        );
    }
}
