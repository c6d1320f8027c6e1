//! Rows of the sets screen.

use std::cmp::Ordering;

use serde_json::{Map, json};
use sla_domain::{SafeText, Unit};
use sla_proto::objective::v1::{AllowedRange, Objective};
use sla_proto::series::v1::Query;
use sla_proto::violation::v1::{ObjectiveStatus, Outlook, WindowResult};

use crate::context::list::Row;
use crate::context::wire::{self, Mark, State};
use crate::filter::{Filterable, Value};
use crate::screens::table_file::TableFile;

/// The window that a what-if is about, milliseconds.
pub(super) const WHAT_IF_WINDOW_MS: i64 = 43_200_000;

/// Series whose values differ by this factor share no scale.
const SCALES_APART: f64 = 10.0;

/// Sort columns, in the order of [`Row::compare`]: as in the set, by name, worst first.
pub(crate) const SORTS: [&str; 3] = ["SET", "NAME", "STATE"];

/// One objective of the draft with what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct ObjectiveRow {
    /// Place in the draft.
    pub(crate) at: usize,
    pub(crate) objective: Objective,
    /// What its values and bounds are measured in.
    pub(crate) unit: Unit,
    pub(crate) name: SafeText,
    haystack: String,
    key: Vec<u8>,
    /// Of the stored objective, at the last evaluation.
    pub(crate) now: Option<ObjectiveStatus>,
    /// Of the draft's range, over 12 h.
    pub(crate) what_if: Option<ObjectiveStatus>,
    /// The draft differs from what is stored.
    changed: bool,
}

impl ObjectiveRow {
    pub(crate) fn new(
        at: usize,
        objective: &Objective,
        now: Option<ObjectiveStatus>,
        what_if: Option<ObjectiveStatus>,
    ) -> Self {
        let name = wire::objective_name(objective);
        let key = if objective.id.is_empty() {
            objective.name.as_bytes()
        } else {
            objective.id.as_bytes()
        }
        .to_vec();
        Self {
            at,
            haystack: format!("{name} {}", SafeText::new(wire::query_text(objective.query.as_ref()))),
            unit: wire::objective_unit(objective),
            name,
            key,
            changed: stored_range(now.as_ref()) != objective.range,
            objective: objective.clone(),
            now,
            what_if,
        }
    }

    /// What judges the row now: the last evaluation while the range is the stored one, else the what-if.
    fn judged(&self) -> Option<&ObjectiveStatus> {
        let (first, second) = if self.changed {
            (&self.what_if, &self.now)
        } else {
            (&self.now, &self.what_if)
        };
        first.as_ref().or(second.as_ref())
    }

    /// The series that one suggested range is for, with the least and the greatest newest value, where these lie so far apart that it
    /// says little of each.
    pub(crate) fn apart(&self) -> Option<(u32, f64, f64)> {
        let status = self.judged().filter(|_| self.objective.suggested)?;
        let values = || {
            let last = status.series.iter().filter_map(|series| series.last.as_ref());
            // What stands still, and a difference around zero, have no scale.
            last.map(|point| point.value).filter(|value| *value > 0.0)
        };
        let (least, greatest) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
        (greatest >= SCALES_APART * least).then_some((status.series_known, least, greatest))
    }

    /// The state of the instant.
    pub(crate) fn state(&self) -> Option<State> {
        self.judged().map(|s| State::of(s.state()))
    }

    /// Whether what is stored was violated at the last evaluation.
    pub(crate) fn is_violated_now(&self) -> bool {
        self.now
            .as_ref()
            .is_some_and(|s| State::of(s.state()) == State::Violated)
    }

    /// The state of the instant as it is shown.
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.judged().map(Mark::of_objective)
    }

    /// The newest value of the series in the worst state.
    pub(crate) fn last(&self) -> Option<f64> {
        self.judged()?
            .series
            .first()
            .and_then(|s| s.last.as_ref())
            .map(|p| p.value)
    }

    /// The last 12 h with the draft's range.
    pub(crate) fn window(&self) -> Option<&WindowResult> {
        let of = |status: &'_ Option<ObjectiveStatus>| -> Option<usize> {
            status
                .as_ref()?
                .windows
                .iter()
                .position(|w| w.window_ms == WHAT_IF_WINDOW_MS)
        };
        if let Some(at) = of(&self.what_if) {
            return self.what_if.as_ref().map(|s| &s.windows[at]);
        }
        of(&self.now).and_then(|at| self.now.as_ref().map(|s| &s.windows[at]))
    }

    pub(crate) fn outlook(&self) -> Option<&Outlook> {
        self.now.as_ref().and_then(|s| s.outlook.as_ref())
    }

    /// What the chart reads: the first series of the objective.
    pub(crate) fn chart_query(&self) -> (Query, Vec<u8>) {
        let status = self.what_if.as_ref().or(self.now.as_ref());
        let series = status.and_then(|s| s.series.first()).and_then(|s| s.series.as_ref());
        let id = series.map(|s| s.id.clone()).unwrap_or_default();
        (self.objective.query.clone().unwrap_or_default(), id)
    }
}

impl Filterable for ObjectiveRow {
    const FIELDS: &'static [&'static str] = &["state", "name", "min", "max", "violations"];

    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        let range = self.objective.range.unwrap_or_default();
        match name {
            "state" => self.state().map(|s| Value::Ranked(s.ranked().0, s.ranked().1)),
            "name" => Some(Value::Text(self.name.as_str())),
            "min" => range.min.map(|min| Value::Number(min, self.unit)),
            "max" => range.max.map(|max| Value::Number(max, self.unit)),
            "violations" => self.window().map(|w| Value::count(w.violations)),
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
            1 => self.name.cmp(&other.name),
            2 => other.state().cmp(&self.state()),
            _ => Ordering::Equal,
        }
        .then(self.at.cmp(&other.at))
    }
}

fn stored_range(status: Option<&ObjectiveStatus>) -> Option<AllowedRange> {
    status?.objective.as_ref()?.range
}

/// The set as a file.
pub(crate) fn export(set: &str, rows: &[ObjectiveRow]) -> TableFile {
    let rows = rows.iter().map(|row| {
        let range = row.objective.range.unwrap_or_default();
        json!({
            "name": row.name.as_str(), "query": wire::query_text(row.objective.query.as_ref()), "min": range.min, "max": range.max,
            "state": row.state().map(|s| s.ranked().0), "violations_12h": row.window().map(|w| w.violations),
            "violated_s_12h": row.window().map(|w| w.violated_ms as f64 / 1000.0),
        })
    });
    TableFile {
        columns: "objective=name,query,min,max,state,violations_12h,violated_s_12h",
        name: "objectives",
        rows: rows.collect(),
        beside: Map::from_iter([("set".to_owned(), set.into())]),
    }
}
