//! `sla metrics --stored`: what runs have stored, without asking the source; and what is shown while the source is away.

use color_eyre::eyre::Report;
use prost_types::Timestamp;
use sla_domain::{Clock as _, SafeText, SystemClock, duration, instant};
use sla_proto::retrieval::v1::{ListStoredRowsRequest, StoredRow};
use sla_proto::series::v1::Query;
use sla_proto::{Peer, convert};
use sla_views::SeriesResult;

use super::words::of_results;
use crate::exit::Exit;
use crate::output;

/// Rows of one page.
const PAGE: u32 = 500;
/// Series shown at most.
const MAX_ROWS: usize = 2_000;

/// Prints what is stored about the series these queries mean; all that is stored without any.
pub(super) async fn show(peer: &Peer, queries: &[Query], source: &str, as_json: bool) -> Result<Exit, Report> {
    let rows = rows(peer, queries, source).await?;
    if as_json {
        output::print_json(&rows.iter().map(SeriesResult::from).collect::<Vec<_>>());
    } else if rows.is_empty() {
        output::print("no run has stored a result of such a series; `sla run` starts one");
    } else {
        output::print(&text(&rows));
    }
    Ok(if rows.is_empty() { Exit::NO_DATA } else { Exit::OK })
}

/// All rows, in the order of their labels.
pub(super) async fn rows(peer: &Peer, queries: &[Query], source: &str) -> Result<Vec<StoredRow>, Report> {
    let mut rows = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListStoredRowsRequest {
            queries: queries.to_vec(),
            page_size: PAGE,
            page_token,
            source: source.to_owned(),
        };
        let page = peer.retrieval().list_stored_rows(request).await?.into_inner();
        rows.extend(page.rows);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(rows);
        }
        if rows.len() >= MAX_ROWS {
            let (shown, total) = (rows.len(), page.total);
            output::remark(&format!(
                "{shown} of {total} series are shown; name a selector for fewer"
            ));
            return Ok(rows);
        }
    }
}

/// The table of figures, and above it how old they are.
pub(super) fn text(rows: &[StoredRow]) -> String {
    let now_ms = SystemClock.now_ms();
    let ages = rows.iter().filter_map(|row| {
        let stored = [&row.statistics_as_of, &row.metadata_as_of, &row.forecast_as_of];
        stored.into_iter().flatten().map(convert::millis).max()
    });
    let (newest, oldest) = (ages.clone().max(), ages.min());
    let told = |at_ms: Option<i64>| at_ms.map_or_else(|| "–".to_owned(), |at_ms| age(at_ms, now_ms));
    let results: Vec<_> = rows.iter().filter_map(|row| row.result.clone()).collect();
    format!(
        "stored results; newest {}, oldest {}\n{}",
        told(newest),
        told(oldest),
        of_results(&results)
    )
}

/// "2026-01-31T12:00:00Z (5m ago)".
pub(super) fn age(at_ms: i64, now_ms: i64) -> String {
    let ago = duration::format_short_ms(now_ms.saturating_sub(at_ms).max(0));
    format!("{} ({ago} ago)", instant::format_ms(at_ms))
}

/// What a command shows that found nothing because the source is away: the stored results, said to be such.
pub(super) async fn instead(peer: &Peer, queries: &[Query], as_json: bool) -> Result<(), Report> {
    // JSON of a command that found nothing stays an empty answer: readers ask for stored ones.
    if as_json {
        return Ok(());
    }
    let rows = rows(peer, queries, "").await?;
    if !rows.is_empty() {
        output::print(&text(&rows));
    }
    Ok(())
}

/// A time of a message as text, or a dash.
pub(super) fn at(time: Option<&Timestamp>) -> SafeText {
    let text = time.map_or_else(|| "–".to_owned(), |time| instant::format_ms(convert::millis(time)));
    SafeText::new(&text)
}
