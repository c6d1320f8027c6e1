//! `sla violations`: per objective and window, or the ledger.

use color_eyre::eyre::Report;
use sla_domain::{Unit, duration, instant, quantity};
use sla_proto::violation::v1::{ListViolationsRequest, ObjectiveStatus, Violation, WindowResult};
use sla_proto::{Peer, convert};
use sla_views::{self as views, side_word, state_word};

use super::away::instant_asked;
use super::standing::standing;
use super::table::table;
use super::{Session, away, violating};
use crate::cli::ViolationsArgs;
use crate::exit::Exit;
use crate::output;

/// Rows of one page of the ledger.
const PAGE_ROWS: u32 = 500;
/// Rows of the ledger printed at most.
const MAX_ROWS: usize = 10_000;

/// Prints one of the two views.
pub(crate) async fn violations(session: &Session, arguments: &ViolationsArgs) -> Result<Exit, Report> {
    let at = instant_asked(&arguments.at)?;
    let peer = session.peer().await?;
    if arguments.samples {
        violating::samples(session, arguments, at, &peer).await
    } else if arguments.ledger {
        ledger(session, arguments, at, &peer).await
    } else {
        windows(session, arguments, at, &peer).await
    }
}

async fn windows(session: &Session, arguments: &ViolationsArgs, at: Option<i64>, peer: &Peer) -> Result<Exit, Report> {
    let standing = standing(peer, arguments.set.as_deref().unwrap_or_default(), at).await?;
    let objectives = &standing.objectives;
    if session.global.json {
        output::print_json(&objectives.iter().map(views::ObjectiveStatus::from).collect::<Vec<_>>());
    } else {
        output::print(&window_table(objectives));
    }
    away::remark(standing.source.as_ref());
    if objectives.is_empty() {
        return away::nothing(peer).await;
    }
    if objectives.iter().flat_map(|status| &status.windows).all(is_unknown) {
        if !session.global.json {
            output::print("\nNothing is known of these windows now. Of violations stored before:\n");
            ledger(session, arguments, at, peer).await?;
        }
        return Ok(Exit::NO_DATA);
    }
    Ok(Exit::OK)
}

/// Nothing at all was seen: that is neither a violation nor the absence of one.
fn is_unknown(window: &WindowResult) -> bool {
    window.covered_ms == 0 && window.samples == 0
}

fn window_table(objectives: &[ObjectiveStatus]) -> String {
    let Some(first) = objectives.first() else {
        return "no objective has been judged yet".to_owned();
    };
    let spans: Vec<String> = first
        .windows
        .iter()
        .map(|window| duration::format_ms(window.window_ms))
        .collect();
    let mut head = vec!["OBJECTIVE".to_owned(), "STATE".to_owned()];
    for span in &spans {
        head.extend([format!("{span}>"), "TIME>".to_owned(), "GOOD>".to_owned()]);
    }
    let rows: Vec<Vec<String>> = objectives
        .iter()
        .map(|status| {
            let name = status
                .objective
                .as_ref()
                .map(|objective| objective.name.clone())
                .unwrap_or_default();
            let mut row = vec![name, state_word(status.state()).to_owned()];
            for window in &status.windows {
                if is_unknown(window) {
                    row.extend(["–".to_owned(), "–".to_owned(), "no data".to_owned()]);
                    continue;
                }
                row.push(window.violations.to_string());
                row.push(duration::format_short_ms(window.violated_ms));
                row.push(
                    window
                        .percent_good
                        .map_or_else(|| "no data".to_owned(), |good| format!("{good:.3} %")),
                );
            }
            row
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let note = "Each window counts everything inside it: never add counts of different windows.";
    format!("{}{note}", table(&head, &rows))
}

async fn ledger(session: &Session, arguments: &ViolationsArgs, at: Option<i64>, peer: &Peer) -> Result<Exit, Report> {
    let until_ms = at.unwrap_or_else(|| sla_domain::Clock::now_ms(&sla_domain::SystemClock));
    let mut request = ListViolationsRequest {
        set: arguments.set.clone().unwrap_or_default(),
        after: Some(convert::timestamp(until_ms - arguments.since.ms())),
        until: Some(convert::timestamp(until_ms)),
        open_only: arguments.open,
        with_retired: arguments.retired,
        page_size: PAGE_ROWS,
        ..ListViolationsRequest::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = peer.violations().list_violations(request.clone()).await?.into_inner();
        rows.extend(page.violations);
        if page.next_page_token.is_empty() || rows.len() >= MAX_ROWS {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if session.global.json {
        output::print_json(&rows.iter().map(views::Violation::from).collect::<Vec<_>>());
    } else {
        output::print(&ledger_table(&rows));
    }
    if rows.len() >= MAX_ROWS {
        output::remark(&format!("only the newest {MAX_ROWS} are shown; narrow --since"));
    }
    Ok(Exit::OK)
}

fn ledger_table(rows: &[Violation]) -> String {
    if rows.is_empty() {
        return "no violation is recorded in that time".to_owned();
    }
    let head = [
        "START", "END", "FOR>", "SIDE", "WORST>", "EXCESS>", "SAMPLES>", "SERIES",
    ];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|violation| {
            let series = violation.series.clone().unwrap_or_default();
            let labels = convert::labels(&series);
            let unit = Unit::judged(labels.metric_name(), false);
            let when = |time: Option<&prost_types::Timestamp>| {
                time.map_or_else(|| "open".to_owned(), |time| instant::format_ms(convert::millis(time)))
            };
            vec![
                when(violation.start.as_ref()),
                when(violation.end.as_ref()),
                duration::format_short_ms(violation.duration_ms),
                side_word(violation.side()).to_owned(),
                quantity::short(violation.worst, unit),
                quantity::short(violation.excess, unit),
                violation.samples.to_string(),
                labels.to_string(),
            ]
        })
        .collect();
    table(&head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_ledger_is_said_in_words() {
        assert!(ledger_table(&[]).contains("no violation"));
        assert!(window_table(&[]).contains("no objective"));
    }
}
