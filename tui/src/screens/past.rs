//! Past violations: per objective and window, and below it the ledger of intervals.

mod beside;
mod columns;
mod paused;
mod rows;
mod view;
mod why;

use std::collections::BTreeSet;

use sla_domain::SafeText;
use sla_proto::convert as time;
use sla_proto::series::v1::Query;
use sla_proto::violation::v1::{EvaluateRequest, EvaluateResponse, ListViolationsRequest, ListViolationsResponse};

use crate::command::{Cmd, Need, Scope};
use crate::context::list::List;
use crate::context::remote::Remote;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::{Context, Jump, wire};
use crate::filter::Filterable as _;
use crate::format::number;
use crate::overlay::Overlay;
use crate::remembered::Remembered;
use crate::say;
use crate::screens::Screen;
use crate::screens::instance::{self, InstanceChart, Slots};
use crate::widget::canvas::Canvas;
use crate::widget::columns::Columns;
use paused::Paused;
use rows::{ObjectiveRow, Resumed, SORTS, ViolationRow};

/// Violations read of one objective.
const LEDGER_ROWS: u32 = 200;
/// A sample list looks this far around its interval, milliseconds.
const SAMPLES_MARGIN_MS: i64 = 60_000;

/// Which half has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Pane {
    #[default]
    Objectives,
    Ledger,
}

/// Of what the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LedgerOf {
    /// Ids.
    set: String,
    objective: String,
    /// Empty: all series of the objective.
    series: Vec<u8>,
}

/// Objectives above, ledger below.
#[derive(Debug, Default)]
pub(crate) struct PastScreen {
    columns: Columns,
    objectives: Vec<ObjectiveRow>,
    list: List,
    /// It was on screen: until then the cursor is with the worst, whichever that is meanwhile.
    seen: bool,
    pane: Pane,
    /// Keys of the objectives whose series are shown.
    unfolded: BTreeSet<Vec<u8>>,
    ledger: Remote<Vec<ViolationRow>>,
    /// The ledger as it is shown, with what unknown time separates joined.
    shown: Vec<ViolationRow>,
    ledger_list: List,
    ledger_of: Option<LedgerOf>,
    /// Which intervals only go on after a gap.
    resumed: Resumed,
    samples_of: Option<ViolationRow>,
    paused: Paused,
    chart: InstanceChart,
}

impl PastScreen {
    pub(crate) fn new(remembered: &Remembered) -> Self {
        Self {
            columns: Columns::new(&columns::LEDGER_COLUMNS, remembered.columns_of("past")),
            ..Self::default()
        }
    }

    fn current(&self) -> Option<&ObjectiveRow> {
        self.list.current().and_then(|at| self.objectives.get(at))
    }

    fn violations(&self) -> &[ViolationRow] {
        &self.shown
    }

    fn show_ledger(&mut self, cx: &Context) {
        self.shown = rows::joined(self.ledger.rows(), &self.resumed);
        let labels = wire::telling_labels(&self.shown.iter().map(|row| &row.series).collect::<Vec<_>>());
        for (row, labels) in self.shown.iter_mut().zip(labels) {
            // Of one series alone all labels are shared, and all are shown.
            if !labels.is_empty() {
                row.labels = labels;
            }
        }
        self.ledger_list.apply(&self.shown, Self::heights(cx).1);
    }

    fn violation(&self) -> Option<&ViolationRow> {
        self.ledger_list.current().and_then(|at| self.violations().get(at))
    }

    /// Rows of the upper and of the lower list.
    fn heights(cx: &Context) -> (usize, usize) {
        let screen = cx.screen_height();
        let upper = (screen / 2).saturating_sub(1);
        // Header, rule, ledger header and the line of words.
        let lower = screen.saturating_sub(upper + 4);
        (usize::from(upper), usize::from(lower))
    }

    fn take_overview(&mut self, cx: &Context) {
        let statuses = cx.overview.get().map_or(&[][..], |o| o.objectives.as_slice());
        self.objectives = statuses
            .iter()
            .enumerate()
            .flat_map(|(rank, status)| {
                let id = status.objective.as_ref().map_or("", |o| o.id.as_str());
                let unfolded = self.unfolded.contains(&rows::key_of(&status.set_id, id));
                ObjectiveRow::family((rank, status), unfolded)
            })
            .collect();
        let judged = self.objectives.len();
        let sets = cx.sets.rows().iter();
        for set in sets.filter(|set| !set.active) {
            for objective in set.objectives.iter().filter(|o| !o.id.is_empty()) {
                let kept = self.paused.kept(cx, &set.id, &objective.id);
                let row = ObjectiveRow::not_watched(self.objectives.len(), set, objective, kept);
                let known = &self.objectives[..judged];
                if !known
                    .iter()
                    .any(|have| have.set_id == row.set_id && have.objective_id == row.objective_id)
                {
                    self.objectives.push(row);
                }
            }
        }
        // Two sets may hold objectives of one name.
        if self
            .objectives
            .iter()
            .any(|row| row.set_id != self.objectives[0].set_id)
        {
            for row in self.objectives.iter_mut().filter(|row| row.series.is_none()) {
                row.name = SafeText::new(&format!("{} ({})", row.name, row.set_name));
            }
        }
        if !self.seen {
            self.list.follow(&[]);
        }
        self.list.apply(&self.objectives, Self::heights(cx).0);
    }

