//! From the scope of a run to the queries it reads.

use sla_proto::Peer;
use sla_proto::etl::v1::RunScope;
use sla_proto::objective::v1::SlaSet;
use sla_proto::series::v1::{Query, Series, query};
use sla_proto::storage::v1::{ListRunResultsRequest, ListStoredSetsRequest};

use crate::error::EtlError;
use crate::options::MAX_QUERIES;
use crate::query::{ReadQuery, selector_of};

/// Results asked for at once.
const RESULTS_PAGE: u32 = 500;
/// Most queries one run may consist of: all objectives of all sets, or the failed series of another run.
pub const MAX_RUN_QUERIES: usize = 20_000;

/// One query of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopedQuery {
    /// What to read.
    pub query: ReadQuery,
    /// Whether its series are forecast: not when every objective that asks for it has forecasting off.
    pub forecast: bool,
}

/// Refuses a scope that nothing could be read for.
pub fn check(scope: &RunScope) -> Result<(), EtlError> {
    if !scope.retry_failed_of.is_empty() {
        return Ok(());
    }
    if !scope.sets_in_use && scope.queries.is_empty() {
        return Err(EtlError::invalid(
            "scope",
            "",
            "names no series",
            "set sets_in_use, give queries, or name a run whose failures shall be retried",
        ));
    }
    if scope.queries.len() > MAX_QUERIES {
        return Err(EtlError::invalid(
            "scope.queries",
            &scope.queries.len().to_string(),
            format!("has more than {MAX_QUERIES} entries"),
            "use selectors that match more series each",
        ));
    }
    for (at, query) in scope.queries.iter().enumerate() {
        ReadQuery::parse(&format!("scope.queries[{at}]"), query)?;
    }
    Ok(())
}

/// The queries of a scope, each once. Queries of stored sets that no longer parse are left out: they were checked when they
/// were saved, and the evaluation reports them.
pub async fn resolve(peer: &Peer, scope: &RunScope) -> Result<Vec<ScopedQuery>, EtlError> {
    if !scope.retry_failed_of.is_empty() {
        return failed_series(peer, &scope.retry_failed_of).await;
    }
    let mut found = Vec::new();
    if scope.sets_in_use {
        let answer = peer
            .set_store()
            .list_stored_sets(ListStoredSetsRequest {})
            .await
            .map_err(|status| EtlError::storage("list the sets", status))?;
        collect_sets(&answer.into_inner().sets, &mut found);
    }
    for (at, query) in scope.queries.iter().enumerate() {
        add(
            &mut found,
            ReadQuery::parse(&format!("scope.queries[{at}]"), query)?,
            true,
        );
    }
    Ok(found)
}

fn collect_sets(sets: &[SlaSet], found: &mut Vec<ScopedQuery>) {
    for objective in sets.iter().filter(|set| set.active).flat_map(|set| &set.objectives) {
        let parsed = objective.query.as_ref().map(|query| ReadQuery::parse("query", query));
        if let Some(Ok(query)) = parsed {
            add(found, query, !objective.no_forecast);
        }
    }
}

fn add(found: &mut Vec<ScopedQuery>, query: ReadQuery, forecast: bool) {
    if let Some(there) = found.iter_mut().find(|there| there.query == query) {
        there.forecast |= forecast;
    } else if found.len() < MAX_RUN_QUERIES {
        found.push(ScopedQuery { query, forecast });
    }
}

async fn failed_series(peer: &Peer, run_id: &str) -> Result<Vec<ScopedQuery>, EtlError> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRunResultsRequest {
            run_id: run_id.to_owned(),
            page_size: RESULTS_PAGE,
            page_token,
            failures_only: true,
        };
        let page = peer
            .results()
            .list_run_results(request)
            .await
            .map_err(|status| EtlError::storage("list the results of the run", status))?
            .into_inner();
        for result in &page.results {
            if let Some(query) = result.series.as_ref().and_then(query_of) {
                add(&mut found, query, true);
            }
        }
        if page.next_page_token.is_empty() || found.len() >= MAX_RUN_QUERIES {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// The query that reads exactly this series (of an expression: all its series).
pub fn query_of(series: &Series) -> Option<ReadQuery> {
    let query = if series.expression.is_empty() {
        query::Query::Selector(selector_of(&sla_proto::convert::labels(series))?)
    } else {
        query::Query::Expression(series.expression.clone())
    };
    ReadQuery::parse(
        "series",
        &Query {
            query: Some(query),
            step_ms: 0,
        },
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use sla_proto::objective::v1::Objective;
    use sla_proto::series::v1::Label;

    use super::*;

    fn selector(text: &str) -> Query {
        Query {
            query: Some(query::Query::Selector(text.into())),
            step_ms: 0,
        }
    }

    fn objective(text: &str, no_forecast: bool) -> Objective {
        Objective {
            query: Some(selector(text)),
            no_forecast,
            ..Objective::default()
        }
    }

    #[test]
    fn sets_in_use_give_each_query_once() {
        let sets = [
            SlaSet {
                active: true,
                objectives: vec![
                    objective("up", true),
                    objective("a{x='1'}", true),
                    objective("up{", false),
                ],
                ..SlaSet::default()
            },
            SlaSet {
                active: true,
                objectives: vec![objective(" up ", false)],
                ..SlaSet::default()
            },
            SlaSet {
                active: false,
                objectives: vec![objective("sleeping", false)],
                ..SlaSet::default()
            },
        ];
        let mut found = Vec::new();
        collect_sets(&sets, &mut found);
        let seen: Vec<_> = found.iter().map(|q| (q.query.text(), q.forecast)).collect();
        assert_eq!(seen, [("up", true), ("a{x=\"1\"}", false)]);
    }

    #[test]
    fn a_series_leads_back_to_its_query() {
        let label = |name: &str, value: &str| Label {
            name: name.into(),
            value: value.into(),
        };
        let series = Series {
            labels: vec![label("__name__", "up"), label("job", "a\"b")],
            ..Series::default()
        };
        assert_eq!(query_of(&series).unwrap().text(), "up{job=\"a\\\"b\"}");
        let series = Series {
            expression: "sum(up)".into(),
            ..Series::default()
        };
        assert_eq!(query_of(&series).unwrap().text(), "sum(up)");
        assert!(query_of(&Series::default()).is_none());
    }

    #[test]
    fn a_scope_must_name_something() {
        assert!(check(&RunScope::default()).is_err());
        assert!(
            check(&RunScope {
                sets_in_use: true,
                ..RunScope::default()
            })
            .is_ok()
        );
        assert!(
            check(&RunScope {
                retry_failed_of: "r".into(),
                ..RunScope::default()
            })
            .is_ok()
        );
        let wrong = RunScope {
            queries: vec![selector("up"), selector("up{")],
            ..RunScope::default()
        };
        let EtlError::BadQuery(invalid) = check(&wrong).unwrap_err() else {
            panic!()
        };
        assert_eq!(invalid.field, "scope.queries[1]");
        let many = RunScope {
            queries: vec![selector("up"); MAX_QUERIES + 1],
            ..RunScope::default()
        };
        assert!(check(&many).is_err());
    }
}
