//! Statistics, metadata and forecast as a table.

use sla_domain::{Unit, quantity};
use sla_proto::convert;
use sla_proto::result::v1::SeriesResult;
use sla_proto::result::v1::series_result::Outcome;

use crate::command::table::table;

/// A row a window, a block a series.
pub(super) fn of_results(results: &[SeriesResult]) -> String {
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
