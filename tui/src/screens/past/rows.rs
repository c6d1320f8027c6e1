//! Rows of the past screen.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, json};
use sla_domain::unit::Kind;
use sla_domain::{SafeText, Unit};
use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
use sla_proto::series::v1::Series;
use sla_proto::violation::v1 as violation;

use crate::context::list::{Row, by_number};
use crate::context::wire::{self, Mark, State};
use crate::filter::{Filterable, Value};
use crate::format::iso;
use crate::say;
use crate::screens::table_file::TableFile;

/// Sort columns, in the order of [`Row::compare`]: worst first, then by column.
pub(crate) const SORTS: [&str; 3] = ["STATE", "OBJECTIVE", "WORST"];

/// One objective with its windows.
#[derive(Debug, Clone)]
pub(crate) struct ObjectiveRow {
    rank: usize,
    /// 0 for the objective itself, else the place of one of its series below it.
    nested: usize,
    /// What the whole family is sorted by: the objective's state, name and worst value.
    family: (State, SafeText, Option<f64>),
    /// Of the series of a nested row.
    pub(crate) series: Option<Series>,
    pub(crate) unfolded: bool,
    key: Vec<u8>,
    pub(crate) set_id: String,
    pub(crate) objective_id: String,
    pub(crate) set_name: SafeText,
    pub(crate) name: SafeText,
    pub(crate) query: String,
    /// The name that the query gives its source.
    pub(crate) source: String,
    pub(crate) range: String,
    pub(crate) limits: AllowedRange,
    /// What its values are measured in.
    pub(crate) unit: Unit,
    haystack: String,
    pub(crate) state: State,
    pub(crate) mark: Mark,
    pub(crate) why: SafeText,
    pub(crate) windows: Vec<violation::WindowResult>,
    /// Where nobody watches.
    pub(crate) kept: Kept,
    pub(crate) seen: (u32, u32),
}

/// What the ledger has of an objective that nobody watches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// Those that have anything.
    pub(crate) windows: Vec<violation::WindowResult>,
    /// There may be more than is counted.
    pub(crate) at_least: bool,
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
        let state = State::of(status.state());
        let unit = wire::objective_unit(&objective);
        let mut row = Self {
            rank,
            nested: 0,
            family: (state, name.clone(), None),
            series: None,
            unfolded: false,
            key: key_of(&status.set_id, &objective.id),
            haystack: format!("{name} {} {set_name}", SafeText::new(&query)),
            set_id: status.set_id.clone(),
            objective_id: objective.id,
            set_name,
            name,
            query,
            source: objective
                .query
                .as_ref()
                .map_or_else(String::new, |query| query.source.clone()),
            limits: objective.range.unwrap_or_default(),
            range: wire::range_text(objective.range.as_ref(), unit),
            unit,
            state,
            mark: Mark::of_objective(status),
            why: SafeText::new(problem),
            windows: status.windows.clone(),
            kept: Kept::default(),
            seen: (status.series_seen, status.series_known),
        };
        row.family.2 = row.worst();
        row
    }

    /// Of an objective that nobody watches now: its ledger is still there.
    pub(crate) fn not_watched(rank: usize, set: &SlaSet, objective: &Objective, kept: Kept) -> Self {
        let status = violation::ObjectiveStatus {
            set_id: set.id.clone(),
            set_name: set.name.clone(),
            objective: Some(objective.clone()),
            state: violation::State::Excluded.into(),
            why: say::past::not_watched_only_its().to_owned(),
            ..violation::ObjectiveStatus::default()
        };
        let mut row = Self {
            mark: Mark::NotWatched,
            kept,
            ..Self::new((rank, &status))
        };
        row.family.2 = row.worst();
        row
    }

    /// The objective's row and, where it is unfolded, one of each of its series, worst first.
    pub(crate) fn family((rank, status): (usize, &violation::ObjectiveStatus), unfolded: bool) -> Vec<Self> {
        let mut head = Self::new((rank, status));
        let unfolded = unfolded && status.series.len() > 1;
        head.unfolded = unfolded;
        let mut rows = vec![head];
        if unfolded {
            let all: Vec<Series> = status.series.iter().filter_map(|s| s.series.clone()).collect();
            let labels = wire::telling_labels(&all.iter().collect::<Vec<_>>());
            for (at, (series, labels)) in status.series.iter().zip(labels).enumerate() {
                rows.push(rows[0].child(at + 1, series, labels));
            }
        }
        rows
    }

    fn child(&self, nested: usize, status: &violation::SeriesStatus, labels: SafeText) -> Self {
        let series = status.series.clone().unwrap_or_default();
        let mut key = self.key.clone();
        key.extend_from_slice(&series.id);
        let promql = wire::series_promql(&series);
        Self {
            nested,
            key,
            haystack: format!("{} {}", self.haystack, SafeText::new(&promql)),
            name: if labels.is_empty() {
                SafeText::new(&promql)
            } else {
                labels
            },
            query: promql,
            state: State::of(status.state()),
            mark: Mark::of(State::of(status.state()), status.outlook.as_ref()),
            why: SafeText::new(&status.why),
            windows: status.windows.clone(),
            seen: (1, 1),
            series: Some(series),
            unfolded: false,
            ..self.clone()
        }
    }

    /// Whether it has series to show below it.
    pub(crate) fn unfolds(&self) -> bool {
        self.series.is_none() && self.seen.1 > 1
    }

    /// Id of the series of a nested row; empty for an objective.
    pub(crate) fn series_id(&self) -> Vec<u8> {
        self.series.as_ref().map(|s| s.id.clone()).unwrap_or_default()
    }

    /// The worst value of the longest window.
    pub(crate) fn worst(&self) -> Option<f64> {
        self.longest().and_then(|w| w.worst)
    }

    fn longest(&self) -> Option<&violation::WindowResult> {
        self.windows
            .iter()
            .chain(&self.kept.windows)
            .max_by_key(|w| w.window_ms)
    }
}

