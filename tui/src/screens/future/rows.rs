//! Rows of the future screen.

use std::cmp::Ordering;
use std::fmt::Write as _;

use sla_domain::quantity::bare;
use sla_domain::{SafeText, Unit};
use sla_proto::objective::v1::AllowedRange;
use sla_proto::series::v1::Series;
use sla_proto::violation::v1 as violation;

use crate::context::list::{Row, by_number};
use crate::context::wire::{self, State};
use crate::filter::{Filterable, Value};
use crate::format::iso;
use crate::screens::trust;

/// Sort columns, in the order of [`Row::compare`]: as the server ranks them, then by column.
pub(crate) const SORTS: [&str; 4] = ["FIRST", "OBJECTIVE", "P", "STATE"];

/// One series of an objective, and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct FutureRow {
    /// Place in the server's order: what breaks first on top.
    rank: usize,
    key: Vec<u8>,
    pub(crate) set_id: String,
    pub(crate) name: SafeText,
    pub(crate) labels: SafeText,
    haystack: String,
    pub(crate) series: Series,
    pub(crate) range: String,
    pub(crate) limits: AllowedRange,
    /// What its values are measured in.
    pub(crate) unit: Unit,
    pub(crate) state: State,
    pub(crate) why: SafeText,
    pub(crate) now: Option<f64>,
    pub(crate) outlook: violation::Outlook,
}

impl FutureRow {
    pub(crate) fn new((rank, row): (usize, violation::FutureRow)) -> Self {
        let status = row.series.unwrap_or_default();
        let objective = row.objective.unwrap_or_default();
        let state = State::of(status.state());
        let series = status.series.unwrap_or_default();
        let name = wire::objective_name(&objective);
        let labels = wire::series_labels(&series);
        let unit = wire::unit_of(&series, status.rate);
        let mut key = row.set_id.clone().into_bytes();
        key.extend_from_slice(objective.id.as_bytes());
        key.extend_from_slice(&series.id);
        Self {
            rank,
            key,
            set_id: row.set_id,
            haystack: format!("{name} {}", SafeText::new(&wire::series_promql(&series))),
            name,
            labels,
            limits: objective.range.unwrap_or_default(),
            range: wire::range_text(objective.range.as_ref(), unit),
            unit,
            state,
            why: SafeText::new(&status.why),
            now: status.last.map(|p| p.value),
            outlook: status.outlook.unwrap_or_default(),
            series,
        }
    }

    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.name, self.labels).trim().to_owned()
    }

    pub(crate) fn first_ms(&self) -> Option<i64> {
        wire::ms(self.outlook.first_crossing.as_ref())
    }
}

impl Filterable for FutureRow {
    const FIELDS: &'static [&'static str] = &["state", "name", "p", "now"];

    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "state" => Some(Value::Ranked(self.state.ranked().0, self.state.ranked().1)),
            "name" => Some(Value::Text(self.name.as_str())),
            "p" => self.outlook.probability.map(Value::share),
            "now" => self.now.map(|now| Value::Number(now, self.unit)),
            label => self
                .series
                .labels
                .iter()
                .find(|l| l.name.eq_ignore_ascii_case(label))
                .map(|l| Value::Text(l.value.as_str())),
        }
    }
}

impl Row for FutureRow {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            1 => (&self.name, &self.labels).cmp(&(&other.name, &other.labels)),
            2 => by_number(other.outlook.probability, self.outlook.probability),
            3 => other.state.cmp(&self.state),
            _ => Ordering::Equal,
        }
        .then(self.rank.cmp(&other.rank))
    }
}

/// The rows as CSV or JSON.
pub(crate) fn export(rows: &[&FutureRow], csv: bool) -> String {
    if csv {
        let mut out = String::from("objective,series,state,probability,first_crossing,now,end,trust\n");
        for row in rows {
            let quote = |text: &str| text.replace('"', "\"\"");
            let number = |value: Option<f64>| value.filter(|v| v.is_finite()).map_or_else(String::new, bare);
            let _ = writeln!(
                out,
                "\"{}\",\"{}\",{},{},{},{},{},{}",
                quote(row.name.as_str()),
                quote(&wire::series_promql(&row.series)),
                row.state.ranked().0,
                number(row.outlook.probability),
                row.first_ms().map_or_else(String::new, iso),
                number(row.now),
                number(row.outlook.value_at_end),
                trust::word(&row.outlook)
            );
        }
        return out;
    }
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            let outside: Vec<serde_json::Value> = row
                .outlook
                .predicted_outside
                .iter()
                .map(|p| serde_json::json!({"time": wire::ms(p.time.as_ref()).map(iso), "value": p.value, "side": wire::side_word(p.side())}))
                .collect();
            serde_json::json!({
                "objective": row.name.as_str(), "series": wire::series_promql(&row.series), "state": row.state.ranked().0,
                "probability": row.outlook.probability, "first_crossing": row.first_ms().map(iso), "now": row.now,
                "end": row.outlook.value_at_end, "trust": trust::word(&row.outlook), "method": row.outlook.method,
                "predicted_outside": outside,
            })
        })
        .collect();
    serde_json::json!({ "rows": rows }).to_string()
}
