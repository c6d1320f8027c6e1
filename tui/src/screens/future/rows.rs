//! Rows of the future screen.

use std::cmp::Ordering;

use serde_json::{Map, json};
use sla_domain::{SafeText, Unit};
use sla_proto::objective::v1::AllowedRange;
use sla_proto::series::v1::Series;
use sla_proto::violation::v1 as violation;

use crate::context::list::{Row, by_number};
use crate::context::wire::{self, State};
use crate::filter::{Filterable, Value};
use crate::format::iso;
use crate::screens::table_file::TableFile;
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
            label => wire::label_value(&self.series, label).map(Value::Text),
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

/// The rows as a file.
pub(crate) fn export<'r>(rows: impl Iterator<Item = &'r FutureRow>) -> TableFile {
    let rows = rows.map(|row| {
        let outside = row.outlook.predicted_outside.iter().map(
            |p| json!({"time": wire::ms(p.time.as_ref()).map(iso), "value": p.value, "side": wire::side_key(p.side())}),
        );
        json!({
            "objective": row.name.as_str(), "series": wire::series_promql(&row.series), "state": row.state.ranked().0,
            "probability": row.outlook.probability, "first_crossing": row.first_ms().map(iso), "now": row.now,
            "end": row.outlook.value_at_end, "trust": trust::word(&row.outlook), "method": row.outlook.method,
            "predicted_outside": outside.collect::<Vec<_>>(),
        })
    });
    TableFile {
        columns: "objective,series,state,probability,first_crossing,now,end,trust",
        name: "rows",
        rows: rows.collect(),
        beside: Map::new(),
    }
}
