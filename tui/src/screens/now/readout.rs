//! What is on the first screen in words, and as a file.

use std::fmt::Write as _;

use serde_json::{Map, json};
use sla_domain::Unit;
use sla_proto::violation::v1::Violation;

use super::history::{History, Key};
use super::rows::{Kind, NowRow};
use crate::context::{Context, wire};
use crate::format::{duration, number, percent, plural};
use crate::screens::table_file::TableFile;
use crate::screens::trust;

/// `15:19:14–open  22m  above 4  worst 6.09 (+2.09)  88 samples`.
pub(super) fn violation(cx: &Context, v: &Violation) -> String {
    let now = cx.data_now_ms();
    let start = wire::ms(v.start.as_ref()).unwrap_or_default();
    let end = wire::ms(v.end.as_ref());
    let until = end.map_or_else(|| "open".to_owned(), |t| cx.zone.clock(t));
    let side = wire::side_word(v.side());
    let unit = v.series.as_ref().map_or(Unit::PLAIN, wire::judged_unit);
    format!(
        "{}–{until}  {}  {side} {}  worst {} (+{})  {}",
        cx.zone.moment(start, now),
        duration(end.unwrap_or(now) - start),
        number(v.bound, unit),
        number(v.worst, unit),
        number(v.excess, unit),
        plural(v.samples, "sample")
    )
}

/// The chosen row: what, since when, how often in the longest window.
pub(super) fn row(cx: &Context, history: &History, row: &NowRow) -> String {
    let mut out = row.title();
    if row.folded > 0 {
        return format!("{out}: Space lists them");
    }
    let mut told = history.violations(&row.key).iter();
    let open = row.open.as_ref().or_else(|| told.find(|v| v.end.is_none()));
    match (row.kind, open) {
        (Kind::LostViolated, Some(open)) => {
            let since = wire::ms(open.start.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
            let _ = write!(out, ": violated when last seen, since {since}; {}", row.why);
        }
        (Kind::Violated, Some(open)) => {
            let since = wire::ms(open.start.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
            let side = wire::side_word(open.side());
            let _ = write!(
                out,
                ": {side} {} since {since}, worst {}",
                number(open.bound, row.unit),
                number(open.worst, row.unit)
            );
        }
        _ => {
            let _ = write!(out, ": {}", wire::with_reason(row.mark.word, row.why.as_str()));
        }
    }
    out + &past(cx, history, &row.key, row.good)
}

/// `; 3 times in 12h, 1h07m, 90.60 % good`.
fn past(cx: &Context, history: &History, key: &Key, good: Option<f64>) -> String {
    let now = cx.data_now_ms();
    let window = super::history::past_ms(cx);
    let spans = history.spans(key);
    let good = good.map_or_else(String::new, |share| format!(", {} good", percent(share)));
    if spans.is_empty() {
        return good.replacen(',', ";", 1);
    }
    let outside: i64 = spans
        .iter()
        .map(|span| span.end_ms.unwrap_or(now) - span.start_ms.max(now - window))
        .sum();
    let times = plural(spans.len() as u64, "time");
    let flaps = if spans.iter().any(|span| span.flaps) {
        ", flapping"
    } else {
        ""
    };
    format!("; {times} in {}, {}{flaps}{good}", duration(window), duration(outside))
}

/// What is expected of the chosen row.
pub(super) fn next(cx: &Context, row: &NowRow) -> Option<String> {
    let outlook = row.outlook.as_ref()?;
    let p = trust::probability(outlook)?;
    let leaves = if row.kind == Kind::Violated {
        "stays outside"
    } else {
        "leaves its range"
    };
    Some(format!(
        "next {}: {p} that it {leaves}   {}",
        duration(trust::horizon_ms(cx, outlook)),
        trust::words(outlook)
    ))
}

/// The instances as a file.
pub(super) fn export(rows: &[NowRow]) -> TableFile {
    let rows = rows.iter().filter(|row| row.folded == 0).map(|row| {
        json!({
            "objective": row.what.as_str(), "set": row.set.as_str(), "series": wire::series_promql(&row.series),
            "state": row.mark.word, "now": row.now, "min": row.range.min, "max": row.range.max,
            "probability": row.outlook.as_ref().and_then(|o| o.probability),
        })
    });
    TableFile {
        columns: "objective,set,series,state,now,min,max,probability",
        name: "rows",
        rows: rows.collect(),
        beside: Map::new(),
    }
}
