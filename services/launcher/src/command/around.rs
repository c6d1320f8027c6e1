//! `sla around`: what else moved around an instant.

use color_eyre::eyre::Report;
use serde_json::{Value, json};
use sla_domain::{Query, SafeText, Unit, duration, instant, quantity};
use sla_proto::convert;
use sla_proto::retrieval::v1::{ListMovedRequest, ListMovedResponse, MovedKind, MovedSeries};
use sla_proto::series::v1::Series;
use tonic::Code;

use super::Session;
use super::away::{self, instant_asked};
use super::table::table;
use crate::cli::AroundArgs;
use crate::exit::Exit;
use crate::output;

/// Asks and prints.
pub(crate) async fn around(session: &Session, arguments: &AroundArgs) -> Result<Exit, Report> {
    let text = arguments.selector.as_str();
    let query = Query::parse(text).map_err(|error| error.into_invalid("selector", text))?;
    let mut query = convert::query_message(&query, 0);
    query.source = arguments.source.clone().unwrap_or_default();
    let request = ListMovedRequest {
        query: Some(query),
        at: instant_asked(&arguments.at)?.map(convert::timestamp),
        span_ms: arguments.span.ms(),
        max_rows: arguments.rows,
        ..ListMovedRequest::default()
    };
    let peer = session.peer().await?;
    let answer = match peer.retrieval().list_moved(request).await {
        Ok(answer) => answer.into_inner(),
        // As everywhere: what matches nothing has no data, unless the source is away.
        Err(status) if status.code() == Code::NotFound => {
            if session.global.json {
                output::print_json(&json_of(&ListMovedResponse::default()));
            } else {
                output::remark(&away::no_series(None, "the last hours"));
            }
            return away::nothing(&peer).await;
        }
        Err(status) => return Err(status.into()),
    };
    if session.global.json {
        output::print_json(&json_of(&answer));
    } else {
        print(&answer);
    }
    for problem in &answer.problems {
        output::remark(SafeText::new(problem).as_str());
    }
    Ok(if answer.tested == 0 { Exit::NO_DATA } else { Exit::OK })
}

fn kind_word(kind: MovedKind) -> &'static str {
    match kind {
        MovedKind::Level | MovedKind::Unspecified => "level",
        MovedKind::Spread => "spread",
        MovedKind::Rate => "rate",
        MovedKind::Silence => "silence",
    }
}

fn name(series: Option<&Series>) -> String {
    match series {
        Some(series) if series.expression.is_empty() => convert::labels(series).to_string(),
        Some(series) => series.expression.clone(),
        None => String::new(),
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn json_of(answer: &ListMovedResponse) -> Value {
    let time = |at: &prost_types::Timestamp| instant::format_ms(convert::millis(at));
    let row = |row: &MovedSeries| {
        json!({
            "series": name(row.series.as_ref()), "kind": kind_word(row.kind()), "size": row.size, "p": row.p,
            "before": row.before, "after": row.after, "rate": row.rate, "onset_s": row.onset_ms.map(seconds),
            "lag_s": row.lag_ms.map(seconds), "correlation": row.correlation,
        })
    };
    json!({
        "series": name(answer.series.as_ref()), "at": answer.at.as_ref().map(time), "span_s": seconds(answer.span_ms),
        "past_s": seconds(answer.past_ms), "rows": answer.rows.iter().map(row).collect::<Vec<_>>(),
        "moved": answer.moved, "tested": answer.tested, "untested": answer.untested, "left_out": answer.left_out,
        "false_share": answer.false_share, "proven_first_three": answer.proven_first_three,
        "proven_first_five": answer.proven_first_five, "read_ms": answer.read_ms, "rank_ms": answer.rank_ms,
        "problems": answer.problems,
    })
}

fn print(answer: &ListMovedResponse) {
    let question = SafeText::new(&name(answer.series.as_ref())).into_string();
    let counted = format!(
        "{} series held against {} of their own past; {} not known long enough; {} left out",
        answer.tested,
        duration::format_ms(answer.past_ms),
        answer.untested,
        answer.left_out
    );
    if answer.rows.is_empty() {
        let verdict = match answer.tested {
            0 => "What else changed around it is unknown",
            _ => "Nothing else changed around it",
        };
        output::print(&format!("{verdict}: {counted}."));
        return;
    }
    let rows: Vec<Vec<String>> = answer.rows.iter().map(cells).collect();
    let head = ["SERIES", "MOVED", "BEFORE>", "AFTER>", "FIRST>", "LAG>", "SIZE>"];
    output::print(&table(&head, &rows));
    output::remark(&format!(
        "{} moved with {question} ({counted}). {}",
        answer.moved,
        proven(answer)
    ));
}

/// How often such a list has been right.
fn proven(answer: &ListMovedResponse) -> String {
    match (answer.proven_first_three, answer.proven_first_five) {
        (Some(three), Some(five)) => format!(
            "Of seeded incidents the culprit stood among the first three in {:.0} %, the first five in {:.0} %; which one it \
             is here, the list cannot know.",
            three * 100.0,
            five * 100.0
        ),
        _ => "How often such a list is right is not proven for so short a past.".to_owned(),
    }
}

/// A row of the table: levels in the series' own unit, the rest plain.
fn cells(row: &MovedSeries) -> Vec<String> {
    let labels = row.series.iter().flat_map(|series| &series.labels);
    let metric = labels
        .filter(|label| label.name == "__name__")
        .map(|label| label.value.as_str())
        .next();
    let unit = match row.kind() {
        MovedKind::Level | MovedKind::Unspecified => Unit::declared("", metric.unwrap_or_default(), row.rate),
        _ => Unit::PLAIN,
    };
    vec![
        SafeText::new(&name(row.series.as_ref())).into_string(),
        kind_word(row.kind()).to_owned(),
        quantity::short(row.before, unit),
        quantity::short(row.after, unit),
        row.onset_ms.map_or_else(String::new, signed),
        row.lag_ms.map_or_else(String::new, signed),
        format!("{:.0}", row.size),
    ]
}

/// `-2m`, `+1m`.
fn signed(ms: i64) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    format!("{sign}{}", duration::format_ms(ms.abs()))
}
