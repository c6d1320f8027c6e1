//! Rows of the past screen.

use std::cmp::Ordering;
use std::fmt::Write as _;

use sla_domain::SafeText;
use sla_proto::series::v1::Series;
use sla_proto::violation::v1 as violation;

use crate::app::list::{Row, by_number};
use crate::app::wire::{self, State};
use crate::filter::{Filterable, Value};
use crate::format::{exact, iso};

/// Sort columns, in the order of [`Row::compare`]: worst first, then by column.
pub(crate) const SORTS: [&str; 3] = ["STATE", "OBJECTIVE", "WORST"];

/// One objective with its windows.
#[derive(Debug, Clone)]
pub(crate) struct ObjectiveRow {
    rank: usize,
    key: Vec<u8>,
    pub(crate) set_id: String,
    pub(crate) objective_id: String,
    pub(crate) set_name: SafeText,
    pub(crate) name: SafeText,
    pub(crate) query: String,
    pub(crate) range: String,
    haystack: String,
    pub(crate) state: State,
    pub(crate) why: SafeText,
    pub(crate) windows: Vec<violation::WindowResult>,
    pub(crate) seen: (u32, u32),
}

pub(crate) fn key_of(set_id: &str, objective_id: &str) -> Vec<u8> {
    format!("{set_id}\u{0}{objective_id}").into_bytes()
}

impl ObjectiveRow {
    pub(crate) fn new((rank, status): (usize, &violation::ObjectiveStatus)) -> Self {
        let objective = status.objective.clone().unwrap_or_default();
        let name = wire::objective_name(&objective);
        let query = wire::query_text(objective.query.as_ref()).to_owned();
        let set_name = SafeText::new(&status.set_name);
        let problem = if status.problem.is_empty() {
            &status.why
        } else {
            &status.problem
        };
        Self {
            rank,
            key: key_of(&status.set_id, &objective.id),
            haystack: format!("{name} {} {set_name}", SafeText::new(&query)),
            set_id: status.set_id.clone(),
            objective_id: objective.id,
            set_name,
            name,
            query,
            range: wire::range_text(objective.range.as_ref()),
            state: State::of(status.state()),
            why: SafeText::new(problem),
            windows: status.windows.clone(),
            seen: (status.series_seen, status.series_known),
        }
    }

    /// The worst value of the longest window.
    pub(crate) fn worst(&self) -> Option<f64> {
        self.windows.iter().max_by_key(|w| w.window_ms).and_then(|w| w.worst)
    }
}

impl Filterable for ObjectiveRow {
    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "state" => Some(Value::Ranked(self.state.ranked().0, self.state.ranked().1)),
            "name" => Some(Value::Text(self.name.as_str())),
            "set" => Some(Value::Text(self.set_name.as_str())),
            "violations" => self
                .windows
                .iter()
                .max_by_key(|w| w.window_ms)
                .map(|w| Value::Number(w.violations as f64)),
            _ => None,
        }
    }
}

impl Row for ObjectiveRow {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            0 => other.state.cmp(&self.state),
            2 => by_number(self.worst(), other.worst()),
            _ => self.name.cmp(&other.name),
        }
        .then(self.rank.cmp(&other.rank))
    }
}

/// One interval of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct ViolationRow {
    key: Vec<u8>,
    pub(crate) series: Series,
    pub(crate) labels: SafeText,
    haystack: String,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: Option<i64>,
    pub(crate) duration_ms: i64,
    pub(crate) side: violation::Side,
    pub(crate) worst: f64,
    pub(crate) excess: f64,
    pub(crate) samples: u64,
    pub(crate) bound: f64,
    pub(crate) generation: u32,
    pub(crate) retired: bool,
}

impl ViolationRow {
    pub(crate) fn new(row: violation::Violation, now_ms: i64) -> Self {
        let side = row.side();
        let start_ms = wire::ms(row.start.as_ref()).unwrap_or_default();
        let end_ms = wire::ms(row.end.as_ref());
        let series = row.series.unwrap_or_default();
        let labels = wire::series_labels(&series);
        let mut key = series.id.clone();
        key.extend_from_slice(&start_ms.to_be_bytes());
        let duration_ms = if row.duration_ms > 0 {
            row.duration_ms
        } else {
            end_ms.unwrap_or(now_ms) - start_ms
        };
        Self {
            key,
            haystack: format!(
                "{} {}",
                SafeText::new(&wire::series_promql(&series)),
                wire::side_word(side)
            ),
            series,
            labels,
            start_ms,
            end_ms,
            duration_ms,
            side,
            worst: row.worst,
            excess: row.excess,
            samples: row.samples,
            bound: row.bound,
            generation: row.generation,
            retired: row.retired,
        }
    }
}

impl Filterable for ViolationRow {
    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "side" => Some(Value::Text(wire::side_word(self.side))),
            "worst" => Some(Value::Number(self.worst)),
            "excess" => Some(Value::Number(self.excess)),
            "samples" => Some(Value::Number(self.samples as f64)),
            "duration" => Some(Value::Number(self.duration_ms as f64 / 1000.0)),
            label => self
                .series
                .labels
                .iter()
                .find(|l| l.name.eq_ignore_ascii_case(label))
                .map(|l| Value::Text(l.value.as_str())),
        }
    }
}

impl Row for ViolationRow {
    fn key(&self) -> &[u8] {
        &self.key
    }

    /// Newest first.
    fn compare(&self, other: &Self, _: usize) -> Ordering {
        other.start_ms.cmp(&self.start_ms)
    }
}

/// Ledger and windows as JSON, or the ledger as CSV. Times in UTC.
pub(crate) fn export(violations: &[ViolationRow], objectives: &[ObjectiveRow], csv: bool) -> String {
    if csv {
        let mut out = String::from("series,start,end,duration_s,side,worst,excess,samples\n");
        for v in violations {
            let _ = writeln!(
                out,
                "\"{}\",{},{},{},{},{},{},{}",
                wire::series_promql(&v.series).replace('"', "\"\""),
                iso(v.start_ms),
                v.end_ms.map_or_else(String::new, iso),
                v.duration_ms as f64 / 1000.0,
                wire::side_word(v.side),
                exact(v.worst),
                exact(v.excess),
                v.samples
            );
        }
        return out;
    }
    let ledger: Vec<serde_json::Value> = violations
        .iter()
        .map(|v| {
            serde_json::json!({
                "series": wire::series_promql(&v.series), "start": iso(v.start_ms), "end": v.end_ms.map(iso),
                "duration_s": v.duration_ms as f64 / 1000.0, "side": wire::side_word(v.side), "worst": v.worst,
                "excess": v.excess, "samples": v.samples, "bound": v.bound, "generation": v.generation, "retired": v.retired,
            })
        })
        .collect();
    let objectives: Vec<serde_json::Value> = objectives
        .iter()
        .map(|o| {
            let windows: Vec<serde_json::Value> = o
                .windows
                .iter()
                .map(|w| {
                    serde_json::json!({
                        "window_s": w.window_ms / 1000, "violations": w.violations, "violated_s": w.violated_ms as f64 / 1000.0,
                        "covered_s": w.covered_ms as f64 / 1000.0, "coverage": w.coverage, "samples": w.samples,
                        "samples_violating": w.samples_violating, "percent_good": w.percent_good, "worst": w.worst,
                    })
                })
                .collect();
            serde_json::json!({"objective": o.name.as_str(), "set": o.set_name.as_str(), "state": o.state.ranked().0, "windows": windows})
        })
        .collect();
    serde_json::json!({"objectives": objectives, "ledger": ledger}).to_string()
}
