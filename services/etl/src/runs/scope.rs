//! From the scope of a run to the queries it reads.

use futures::future::BoxFuture;
use sla_proto::etl::v1::{Run, RunScope, RunState};
use sla_proto::series::v1::{Query, Series, query};
use sla_proto::storage::v1::{GetStoredRunRequest, ListRunResultsRequest};

use crate::error::EtlError;
use crate::options::MAX_QUERIES;
use crate::query::{ReadQuery, SourcedQuery, selector_of};
use crate::runs::in_use::{MAX_RUN_QUERIES, ScopedQuery, SetsInUse, add};

/// Results asked for at once.
const RESULTS_PAGE: u32 = 500;
/// A retry of a retry … is followed back so far for steps and forecasts; then the usual ones are taken.
const MAX_RETRIES_IN_A_ROW: usize = 16;

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
        SourcedQuery::parse(&format!("scope.queries[{at}]"), query)?;
    }
    Ok(())
}

/// The queries of a scope, each once.
pub async fn resolve(sets: &SetsInUse, scope: &RunScope) -> Result<Vec<ScopedQuery>, EtlError> {
    resolve_to(sets, scope, MAX_RETRIES_IN_A_ROW).await
}

fn resolve_to<'a>(
    sets: &'a SetsInUse,
    scope: &'a RunScope,
    retries_left: usize,
) -> BoxFuture<'a, Result<Vec<ScopedQuery>, EtlError>> {
    Box::pin(async move {
        if !scope.retry_failed_of.is_empty() {
            return failed_of(sets, &scope.retry_failed_of, retries_left).await;
        }
        let mut found = Vec::new();
        if scope.sets_in_use {
            found = sets.queries().await?;
        }
        for (at, query) in scope.queries.iter().enumerate() {
            add(
                &mut found,
                SourcedQuery::parse(&format!("scope.queries[{at}]"), query)?,
                true,
            );
        }
        Ok(found)
    })
}

/// What a run did not achieve: the series and queries that failed; all of its scope when it was cut short.
async fn failed_of(sets: &SetsInUse, run_id: &str, retries_left: usize) -> Result<Vec<ScopedQuery>, EtlError> {
    let request = GetStoredRunRequest { id: run_id.to_owned() };
    let answer = sets.peer.run_store().get_stored_run(request).await;
    let run = answer
        .map_err(|status| EtlError::storage("look up the run to be retried", status))?
        .into_inner()
        .run
        .unwrap_or_default();
    let scope = run.scope.clone().unwrap_or_default();
    let asked = if retries_left > 0 {
        resolve_to(sets, &scope, retries_left - 1).await?
    } else {
        Vec::new()
    };
    if was_cut_short(&run) {
        return Ok(asked);
    }
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRunResultsRequest {
            run_id: run_id.to_owned(),
            page_size: RESULTS_PAGE,
            page_token,
            failures_only: true,
        };
        let page = sets
            .peer
            .results()
            .list_run_results(request)
            .await
            .map_err(|status| EtlError::storage("list the results of the run", status))?
            .into_inner();
        for result in &page.results {
            if let Some(again) = result.series.as_ref().and_then(|series| again(series, &asked)) {
                add(&mut found, again.asked, again.forecast);
            }
        }
        if page.next_page_token.is_empty() || found.len() >= MAX_RUN_QUERIES {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// Whether a run ended before each of its series was tried.
fn was_cut_short(run: &Run) -> bool {
    let tried = run.series_done + run.series_failed;
    run.state() == RunState::Failed && (run.series_total == 0 || tried < run.series_total)
}

/// How a failed series is asked for again: with the step and the wish for a forecast of the query that gave it.
fn again(series: &Series, asked: &[ScopedQuery]) -> Option<ScopedQuery> {
    let query = query_of(series)?;
    // Who named no source meant the default one, which series name.
    let of_source = |one: &&ScopedQuery| one.asked.source.is_empty() || one.asked.source == series.source;
    let same_text = |one: &&ScopedQuery| one.asked.query.text() == query.text();
    if let Some(same) = asked.iter().filter(of_source).find(same_text) {
        return Some(same.clone());
    }
    let labels = sla_proto::convert::labels(series);
    let mut givers = asked
        .iter()
        .filter(of_source)
        .filter(|one| matches!(&one.asked.query, ReadQuery::Selector(selector) if selector.matches(&labels)))
        .peekable();
    let forecast = givers.peek().is_none() || givers.any(|giver| giver.forecast);
    let source = series.source.clone();
    Some(ScopedQuery {
        asked: SourcedQuery { source, query },
        forecast,
    })
}

/// The query that reads exactly this series (of an expression, or of a query that named no series: all its series).
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
            ..Query::default()
        },
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use sla_proto::series::v1::Label;

    use super::*;

    fn selector(text: &str) -> Query {
        Query {
            query: Some(query::Query::Selector(text.into())),
            ..Query::default()
        }
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
    fn what_failed_is_asked_for_as_it_was_asked_before() {
        let expression = |text: &str, step_ms| Query {
            query: Some(query::Query::Expression(text.into())),
            step_ms,
            ..Query::default()
        };
        let mut asked = Vec::new();
        add(
            &mut asked,
            SourcedQuery::parse("q", &expression("sum(up)", 5_000)).unwrap(),
            false,
        );
        add(
            &mut asked,
            SourcedQuery::parse("q", &selector("up{job='a'}")).unwrap(),
            false,
        );
        let of_query = |text: &str| Series {
            expression: text.into(),
            ..Series::default()
        };
        assert_eq!(again(&of_query("sum(up)"), &asked).unwrap(), asked[0]);
        assert_eq!(
            again(&of_query("up{job=\"a\"}"), &asked).unwrap(),
            asked[1],
            "a selector stays one"
        );
        let mut series = Series::default();
        for (name, value) in [("__name__", "up"), ("job", "a"), ("instance", "x")] {
            series.labels.push(Label {
                name: name.into(),
                value: value.into(),
            });
        }
        let found = again(&series, &asked).unwrap();
        assert_eq!(
            (found.asked.query.text(), found.forecast),
            ("up{instance=\"x\",job=\"a\"}", false)
        );
        assert!(again(&series, &[]).unwrap().forecast);
    }

    #[test]
    fn a_run_that_was_cut_short_is_told_from_one_that_tried_everything() {
        let run = |state: RunState, series_total, series_done, series_failed| Run {
            state: state.into(),
            series_total,
            series_done,
            series_failed,
            ..Run::default()
        };
        assert!(was_cut_short(&run(RunState::Failed, 0, 0, 0)));
        assert!(was_cut_short(&run(RunState::Failed, 9, 3, 1)));
        assert!(!was_cut_short(&run(RunState::Failed, 9, 0, 9)));
        assert!(!was_cut_short(&run(RunState::Partial, 9, 3, 6)));
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
