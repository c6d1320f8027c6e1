//! The timeline: one lane an objective, with a cursor that reads a cell.

use std::cmp::Ordering;

use sla_domain::{SafeText, Unit};
use sla_proto::objective::v1::AllowedRange;
use sla_proto::series::v1::Series;
use sla_proto::violation::v1::Violation;

use super::history::{History, Key, past_ms};
use crate::command::Cmd;
use crate::context::list::{List, Row};
use crate::context::wire::{self, Mark, State};
use crate::context::{Context, Jump};
use crate::filter::{Filterable, Value};
use crate::format::{duration, percent};
use crate::say;
use crate::screens::past_words::good_share;
use crate::widget::lane::{Axis, Cell};

/// Columns beside the lane: gutter, mark and name; good and bad.
pub(super) const NAME_WIDTH: u16 = 18;
pub(super) const LEAD_WIDTH: u16 = 5;
pub(super) const TAIL_WIDTH: u16 = 17;

/// One objective.
#[derive(Debug, Clone)]
pub(super) struct LaneRow {
    rank: usize,
    key: Vec<u8>,
    pub(super) set_id: String,
    pub(super) objective_id: String,
    pub(super) name: SafeText,
    pub(super) mark: Mark,
    range: AllowedRange,
    /// What its bounds are measured in.
    pub(super) unit: Unit,
    /// Its series, each with the time since which it is silent.
    series: Vec<(Series, Option<i64>)>,
    /// Of the longest window.
    pub(super) good: String,
    pub(super) bad: String,
}

/// Lanes, the chosen one, and the time of the cursor.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    open: bool,
    rows: Vec<LaneRow>,
    list: List,
    /// Unix milliseconds; nothing = now.
    cursor_ms: Option<i64>,
}

impl LaneRow {
    fn keys(&self) -> impl Iterator<Item = (Key, Option<i64>)> + '_ {
        let key = |id: &[u8]| (self.set_id.clone(), self.objective_id.clone(), id.to_vec());
        self.series
            .iter()
            .map(move |(series, silent)| (key(&series.id), *silent))
    }

    pub(super) fn range(&self) -> &AllowedRange {
        &self.range
    }

    /// Of its series the worst in each cell.
    pub(super) fn cells(&self, history: &History, axis: &Axis) -> Vec<Cell> {
        let mut out = vec![Cell::Good; usize::from(axis.width())];
        for (key, silent) in self.keys() {
            for (have, cell) in out.iter_mut().zip(history.cells(axis, &key, &self.range, silent)) {
                *have = (*have).max(cell);
            }
        }
        out
    }

    /// Violations that touch a stretch, the newest first.
    pub(super) fn violations<'h>(&self, history: &'h History, (after, until): (i64, i64)) -> Vec<&'h Violation> {
        let touches = |v: &&Violation| {
            let start = wire::ms(v.start.as_ref()).unwrap_or_default();
            start <= until && wire::ms(v.end.as_ref()).is_none_or(|end| end >= after)
        };
        let mut out: Vec<&Violation> = Vec::new();
        for (key, _) in self.keys() {
            out.extend(history.violations(&key).iter().filter(touches));
        }
        out
    }
}

impl Timeline {
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn list(&self) -> &List {
        &self.list
    }

    pub(super) fn lane(&self, at: usize) -> &LaneRow {
        &self.rows[at]
    }

    fn current(&self) -> Option<&LaneRow> {
        self.list.current().and_then(|at| self.rows.get(at))
    }

    pub(super) fn chosen(&self) -> Option<(String, String)> {
        self.current().map(|row| (row.set_id.clone(), row.objective_id.clone()))
    }

    /// Rows on this terminal: without header, rule and readout.
    pub(super) fn height(cx: &Context) -> usize {
        usize::from(cx.screen_height().saturating_sub(4))
    }

    pub(super) fn axis(cx: &Context) -> Axis {
        let width = cx.size.0.saturating_sub(LEAD_WIDTH + NAME_WIDTH + 1 + TAIL_WIDTH);
        Axis::new(cx.data_now_ms(), past_ms(cx), cx.horizon_ms(), width)
    }

    pub(super) fn cursor_ms(&self) -> Option<i64> {
        self.cursor_ms
    }

    /// The column of the cursor.
    pub(super) fn column(&self, axis: &Axis) -> u16 {
        self.cursor_ms.map_or(axis.past, |at| axis.column(at))
    }

    /// Opens on an objective, or closes.
    pub(super) fn turn(&mut self, cx: &Context, of: Option<&Key>) {
        self.open = !self.open;
        if let Some((set, objective, _)) = of.filter(|_| self.open) {
            self.list.follow(&key_of(set, objective));
        }
        self.rebuild(cx);
    }

    pub(super) fn set_filter(&mut self, cx: &Context, text: &str) {
        self.list.set_filter(text);
        self.list.apply(&self.rows, Self::height(cx));
    }

