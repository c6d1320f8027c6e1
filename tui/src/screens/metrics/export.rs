//! The table and raw samples as files.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sla_domain::quantity::bare;
use sla_proto::retrieval::v1::ExportSamplesResponse;

use super::rows::SeriesRow;
use crate::context::wire::{self, Labelled as _};
use crate::format::iso;
use crate::screens::table_file::TableFile;

/// The table as a file; of so many series at the source.
pub(super) fn table<'r>(
    rows: impl Iterator<Item = &'r SeriesRow>,
    window_ms: i64,
    as_of_ms: Option<i64>,
    of: usize,
) -> TableFile {
    let rows = rows.map(|row| {
        let labels = row.series.labels().map(|(name, value)| (name.to_owned(), value.into()));
        let labels: Map<String, Value> = labels.collect();
        json!({
            "series": row.series.promql(), "labels": labels, "state": row.state.map(|s| s.ranked().0), "last": row.last,
            "rate": row.rate, "min": row.min, "mean": row.mean, "max": row.max, "std": row.std,
            "stationary": row.stationary, "season_s": row.season_ms.map(|ms| ms as f64 / 1000.0),
        })
    });
    TableFile {
        columns: "series,state,last,min,mean,max,std",
        name: "series",
        rows: rows.collect(),
        beside: Map::from_iter([
            ("window_s".to_owned(), json!(window_ms / 1000)),
            ("as_of".to_owned(), json!(as_of_ms.map(iso))),
            ("of".to_owned(), json!(of)),
        ]),
    }
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
    let rows: Vec<Value> = pairs.map(|(t, v)| json!([iso(*t), v])).collect();
    json!({"series": series, "truncated": samples.truncated, "samples": rows}).to_string()
}