    fn read_ledger(&mut self, cx: &mut Context, again: bool) {
        let Some(row) = self.current() else { return };
        let of = LedgerOf {
            set: row.set_id.clone(),
            objective: row.objective_id.clone(),
            series: row.series_id(),
        };
        let other = self.ledger_of.as_ref() != Some(&of);
        if !other && (!again || self.ledger.is_loading()) {
            return;
        }
        if other {
            self.ledger.clear();
            self.shown.clear();
            self.resumed.clear();
            self.ledger_list = List::default();
        }
        let request = ListViolationsRequest {
            set: of.set.clone(),
            objective_id: of.objective.clone(),
            series_id: of.series.clone(),
            page_size: LEDGER_ROWS,
            ..ListViolationsRequest::default()
        };
        let gaps = EvaluateRequest {
            set: of.set.clone(),
            objective_id: of.objective.clone(),
            windows: cx.windows_ms().last().map(|w| time::duration(*w)).into_iter().collect(),
            with_intervals: true,
            cached_only: true,
            ..EvaluateRequest::default()
        };
        self.ledger_of = Some(of);
        let id = cx.call(Slot::Ledger, request);
        self.ledger.asked(id, cx.now.wall_ms);
        cx.call(Slot::Gaps, gaps);
    }

    /// Shows the ledger of one objective.
    fn follow(&mut self, cx: &mut Context, set_id: &str, objective_id: &str) {
        self.seen = true;
        self.list.set_filter("");
        self.list.follow(&rows::key_of(set_id, objective_id));
        self.take_overview(cx);
        self.read_ledger(cx, false);
        self.pane = Pane::Ledger;
    }

    /// Shows or hides the series of the chosen objective; from one of its series the whole goes.
    fn turn_fold(&mut self, cx: &mut Context) {
        let Some(row) = self.current() else { return };
        let key = rows::key_of(&row.set_id, &row.objective_id);
        if !self.unfolded.remove(&key) {
            self.unfolded.insert(key.clone());
        }
        self.pane = Pane::Objectives;
        self.list.follow(&key);
        self.take_overview(cx);
        self.read_ledger(cx, false);
    }

    /// Asks for the violating samples of the chosen interval: the stored objective, judged again over just that stretch.
    fn ask_samples(&mut self, cx: &mut Context) {
        let (Some(row), Some(of)) = (self.violation().cloned(), self.ledger_of.clone()) else {
            cx.complain(say::past::samples_choose_an_interval());
            return;
        };
        let end = row.end_ms.unwrap_or_else(|| cx.data_now_ms()) + SAMPLES_MARGIN_MS;
        let end = end.min(cx.data_now_ms());
        let window = (end - row.start_ms + SAMPLES_MARGIN_MS).max(SAMPLES_MARGIN_MS);
        let request = EvaluateRequest {
            set: of.set,
            objective_id: of.objective,
            at: Some(time::timestamp(end)),
            windows: vec![time::duration(window)],
            with_intervals: true,
            ..EvaluateRequest::default()
        };
        self.samples_of = Some(row);
        cx.call(Slot::Samples, request);
    }

    fn show_samples(&mut self, cx: &mut Context, response: &EvaluateResponse) {
        let Some(row) = self.samples_of.take() else { return };
        let mut lines = Vec::new();
        let now = cx.data_now_ms();
        let series = response.objectives.iter().flat_map(|o| &o.series);
        for status in series.filter(|s| s.series.as_ref().is_some_and(|series| series.id == row.series.id)) {
            for interval in status.windows.iter().flat_map(|w| &w.intervals) {
                for (at, value) in interval.sample_times.iter().zip(&interval.sample_values) {
                    // The stretch judged is a little wider than the interval.
                    let inside = row.start_ms..=row.end_ms.unwrap_or(i64::MAX);
                    if !inside.contains(&time::millis(at)) {
                        continue;
                    }
                    let when = cx.zone.moment(time::millis(at), now);
                    lines.push(format!(
                        "{when:<16} {:>12}  {}",
                        number(*value, row.unit),
                        wire::side_word(interval.side())
                    ));
                }
            }
        }
        if lines.is_empty() {
            lines.push(say::past::its_samples_are_no().to_owned());
        }
        let title = say::past::violating_samples_of(&wire::series_name(&row.series), &row.labels);
        cx.overlay = Some(Overlay::text(SafeText::new(&title).into_string(), lines));
    }
}

