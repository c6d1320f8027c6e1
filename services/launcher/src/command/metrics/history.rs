//! `sla metrics --history 7d`: how each statistic of a series went over the runs that stored it.

use color_eyre::eyre::Report;
use sla_domain::{Clock as _, SystemClock, Unit, duration, quantity};
use sla_proto::result::v1::WindowStatistics;
use sla_proto::result::v1::series_result::Outcome;
use sla_proto::retrieval::v1::{GetSeriesHistoryRequest, GetSeriesHistoryResponse, HistoryEntry};
use sla_proto::series::v1::Query;
use sla_proto::{Peer, convert};
use sla_views::SeriesHistory;

use super::super::table::table;
use super::stored;
use crate::exit::Exit;
use crate::output;

/// Series whose history is shown at most.
const MAX_SERIES: usize = 20;
/// Columns of a sparkline.
const SPARK_COLUMNS: usize = 32;
/// From nothing to full.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One statistic: its name and how it is read.
type Statistic = (&'static str, fn(&WindowStatistics) -> Option<f64>);

const STATISTICS: [Statistic; 7] = [
    ("min", |window| window.min),
    ("mean", |window| window.mean),
    ("median", |window| window.median),
    ("max", |window| window.max),
    ("std", |window| window.std),
    ("p95", |window| window.p95),
    ("p99", |window| window.p99),
];

/// Prints the history of the series these queries mean.
pub(super) async fn show(
    peer: &Peer,
    queries: &[Query],
    source: &str,
    back_ms: i64,
    as_json: bool,
) -> Result<Exit, Report> {
    let until_ms = SystemClock.now_ms();
    let mut rows = stored::rows(peer, queries, source).await?;
    if rows.len() > MAX_SERIES {
        let total = rows.len();
        output::remark(&format!(
            "the history of {MAX_SERIES} of {total} series is shown; name a selector for fewer"
        ));
        rows.truncate(MAX_SERIES);
    }
    let mut histories = Vec::new();
    for series in rows.into_iter().filter_map(|row| row.result?.series) {
        let request = GetSeriesHistoryRequest {
            series_id: series.id.clone(),
            after: Some(convert::timestamp(until_ms - back_ms)),
            until: Some(convert::timestamp(until_ms)),
        };
        let mut history = peer.retrieval().get_series_history(request).await?.into_inner();
        history.series.get_or_insert(series);
        histories.push(history);
    }
    let found = histories.iter().any(|history| !history.entries.is_empty());
    if as_json {
        output::print_json(&histories.iter().map(SeriesHistory::from).collect::<Vec<_>>());
    } else if found {
        output::print(&histories.iter().map(text).collect::<String>());
    } else {
        output::print("no run has stored a result of such a series in that time");
    }
    Ok(if found { Exit::OK } else { Exit::NO_DATA })
}

/// The windows of one run's result: of the rate for a counter, as people read it.
fn windows(entry: &HistoryEntry) -> &[WindowStatistics] {
    match entry.result.as_ref().and_then(|result| result.outcome.as_ref()) {
        Some(Outcome::Analysis(analysis)) => match &analysis.rate {
            Some(rate) => &rate.windows,
            None => &analysis.windows,
        },
        _ => &[],
    }
}

fn text(history: &GetSeriesHistoryResponse) -> String {
    let series = history.series.clone().unwrap_or_default();
    let labels = convert::labels(&series);
    let is_rate = series.kind() == sla_proto::series::v1::SeriesKind::Counter;
    let unit = Unit::guess(labels.metric_name(), is_rate);
    let mut lengths_ms: Vec<i64> = history
        .entries
        .iter()
        .flat_map(windows)
        .map(|window| window.window_ms)
        .collect();
    lengths_ms.sort_unstable();
    lengths_ms.dedup();
    let mut rows = Vec::new();
    for window_ms in lengths_ms {
        for (name, of) in STATISTICS {
            let values: Vec<f64> = history
                .entries
                .iter()
                .filter_map(|entry| of(windows(entry).iter().find(|window| window.window_ms == window_ms)?))
                .collect();
            let (Some(first), Some(last)) = (values.first(), values.last()) else {
                continue;
            };
            let (low, high) = bounds(&values);
            let shown = |value: f64| quantity::short(value, unit);
            rows.push(vec![
                duration::format_ms(window_ms),
                name.to_owned(),
                values.len().to_string(),
                shown(*first),
                shown(*last),
                shown(low),
                shown(high),
                sparkline(&values, SPARK_COLUMNS),
            ]);
        }
    }
    let time = |entry: Option<&HistoryEntry>| stored::at(entry.and_then(|entry| entry.result.as_ref()?.as_of.as_ref()));
    let head = [
        "WINDOW",
        "FIGURE",
        "RUNS>",
        "FIRST>",
        "LAST>",
        "LOWEST>",
        "HIGHEST>",
        "OVER TIME",
    ];
    let cut = if history.truncated { ", older ones left out" } else { "" };
    format!(
        "{}  {} results, {} to {}{cut}\n{}\n",
        sla_domain::SafeText::new(&labels.to_string()),
        history.entries.len(),
        time(history.entries.first()),
        time(history.entries.last()),
        table(&head, &rows)
    )
}

fn bounds(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        })
}

/// Values as blocks, oldest first; several values of one column are one mean.
fn sparkline(values: &[f64], columns: usize) -> String {
    let (low, high) = bounds(values);
    let count = values.len().min(columns).max(1);
    let column = |at: usize| {
        let part = &values[at * values.len() / count..(at + 1) * values.len() / count];
        part.iter().sum::<f64>() / part.len().max(1) as f64
    };
    let block = |value: f64| {
        // A flat line is drawn in the middle.
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        BLOCKS[((share * BLOCKS.len() as f64) as usize).min(BLOCKS.len() - 1)]
    };
    (0..count).map(|at| block(column(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_has_the_shape_of_its_values() {
        assert_eq!(sparkline(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 32), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[5.0, 5.0], 32), "▅▅");
        let ramp: Vec<f64> = (0..640).map(f64::from).collect();
        let drawn = sparkline(&ramp, 32);
        assert_eq!(drawn.chars().count(), 32);
        assert!(drawn.starts_with('▁') && drawn.ends_with('█'), "{drawn}");
    }
}