    pub(super) fn rebuild(&mut self, cx: &Context) {
        if !self.open {
            return;
        }
        let statuses = cx.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
        let several = statuses.iter().any(|status| status.set_id != statuses[0].set_id);
        let rows = statuses.iter().enumerate().map(|(rank, status)| {
            let objective = status.objective.clone().unwrap_or_default();
            let name = wire::objective_name(&objective);
            let series = status.series.iter().filter_map(|s| {
                let last = s.last.as_ref().and_then(|point| wire::ms(point.time.as_ref()));
                let silent = last.filter(|_| State::of(s.state()) == State::NoData);
                Some((s.series.clone()?, silent))
            });
            let longest = status.windows.iter().max_by_key(|w| w.window_ms);
            let share = longest.and_then(good_share);
            LaneRow {
                rank,
                key: key_of(&status.set_id, &objective.id),
                set_id: status.set_id.clone(),
                name: if several {
                    SafeText::new(&format!("{name} ({})", status.set_name))
                } else {
                    name
                },
                mark: Mark::of_objective(status),
                range: objective.range.unwrap_or_default(),
                unit: wire::objective_unit(&objective),
                series: series.collect(),
                good: share.map_or_else(|| say::now::no_data().to_owned(), percent),
                bad: longest.map_or_else(String::new, |w| duration(w.violated_ms)),
                objective_id: objective.id,
            }
        });
        self.rows = rows.collect();
        self.list.apply(&self.rows, Self::height(cx));
    }

    pub(super) fn command(&mut self, cx: &mut Context, history: &History, cmd: Cmd) -> bool {
        if self.list.command(cmd, &self.rows, Self::height(cx)) {
            return true;
        }
        let axis = Self::axis(cx);
        match cmd {
            Cmd::LaneLeft | Cmd::LaneRight => {
                let column = self.column(&axis);
                let moved = if cmd == Cmd::LaneLeft {
                    column.saturating_sub(1)
                } else {
                    (column + 1).min(axis.width().saturating_sub(1))
                };
                self.cursor_ms = (moved != axis.past).then(|| axis.span(moved).1);
            }
            Cmd::NextViolation | Cmd::PreviousViolation => self.next_violation(cx, history, cmd == Cmd::NextViolation),
            Cmd::Open => self.open_chart(cx, history),
            Cmd::Fold => {}
            _ => return false,
        }
        true
    }

    /// The cursor goes to the start of the next violation of the lane.
    fn next_violation(&mut self, cx: &mut Context, history: &History, later: bool) {
        let Some(row) = self.current() else { return };
        let axis = Self::axis(cx);
        // From one violation to the next, also inside a cell; from elsewhere, from the cell on.
        let cell = axis.span(self.column(&axis));
        let here = match self.cursor_ms {
            Some(at) => (at - 1, at),
            None => cell,
        };
        let all = row.violations(history, (axis.now_ms - axis.past_ms, axis.now_ms));
        let starts = all.iter().filter_map(|v| wire::ms(v.start.as_ref()));
        let next = if later {
            starts.filter(|start| *start > here.1).min()
        } else {
            starts.filter(|start| *start <= here.0).max()
        };
        match next {
            Some(start) => self.cursor_ms = Some(start),
            None => cx.say(if later {
                say::now::no_later_violation_of()
            } else {
                say::now::no_earlier_violation_of()
            }),
        }
    }

    fn open_chart(&self, cx: &mut Context, history: &History) {
        let Some(row) = self.current() else { return };
        let axis = Self::axis(cx);
        let found = row.violations(history, axis.span(self.column(&axis)));
        let series = found.first().and_then(|v| v.series.clone());
        let Some(series) = series.or_else(|| row.series.first().map(|s| s.0.clone())) else {
            cx.complain(say::now::no_series_of_this());
            return;
        };
        cx.jump = Some(Jump::Chart {
            query: wire::series_query(&series),
            title: format!("{} {}", wire::series_name(&series), wire::series_labels(&series)),
            series_id: series.id,
            at_ms: self.cursor_ms.filter(|at| *at <= axis.now_ms),
        });
    }
}

fn key_of(set: &str, objective: &str) -> Vec<u8> {
    format!("{set}\u{0}{objective}").into_bytes()
}

impl Filterable for LaneRow {
    const FIELDS: &'static [&'static str] = &["name", "state"];

    fn haystack(&self) -> &str {
        self.name.as_str()
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "name" => Some(Value::Text(self.name.as_str())),
            "state" => Some(Value::Text(self.mark.key())),
            _ => None,
        }
    }
}

impl Row for LaneRow {
    fn key(&self) -> &[u8] {
        &self.key
    }

    /// As the overview has them: worst first.
    fn compare(&self, other: &Self, _: usize) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}