impl Filterable for ObjectiveRow {
    const FIELDS: &'static [&'static str] = &["state", "name", "set", "violations"];

    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "state" => Some(Value::Ranked(self.state.ranked().0, self.state.ranked().1)),
            "name" => Some(Value::Text(self.name.as_str())),
            "set" => Some(Value::Text(self.set_name.as_str())),
            "violations" => self.longest().map(|w| Value::count(w.violations)),
            _ => None,
        }
    }
}

impl Row for ObjectiveRow {
    fn key(&self) -> &[u8] {
        &self.key
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let (ours, theirs) = (&self.family, &other.family);
        match column {
            0 => theirs.0.cmp(&ours.0),
            2 => by_number(ours.2, theirs.2),
            _ => ours.1.cmp(&theirs.1),
        }
        .then(self.rank.cmp(&other.rank))
    }

    fn nested(&self) -> usize {
        self.nested
    }
}

/// One interval of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct ViolationRow {
    key: Vec<u8>,
    pub(crate) series: Series,
    /// What its values are measured in.
    pub(crate) unit: Unit,
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
    /// Unknown stretches inside an interval that is shown as one, Unix milliseconds.
    pub(crate) gaps: Vec<(i64, i64)>,
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
            unit: wire::judged_unit(&series),
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
            gaps: Vec::new(),
        }
    }

    /// Takes an earlier interval in, from which only unknown time separates this one.
    fn join(&mut self, earlier: &Self) {
        if let Some(end) = earlier.end_ms {
            self.gaps.insert(0, (end, self.start_ms));
        }
        self.gaps.splice(0..0, earlier.gaps.iter().copied());
        self.key.clone_from(&earlier.key);
        self.start_ms = earlier.start_ms;
        self.duration_ms += earlier.duration_ms;
        self.samples += earlier.samples;
        if earlier.excess > self.excess {
            (self.worst, self.excess) = (earlier.worst, earlier.excess);
        }
    }
}

/// When intervals begin that only unknown time separates from the one before: series id and Unix milliseconds.
pub(crate) type Resumed = BTreeSet<(Vec<u8>, i64)>;

