//! Rows of the metrics screen.

use std::cmp::Ordering;

use sla_domain::{SafeText, Unit};
use sla_proto::etl::v1::MetricName;
use sla_proto::retrieval::v1 as retrieval;

use super::kept::KeptSeries;
use crate::context::list::{Row, by_number};
use crate::context::wire::{self, State};
use crate::filter::{Filterable, Value};
use crate::widget::spark::SparkCell;

/// A series with the figures of one window.
#[derive(Debug, Clone)]
pub(crate) struct SeriesRow {
    pub(crate) series: KeptSeries,
    pub(crate) name: SafeText,
    pub(crate) labels: SafeText,
    pub(crate) last: Option<f64>,
    /// When that was, Unix milliseconds.
    pub(crate) last_ms: Option<i64>,
    pub(crate) rate: bool,
    /// What its figures are measured in.
    pub(crate) unit: Unit,
    pub(crate) spark: Box<[SparkCell]>,
    pub(crate) min: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) std: Option<f64>,
    /// Samples in the window, and how many of them were no numbers.
    pub(crate) n: u64,
    pub(crate) n_nan: u64,
    /// How far its samples reach inside the window, milliseconds.
    pub(crate) spanned_ms: i64,
    pub(crate) stationary: Option<bool>,
    pub(crate) season_ms: Option<i64>,
    pub(crate) problem: SafeText,
    /// Of when the figures are, where a run stored them because the source is away, Unix milliseconds.
    pub(crate) stored_ms: Option<i64>,
    /// What the agreements say, if there are any.
    pub(crate) state: Option<State>,
}

/// Sort columns, in the order of [`Row::compare`].
pub(crate) const SORTS: [&str; 6] = ["SERIES", "LAST", "MIN", "MEAN", "MAX", "S"];

impl SeriesRow {
    pub(crate) fn new(row: retrieval::SeriesRow) -> Self {
        let series = row.series.unwrap_or_default();
        let window = row.window.unwrap_or_default();
        let name = wire::series_name(&series);
        let labels = wire::series_labels(&series);
        let spark = row.sparkline.iter().map(|c| SparkCell::new(c.min.zip(c.max))).collect();
        Self {
            name,
            labels,
            last_ms: row.last.as_ref().and_then(|point| wire::ms(point.time.as_ref())),
            last: row.last.map(|point| point.value),
            rate: row.rate,
            unit: wire::unit_of(&series, row.rate),
            spark,
            min: window.min,
            mean: window.mean,
            max: window.max,
            std: window.std,
            n: window.n,
            n_nan: window.n_nan,
            spanned_ms: window.spanned_ms,
            stationary: row.stationary,
            season_ms: row.season_ms,
            problem: SafeText::new(&row.problem),
            stored_ms: wire::ms(row.stored_as_of.as_ref()),
            state: None,
            series: KeptSeries::new(&series),
        }
    }

    /// Marks from the last metadata: `S` stationary, `~` seasonal, `·` not yet computed.
    pub(crate) fn marks(&self) -> String {
        let stationary = match self.stationary {
            Some(true) => 'S',
            Some(false) => '-',
            None => '·',
        };
        let seasonal = match self.season_ms {
            Some(0) => '-',
            Some(_) => '~',
            None => '·',
        };
        format!("{stationary}{seasonal}{}", if self.rate { 'r' } else { ' ' })
    }
}

impl Filterable for SeriesRow {
    const FIELDS: &'static [&'static str] = &["state", "name", "last", "min", "mean", "max", "std"];

    fn haystack(&self) -> &str {
        self.series.text()
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        let number = |value: Option<f64>| value.map(|value| Value::Number(value, self.unit));
        match name {
            "state" => self.state.map(|s| Value::Ranked(s.ranked().0, s.ranked().1)),
            "name" => Some(Value::Text(self.name.as_str())),
            "last" => number(self.last),
            "min" => number(self.min),
            "mean" => number(self.mean),
            "max" => number(self.max),
            "std" => number(self.std),
            label => self.series.label(label).map(Value::Text),
        }
    }
}

impl Row for SeriesRow {
    fn key(&self) -> &[u8] {
        &self.series.id
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        // Equal rows keep the server's order, which is by name, whichever way the list is turned.
        match column {
            1 => by_number(self.last, other.last),
            2 => by_number(self.min, other.min),
            3 => by_number(self.mean, other.mean),
            4 => by_number(self.max, other.max),
            5 => self.state.cmp(&other.state),
            _ => (&self.name, &self.labels).cmp(&(&other.name, &other.labels)),
        }
    }
}

/// A metric name with its count.
#[derive(Debug, Clone)]
pub(crate) struct NameRow {
    /// As the source wrote it: for queries.
    pub(crate) raw: String,
    pub(crate) name: SafeText,
    pub(crate) series: u32,
    pub(crate) kind: SafeText,
    pub(crate) help: SafeText,
}

impl NameRow {
    pub(crate) fn new(name: MetricName) -> Self {
        Self {
            name: SafeText::new(&name.name),
            series: name.series,
            kind: SafeText::new(&name.r#type),
            help: SafeText::new(&name.help),
            raw: name.name,
        }
    }
}

impl Filterable for NameRow {
    const FIELDS: &'static [&'static str] = &["type", "series", "name"];

    fn haystack(&self) -> &str {
        self.name.as_str()
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "type" => Some(Value::Text(self.kind.as_str())),
            "series" => Some(Value::count(u64::from(self.series))),
            "name" => Some(Value::Text(self.name.as_str())),
            _ => None,
        }
    }
}

impl Row for NameRow {
    fn key(&self) -> &[u8] {
        self.raw.as_bytes()
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            1 => self.series.cmp(&other.series),
            2 => self.kind.cmp(&other.kind),
            _ => Ordering::Equal,
        }
        .then_with(|| self.name.cmp(&other.name))
    }
}
