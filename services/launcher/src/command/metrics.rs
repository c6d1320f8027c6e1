//! `sla metrics`: statistics of each window, metadata and forecast of the series that match; live, or as runs stored them.

mod history;
mod stored;

use std::collections::HashSet;

use color_eyre::eyre::Report;
use serde_json::Value;
use sla_domain::{Query, SafeText, Unit, quantity};
use sla_proto::etl::v1::AnalyzeSeriesRequest;
use sla_proto::result::v1::SeriesResult;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::series::v1::Query as WiredQuery;
use sla_proto::set::v1::ListSetsRequest;
use sla_proto::{Peer, convert};

use super::away::instant_asked;
use super::table::table;
use super::{Session, away, json};
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
    let mut problem = None;
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
            problem = answer
                .source
                .map(|source| source.problem)
                .filter(|problem| !problem.is_empty())
                .or(problem);
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
        output::print_json(&Value::from(
            results.iter().map(json::series_result).collect::<Vec<_>>(),
        ));
    } else {
        output::print(&words(&results));
    }
    if let Some(problem) = problem {
        output::remark(&format!("the source: {}", SafeText::new(&problem)));
    }
    if results.is_empty() {
        return away::nothing(&peer).await;
    }
    Ok(Exit::OK)
}

/// The queries of all active sets, each once.
async fn queries_in_use(peer: &Peer) -> Result<Vec<WiredQuery>, Report> {
    let sets = peer.sets().list_sets(ListSetsRequest {}).await?.into_inner().sets;
    let mut seen = HashSet::new();
    let queries = sets.into_iter().filter(|set| set.active).flat_map(|set| set.objectives);
    Ok(queries
        .filter_map(|objective| objective.query)
        .filter(|query| seen.insert(convert::query_text(query).to_owned()))
        .collect())
}

fn words(results: &[SeriesResult]) -> String {
    if results.is_empty() {
        return "no series matches, or it had no samples in the last hours".to_owned();
    }
    let head = [
        "SERIES",
        "WINDOW",
        "N>",
        "LAST>",
        "MIN>",
        "MEAN>",
        "MAX>",
        "STD>",
        "P95>",
        "WHAT IT IS",
    ];
    let mut rows = Vec::new();
    for result in results {
        let series = result.series.clone().unwrap_or_default();
        let labels = convert::labels(&series);
        let name = labels.to_string();
        let analysis = match &result.outcome {
            Some(Outcome::Analysis(analysis)) => analysis,
            Some(Outcome::Failure(failure)) => {
                rows.push(vec![name, failure.message.clone()]);
                continue;
            }
            None => continue,
        };
        // Counters are read as rates; their own value is in the JSON.
        let rate = analysis.rate.as_ref();
        let unit = Unit::guess(labels.metric_name(), rate.is_some());
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| quantity::short(value, unit));
        let windows = rate.map_or(&analysis.windows, |rate| &rate.windows);
        let last = if rate.is_some() {
            analysis.last_rate.as_ref()
        } else {
            analysis.last.as_ref()
        };
        for (at, window) in windows.iter().enumerate() {
            rows.push(vec![
                if at == 0 { name.clone() } else { String::new() },
                sla_domain::duration::format_ms(window.window_ms),
                window.n.to_string(),
                if at == 0 {
                    shown(last.map(|last| last.value))
                } else {
                    String::new()
                },
                shown(window.min),
                shown(window.mean),
                shown(window.max),
                shown(window.std),
                shown(window.p95),
                if at == 0 { nature(analysis, unit) } else { String::new() },
            ]);
        }
    }
    table(&head, &rows)
}

/// What kind of series it is and what is expected of it, in a few words.
fn nature(analysis: &sla_proto::result::v1::Analysis, unit: Unit) -> String {
    let mut words = Vec::new();
    if analysis.rate.is_some() {
        words.push("rate/s".to_owned());
    }
    if let Some(metadata) = &analysis.metadata {
        if let Some(test) = &metadata.stationarity {
            let word = if test.stationary {
                "stationary"
            } else {
                "not stationary"
            };
            words.push(format!("{word} (p {:.3})", test.p_value));
        }
        match metadata.seasonality.as_ref().map(|season| season.period_ms) {
            Some(0) => words.push("no season".to_owned()),
            Some(period_ms) => words.push(format!("season {}", sla_domain::duration::format_ms(period_ms))),
            None => {}
        }
        words.extend(metadata.notes.first().cloned());
    }
    if let Some(coming) = analysis.forecast.as_ref().and_then(convert::forecast_summary) {
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| quantity::short(value, unit));
        words.push(format!(
            "coming {} / {} / {}",
            shown(coming.min),
            shown(coming.mean),
            shown(coming.max)
        ));
    }
    words.join(", ")
}