/// The ledger as it is shown: intervals that only unknown time keeps apart are one row. `stored` is newest first.
pub(crate) fn joined(stored: &[ViolationRow], resumed: &Resumed) -> Vec<ViolationRow> {
    let mut out: Vec<ViolationRow> = Vec::new();
    for row in stored {
        let later = out.iter_mut().rev().find(|have| have.series.id == row.series.id);
        match later {
            Some(later)
                if later.side == row.side
                    && later.generation == row.generation
                    && resumed.contains(&(row.series.id.clone(), later.start_ms)) =>
            {
                later.join(row);
            }
            _ => out.push(row.clone()),
        }
    }
    out
}

impl Filterable for ViolationRow {
    const FIELDS: &'static [&'static str] = &["side", "worst", "excess", "samples", "duration"];

    fn haystack(&self) -> &str {
        &self.haystack
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "side" => Some(Value::Text(wire::side_key(self.side))),
            "worst" => Some(Value::Number(self.worst, self.unit)),
            "excess" => Some(Value::Number(self.excess, self.unit)),
            "samples" => Some(Value::count(self.samples)),
            "duration" => Some(Value::Number(self.duration_ms as f64 / 1000.0, Unit::of(Kind::Seconds))),
            label => wire::label_value(&self.series, label).map(Value::Text),
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

/// The ledger as a file, in JSON with the windows of its objectives.
pub(crate) fn export(violations: &[ViolationRow], objectives: &[ObjectiveRow]) -> TableFile {
    let ledger = violations.iter().map(|v| {
        json!({
            "series": wire::series_promql(&v.series), "start": iso(v.start_ms), "end": v.end_ms.map(iso),
            "duration_s": v.duration_ms as f64 / 1000.0, "side": wire::side_key(v.side), "worst": v.worst,
            "excess": v.excess, "samples": v.samples, "bound": v.bound, "generation": v.generation, "retired": v.retired,
            "spans_gap": !v.gaps.is_empty(),
        })
    });
    let objectives = objectives.iter().filter(|o| o.series.is_none()).map(|o| {
        let windows = o.windows.iter().map(|w| {
            json!({
                "window_s": w.window_ms / 1000, "violations": w.violations, "violated_s": w.violated_ms as f64 / 1000.0,
                "covered_s": w.covered_ms as f64 / 1000.0, "coverage": w.coverage, "samples": w.samples,
                "samples_violating": w.samples_violating, "percent_good": w.percent_good, "worst": w.worst,
            })
        });
        let windows: Vec<_> = windows.collect();
        json!({"objective": o.name.as_str(), "set": o.set_name.as_str(), "state": o.state.ranked().0, "windows": windows})
    });
    TableFile {
        columns: "series,start,end,duration_s,side,worst,excess,samples",
        name: "ledger",
        rows: ledger.collect(),
        beside: Map::from_iter([("objectives".to_owned(), objectives.collect())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(id: u8, start_ms: i64, end_ms: i64, worst: f64) -> ViolationRow {
        let time = |ms| Some(sla_proto::convert::timestamp(ms));
        ViolationRow::new(
            violation::Violation {
                series: Some(Series {
                    id: vec![id],
                    ..Series::default()
                }),
                start: time(start_ms),
                end: time(end_ms),
                worst,
                excess: worst - 1.0,
                samples: 2,
                duration_ms: end_ms - start_ms,
                ..violation::Violation::default()
            },
            0,
        )
    }

    #[test]
    fn only_unknown_time_joins_two_rows() {
        let stored = [
            interval(1, 9_000, 10_000, 3.0),
            interval(1, 5_000, 6_000, 7.0),
            interval(2, 4_000, 5_000, 2.0),
            interval(1, 1_000, 2_000, 5.0),
        ];
        let shown = joined(&stored, &Resumed::from([(vec![1], 5_000)]));
        let told: Vec<_> = shown
            .iter()
            .map(|v| (v.start_ms, v.duration_ms, v.worst, v.gaps.clone()))
            .collect();
        assert_eq!(
            told,
            [
                (9_000, 1_000, 3.0, vec![]),
                (1_000, 2_000, 7.0, vec![(2_000, 5_000)]),
                (4_000, 1_000, 2.0, vec![]),
            ],
            "good time between 6 s and 9 s keeps the first apart"
        );
    }
}
