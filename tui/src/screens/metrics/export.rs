//! The table and raw samples as files.

use std::fmt::Write as _;

use sla_domain::quantity::bare;
use sla_proto::retrieval::v1::ExportSamplesResponse;

use super::rows::SeriesRow;
use crate::context::wire::{self, Labelled as _};
use crate::format::iso;

/// The table as CSV or JSON: exact numbers, times in UTC.
pub(super) fn table(rows: &[&SeriesRow], window_ms: i64, as_of_ms: Option<i64>, csv: bool) -> String {
    let as_of = as_of_ms.map(iso);
    if csv {
        let mut out = String::from("series,state,last,min,mean,max,std\n");
        for row in rows {
            let series = row.series.promql().replace('"', "\"\"");
            let number = |value: Option<f64>| value.filter(|v| v.is_finite()).map_or_else(String::new, bare);
            let _ = writeln!(
                out,
                "\"{series}\",{},{},{},{},{},{}",
                row.state.map_or("", |s| s.ranked().0),
                number(row.last),
                number(row.min),
                number(row.mean),
                number(row.max),
                number(row.std)
            );
        }
        return out;
    }
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            let labels: serde_json::Map<String, serde_json::Value> = row
                .series
                .labels()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            serde_json::json!({
                "labels": labels, "state": row.state.map(|s| s.ranked().0), "last": row.last, "rate": row.rate,
                "min": row.min, "mean": row.mean, "max": row.max, "std": row.std,
                "stationary": row.stationary, "season_s": row.season_ms.map(|ms| ms as f64 / 1000.0),
            })
        })
        .collect();
    serde_json::json!({"window_s": window_ms / 1000, "as_of": as_of, "series": rows}).to_string()
}

/// Raw samples as CSV or JSON.
pub(super) fn samples(samples: &ExportSamplesResponse, csv: bool) -> String {
    let series = samples.series.as_ref().map(wire::series_promql).unwrap_or_default();
    let pairs = samples.times_ms.iter().zip(&samples.values);
    if csv {
        let mut out = String::from("timestamp,value\n");
        for (time, value) in pairs {
            let _ = writeln!(out, "{},{}", iso(*time), bare(*value));
        }
        return out;
    }
    let rows: Vec<serde_json::Value> = pairs.map(|(t, v)| serde_json::json!([iso(*t), v])).collect();
    serde_json::json!({"series": series, "truncated": samples.truncated, "samples": rows}).to_string()
}
