//! What is on the first screen in words, and as a file.

use std::fmt::Write as _;

use serde_json::{Map, json};
use sla_domain::Unit;
use sla_proto::violation::v1::Violation;

use super::history::{History, Key};
use super::rows::{Kind, NowRow};
use crate::context::{Context, wire};
use crate::format::{duration, number, percent};
use crate::say;
use crate::screens::table_file::TableFile;
use crate::screens::trust;

/// `15:19:14–open  22m  above 4  worst 6.09 (+2.09)  88 samples`.
pub(super) fn violation(cx: &Context, v: &Violation) -> String {
    let now = cx.data_now_ms();
    let start = wire::ms(v.start.as_ref()).unwrap_or_default();
    let end = wire::ms(v.end.as_ref());
    let until = end.map_or_else(|| say::now::open().to_owned(), |t| cx.zone.clock(t));
    let side = wire::side_word(v.side());
    let unit = v.series.as_ref().map_or(Unit::PLAIN, wire::judged_unit);
    say::now::worst(
        &cx.zone.moment(start, now),
        &until,
        &duration(end.unwrap_or(now) - start),
        &side,
        &number(v.bound, unit),
        &number(v.worst, unit),
        &number(v.excess, unit),
        &say::counts::samples(&v.samples),
    )
}

/// The chosen row: what, since when, how often in the longest window.
pub(super) fn row(cx: &Context, history: &History, row: &NowRow) -> String {
    let mut out = row.title();
    if row.folded > 0 {
        return say::now::space_lists_them(&out);
    }
    let mut told = history.violations(&row.key).iter();
    let open = row.open.as_deref().or_else(|| told.find(|v| v.end.is_none()));
    match (row.kind, open) {
        (Kind::LostViolated, Some(open)) => {
            let since = wire::ms(open.start.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
            let newest = row.silent_ms.map_or_else(
                || row.why.as_str().to_owned(),
                |at| say::reasons::newest_sample(&cx.zone.clock(at), &duration(cx.data_now_ms() - at)),
            );
            let _ = write!(out, "{}", say::now::violated_when_last_seen(&since, &newest));
        }
        (Kind::Violated, Some(open)) => {
            let since = wire::ms(open.start.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
            let side = wire::side_word(open.side());
            let _ = write!(
                out,
                "{}",
                say::now::since_worst(
                    &side,
                    &number(open.bound, row.unit),
                    &since,
                    &number(open.worst, row.unit)
                )
            );
        }
        _ => {
            let _ = write!(out, ": {}", wire::with_reason(row.mark.word(), row.why.as_str()));
        }
    }
    // What was violated when last seen is not known to have been so since.
    let until_ms = row.silent_ms.unwrap_or_else(|| cx.data_now_ms());
    out + &past(cx, history, &row.key, until_ms, row.good)
}

/// `; 3 times in 12h, 1h07m, 90.60 % good`.
fn past(cx: &Context, history: &History, key: &Key, until_ms: i64, good: Option<f64>) -> String {
    let now = cx.data_now_ms();
    let window = super::history::past_ms(cx);
    let spans = history.spans(key);
    let good = good.map_or_else(String::new, |share| say::now::good(&percent(share)));
    if spans.is_empty() {
        return good.replacen(',', ";", 1);
    }
    let outside: i64 = spans
        .iter()
        .map(|span| span.end_ms.unwrap_or(until_ms) - span.start_ms.max(now - window))
        .sum();
    let times = say::counts::times(&spans.len());
    let flaps = if spans.iter().any(|span| span.flaps) {
        say::now::flapping()
    } else {
        ""
    };
    say::now::so_often(&times, &duration(window), &duration(outside), &flaps, &good)
}

/// What is expected of the chosen row.
pub(super) fn next(cx: &Context, row: &NowRow) -> Option<String> {
    let outlook = row.outlook.as_deref()?;
    let p = trust::probability(outlook)?;
    let leaves = if row.kind == Kind::Violated {
        say::now::stays_outside()
    } else {
        say::now::leaves_its_range()
    };
    Some(say::now::next_that_it(
        &duration(trust::horizon_ms(cx, outlook)),
        &p,
        &leaves,
        &trust::words(outlook),
    ))
}

/// Who takes care of the chosen row, or wants to hear nothing of it.
pub(super) fn care(cx: &Context, row: &NowRow) -> Option<String> {
    let care = row.care.as_ref()?;
    Some(match care.until_ms {
        None => say::now::takes_care_until_it(&care.author),
        Some(until_ms) => say::now::silent_until(&cx.zone.moment(until_ms, cx.data_now_ms()), &care.author),
    })
}

/// The instances as a file.
pub(super) fn export(rows: &[NowRow]) -> TableFile {
    let rows = rows.iter().filter(|row| row.folded == 0).map(|row| {
        json!({
            "objective": row.what.as_str(), "set": row.set.as_str(), "series": wire::series_promql(&row.series),
            "state": row.mark.key(), "now": row.now, "min": row.range.min, "max": row.range.max,
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
