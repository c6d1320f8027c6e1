//! `sla metrics`: statistics of each window, metadata and forecast of the series that match; live, or as runs stored them.

mod history;
mod stored;
mod words;

use std::collections::HashSet;

use color_eyre::eyre::Report;
use sla_domain::{Query, SafeText};
use sla_proto::etl::v1::AnalyzeSeriesRequest;
use sla_proto::series::v1::{Query as WiredQuery, SourceStatus};
use sla_proto::{Peer, convert, lists};
use sla_views::SeriesResult;

use super::away::instant_asked;
use super::{Session, away};
use crate::cli::MetricsArgs;
use crate::exit::Exit;
use crate::output;

/// Reads, analyses, prints.
pub(crate) async fn metrics(session: &Session, arguments: &MetricsArgs) -> Result<Exit, Report> {
    let at = instant_asked(&arguments.at)?;
    let selector = arguments
        .selector
        .as_deref()
        .map(|text| Query::parse(text).map_err(|error| error.into_invalid("selector", text)))
        .transpose()?;
    let peer = session.peer().await?;
    let asked = selector.map(|query| WiredQuery {
        source: arguments.source.clone().unwrap_or_default(),
        ..convert::query_message(&query, 0)
    });
    let (given, source) = (asked.as_slice(), arguments.source.as_deref().unwrap_or_default());
    if let Some(back) = arguments.history {
        return history::show(&peer, given, source, back.ms(), session.global.json).await;
    }
    if arguments.stored {
        return stored::show(&peer, given, source, session.global.json).await;
    }
    let queries = match asked {
        Some(query) => vec![query],
        None => queries_in_use(&peer).await?,
    };
    let metadata_windows: Vec<_> = arguments
        .metadata_windows
        .iter()
        .map(|window| convert::duration(window.ms()))
        .collect();
    let mut results = Vec::new();
    let mut seen = HashSet::new();
    let mut status: Option<SourceStatus> = None;
    for query in &queries {
        let request = AnalyzeSeriesRequest {
            query: Some(query.clone()),
            at: at.map(convert::timestamp),
            steps: arguments.steps.clone(),
            metadata_windows: metadata_windows.clone(),
            ..AnalyzeSeriesRequest::default()
        };
        let mut stream = match peer.analysis().analyze_series(request).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => {
                if status.code() == tonic::Code::Unavailable {
                    stored::instead(&peer, &queries, session.global.json).await?;
                }
                return Err(status.into());
            }
        };
        while let Some(answer) = stream.message().await? {
            // The newest word, unless an older one told of a problem.
            let has_problem = status.as_ref().is_some_and(|status| !status.problem.is_empty());
            status = answer
                .source
                .filter(|told| !has_problem || !told.problem.is_empty())
                .or(status);
            let Some(result) = answer.result else { continue };
            let id = result
                .series
                .as_ref()
                .map(|series| series.id.clone())
                .unwrap_or_default();
            if seen.insert(id) {
                results.push(result);
            }
        }
    }
    if session.global.json {
        output::print_json(&results.iter().map(SeriesResult::from).collect::<Vec<_>>());
    } else if results.is_empty() {
        output::print(&away::no_series(at, "the last hours"));
    } else {
        output::print(&words::of_results(&results));
    }
    if status.is_none() {
        status = away::source(&peer).await?;
    }
    away::remark(status.as_ref());
    if let Some(status) = status.filter(|status| !results.is_empty() && !status.problem.is_empty()) {
        output::remark(&format!("the source: {}", SafeText::new(&status.problem)));
    }
    if results.is_empty() {
        return away::nothing(&peer).await;
    }
    Ok(Exit::OK)
}

/// The queries of all active sets, each once.
async fn queries_in_use(peer: &Peer) -> Result<Vec<WiredQuery>, Report> {
    let sets = lists::sets(peer).await?;
    let mut seen = HashSet::new();
    let queries = sets.into_iter().filter(|set| set.active).flat_map(|set| set.objectives);
    Ok(queries
        .filter_map(|objective| objective.query)
        .filter(|query| seen.insert(convert::query_text(query).to_owned()))
        .collect())
}