impl Screen for PastScreen {
    fn refresh(&mut self, cx: &mut Context) {
        self.chart.rest(cx);
        self.paused.refresh(cx);
        self.take_overview(cx);
        self.read_ledger(cx, true);
    }

    fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        self.seen |= visible;
        self.take_overview(cx);
        if visible {
            self.chart.rest(cx);
            self.paused.refresh(cx);
            // What is open grows; a reading each evaluation is one stored query.
            self.read_ledger(cx, true);
        }
    }

    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        self.seen = true;
        let (upper, lower) = Self::heights(cx);
        let moved = if self.pane == Pane::Ledger {
            self.ledger_list.command(cmd, &self.shown, lower)
        } else {
            let moved = self.list.command(cmd, &self.objectives, upper);
            if moved {
                self.read_ledger(cx, false);
            }
            moved
        };
        // Whatever was asked may have changed which series the cursor is about.
        self.chart.rest(cx);
        if moved {
            return true;
        }
        match cmd {
            Cmd::NextPane => {
                self.pane = if self.pane == Pane::Ledger {
                    Pane::Objectives
                } else {
                    Pane::Ledger
                };
            }
            Cmd::Unfold => self.turn_fold(cx),
            Cmd::Open if self.pane == Pane::Objectives => self.pane = Pane::Ledger,
            Cmd::Open => {
                if let Some(chart) = self.moment(cx) {
                    cx.jump = Some(chart);
                }
            }
            Cmd::Samples => self.ask_samples(cx),
            Cmd::Sort => {
                if let Err(why) = self.list.sort_by(&SORTS, argument) {
                    cx.complain(why);
                }
                self.list.apply(&self.objectives, upper);
            }
            Cmd::Export => rows::export(self.violations(), &self.objectives).write(cx, argument),
            _ => return false,
        }
        true
    }

    fn back(&mut self, _: &mut Context) -> bool {
        if self.pane == Pane::Ledger && self.ledger_list.filter().is_empty() {
            self.pane = Pane::Objectives;
            return true;
        }
        false
    }

    fn set_filter(&mut self, cx: &Context, text: &str) {
        let (upper, lower) = Self::heights(cx);
        if self.pane == Pane::Ledger {
            self.ledger_list.set_filter(text);
            self.ledger_list.apply(&self.shown, lower);
        } else {
            self.list.set_filter(text);
            self.list.apply(&self.objectives, upper);
        }
    }

    fn list(&self) -> &List {
        if self.pane == Pane::Ledger {
            &self.ledger_list
        } else {
            &self.list
        }
    }

    fn resized(&mut self, cx: &mut Context) {
        let (upper, lower) = Self::heights(cx);
        self.list.apply(&self.objectives, upper);
        self.ledger_list.apply(&self.shown, lower);
        self.chart.rest(cx);
    }

    /// The chosen interval, or the chosen objective over the longest window.
    fn shown_query(&self, cx: &Context) -> Option<Shown> {
        let now = cx.data_now_ms();
        if let Some(row) = self.violation().filter(|_| self.pane == Pane::Ledger) {
            let end = row.end_ms.unwrap_or(now);
            let query = wire::series_query(&row.series);
            return Some(Shown::new(
                &query,
                row.start_ms - SAMPLES_MARGIN_MS,
                (end + SAMPLES_MARGIN_MS).min(now),
            ));
        }
        let row = self.current()?;
        let longest_ms = cx.windows_ms().last().copied().unwrap_or_default();
        let query = Query {
            source: row.source.clone(),
            ..wire::query_from_text(&row.query)
        };
        Some(Shown::new(&query, now - longest_ms, now))
    }

    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        let Some(result) = self.chart.reply(cx, Slots::PAST, slot, (id, result)) else {
            return;
        };
        match (slot, result) {
            (Slot::Ledger, result) => {
                let now_ms = cx.data_now_ms();
                let rows = |ledger: ListViolationsResponse| {
                    let violations = ledger.violations.into_iter();
                    violations.map(|v| ViolationRow::new(v, now_ms)).collect()
                };
                let ledger = result.and_then(Reply::take).map(rows);
                self.ledger.answer(id, ledger, cx.now.wall_ms);
                self.show_ledger(cx);
                self.chart.rest(cx);
            }
            (Slot::Gaps, Ok(Reply::Evaluate(response))) => {
                self.resumed = resumed(&response);
                self.show_ledger(cx);
            }
            // Without them the intervals stand apart, as they are stored.
            (Slot::Gaps, _) => {}
            (Slot::PausedLedger, result) => {
                self.paused.answer(cx, id, result);
                self.take_overview(cx);
            }
            (_, result) => match result.and_then(Reply::take) {
                Ok(response) => self.show_samples(cx, &response),
                Err(problem) => cx.complain(problem.sentence()),
            },
        }
    }

    fn click(&mut self, cx: &mut Context, (_, row): (u16, u16)) -> bool {
        let (upper, lower) = Self::heights(cx);
        let row = usize::from(row);
        if row == 0 {
            self.command(cx, Cmd::Sort, None);
        } else if row <= upper && row <= self.list.shown().len() {
            self.pane = Pane::Objectives;
            self.list.choose(row - 1, &self.objectives, upper);
            self.chart.rest(cx);
            self.read_ledger(cx, false);
            return true;
        } else if let Some(line) = row.checked_sub(upper + 3)
            && line < lower.min(self.ledger_list.shown().len())
        {
            self.pane = Pane::Ledger;
            self.ledger_list.choose(line, &self.shown, lower);
            self.chart.rest(cx);
            return true;
        }
        false
    }

    fn filter_fields(&self) -> &'static [&'static str] {
        if self.pane == Pane::Ledger {
            ViolationRow::FIELDS
        } else {
            ObjectiveRow::FIELDS
        }
    }

    fn sorts(&self) -> &'static [&'static str] {
        &SORTS
    }

    fn value(&self, _: &Context) -> Option<String> {
        if self.pane == Pane::Ledger {
            return self.violation().map(|row| sla_domain::quantity::bare(row.worst));
        }
        self.current()?.worst().map(sla_domain::quantity::bare)
    }

    fn row_text(&self, cx: &Context) -> Option<String> {
        let objective = self.current()?;
        let Some(row) = self.violation().filter(|_| self.pane == Pane::Ledger) else {
            return Some(format!("{}  {}", objective.name, objective.range));
        };
        let now = cx.data_now_ms();
        let end = row
            .end_ms
            .map_or_else(|| say::past::open().to_owned(), |t| cx.zone.clock(t));
        Some(say::past::to_worst(
            &wire::series_name(&row.series),
            &row.labels,
            &cx.zone.moment(row.start_ms, now),
            &end,
            &crate::format::duration(row.duration_ms),
            &wire::side_word(row.side),
            &number(row.worst, row.unit),
        ))
    }

    fn moment(&self, _: &Context) -> Option<Jump> {
        let row = self.violation()?;
        Some(Jump::Chart {
            query: wire::series_query(&row.series),
            series_id: row.series.id.clone(),
            title: format!("{} {}", wire::series_name(&row.series), row.labels),
            at_ms: Some(row.start_ms),
        })
    }

    fn remember(&self, out: &mut Remembered) {
        out.keep_columns("past", &self.columns);
    }

    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        self.draw_all(cx, canvas);
    }

    fn why(&self, cx: &Context) -> (String, Vec<String>) {
        self.provenance(cx)
    }

    fn slots(&self) -> &'static [Slot] {
        &[
            Slot::Ledger,
            Slot::Gaps,
            Slot::PausedLedger,
            Slot::Samples,
            Slots::PAST.chart,
            Slots::PAST.usual,
        ]
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::Past, Scope::List]
    }

    fn at_arrival(&self) -> bool {
        self.pane == Pane::Ledger && self.ledger_list.filter().is_empty()
    }

    fn has(&self, need: Need) -> bool {
        need == Need::Unfolding && self.current().is_some_and(|row| row.unfolds() || row.series.is_some())
    }

    fn arrive(&mut self, cx: &mut Context, jump: Jump) {
        if let Jump::Past { set_id, objective_id } = jump {
            self.follow(cx, &set_id, &objective_id);
        }
    }

    fn deadline_ms(&self) -> Option<i64> {
        self.chart.deadline_ms()
    }

    fn tick(&mut self, cx: &mut Context) {
        let beside = instance::split(cx.size.0).1 > 0;
        let series = beside.then(|| self.charted(cx)).flatten();
        let back_ms = cx.windows_ms().last().copied().unwrap_or(cx.window_ms());
        self.chart.tick(cx, Slots::PAST, series.as_ref(), back_ms);
    }

    fn columns_mut(&mut self) -> Option<&mut Columns> {
        Some(&mut self.columns)
    }
}

/// The intervals that go on after unknown time, of all series and windows.
fn resumed(response: &EvaluateResponse) -> Resumed {
    let series = response.objectives.iter().flat_map(|o| &o.series);
    series
        .flat_map(|status| {
            let id = status.series.as_ref().map(|s| s.id.clone()).unwrap_or_default();
            let intervals = status.windows.iter().flat_map(|w| &w.intervals);
            intervals
                .filter(|interval| interval.resumes_after_gap)
                .filter_map(move |interval| wire::ms(interval.start.as_ref()).map(|start| (id.clone(), start)))
        })
        .collect()
}
