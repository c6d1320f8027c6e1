//! Now: what is wrong, since when and what comes next, one row an instance; and the timeline of past and future.

mod columns;
mod history;
mod lanes;
mod readout;
mod rows;
mod timeline;
mod view;

use sla_proto::notify::v1::{AcknowledgeRequest, SnoozeRequest, Subject};

use crate::command::{Cmd, Need, Scope};
use crate::context::list::List;
use crate::context::request::{Answer, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::{Context, Jump, wire};
use crate::filter::Filterable as _;
use crate::remembered::Remembered;
use crate::say;
use crate::screens::instance::{InstanceChart, Slots};
use crate::screens::{Screen, provenance};
use crate::widget::canvas::Canvas;
use crate::widget::columns::Columns;
use history::{History, past_ms};
use lanes::Timeline;
use rows::{Kind, NowRow};

/// The rows, the chart of the chosen one, and the timeline over them.
#[derive(Debug, Default)]
pub(crate) struct NowScreen {
    columns: Columns,
    history: History,
    rows: Vec<NowRow>,
    list: List,
    unfolded: Vec<Kind>,
    /// What stands below the lines of folds that are closed.
    below: Vec<NowRow>,
    chart: InstanceChart,
    timeline: Timeline,
    /// The cursor was moved: until then it stays on the worst.
    moved: bool,
}

impl NowScreen {
    pub(crate) fn new(remembered: &Remembered) -> Self {
        Self {
            columns: Columns::new(&columns::COLUMNS, remembered.columns_of("now")),
            ..Self::default()
        }
    }

    fn current(&self) -> Option<&NowRow> {
        self.list.current().and_then(|at| self.rows.get(at))
    }

    /// Rows of the table: what it needs, at most what leaves room for the chart.
    fn height(&self, cx: &Context) -> usize {
        let screen = usize::from(cx.screen_height().saturating_sub(1));
        let chart = if screen >= 14 { screen * 2 / 5 } else { 1 };
        (self.list.shown().len().max(1)).min(screen.saturating_sub(chart))
    }

    fn rebuild(&mut self, cx: &Context) {
        (self.rows, self.below) = rows::rows(cx, &self.history, &self.unfolded);
        self.apply(cx);
        self.timeline.rebuild(cx);
    }

    fn apply(&mut self, cx: &Context) {
        // The height follows the rows that pass.
        self.list.apply(&self.rows, usize::from(cx.screen_height()));
        let height = self.height(cx);
        self.list.apply(&self.rows, height);
        if !self.moved {
            self.list.command(Cmd::Top, &self.rows, height);
        }
    }

    fn open(&mut self, cx: &mut Context) {
        let Some(row) = self.current() else { return };
        if row.folded > 0 {
            self.turn_fold(cx);
        } else if row.series.id.is_empty() {
            cx.complain(say::now::no_series_of_it(&row.title()));
        } else {
            cx.jump = Some(Jump::Chart {
                query: wire::series_query(&row.series),
                series_id: row.series.id.clone(),
                title: row.title(),
                at_ms: None,
            });
        }
    }

    fn turn_fold(&mut self, cx: &mut Context) {
        let Some(kind) = self.current().map(|row| row.kind) else {
            return;
        };
        let open = self.unfolded.contains(&kind);
        self.unfolded.retain(|have| *have != kind);
        if !open {
            self.unfolded.push(kind);
        }
        self.rebuild(cx);
    }

    /// Nobody is to be told of the chosen series for a while, or until its violation ends.
    fn take_care(&self, cx: &mut Context, cmd: Cmd) {
        let row = self
            .current()
            .filter(|row| row.folded == 0 && !row.series.id.is_empty());
        let Some(row) = row.filter(|_| !self.timeline.is_open()) else {
            cx.complain(say::now::choose_a_row_about());
            return;
        };
        let subject = Some(Subject {
            handle: String::new(),
            objective_id: row.key.1.clone(),
            series_id: row.series.id.clone(),
        });
        if cmd == Cmd::Acknowledge {
            cx.call(Slot::Mark, AcknowledgeRequest { subject });
        } else {
            cx.call(Slot::Mark, SnoozeRequest { subject, length: None });
        }
    }

    /// To the next row that is violated, round the end.
    fn next_violated(&mut self, cx: &Context, by: isize) {
        let shown = self.list.shown();
        let here = shown
            .iter()
            .position(|at| Some(*at) == self.list.current())
            .unwrap_or(0) as isize;
        let count = shown.len() as isize;
        let next = (1..=count)
            .map(|n| shown[(here + by * n).rem_euclid(count) as usize])
            .find(|at| matches!(self.rows[*at].kind, Kind::Violated | Kind::LostViolated));
        if let Some(key) = next.map(|at| crate::context::list::Row::key(&self.rows[at]).to_vec()) {
            self.list.follow(&key);
            self.apply(cx);
        }
    }
}

impl Screen for NowScreen {
    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        if self.timeline.is_open() {
            self.timeline.draw(cx, &self.history, canvas);
        } else {
            self.draw_all(cx, canvas);
        }
    }

    fn scopes(&self) -> Vec<Scope> {
        if self.timeline.is_open() {
            vec![Scope::Timeline, Scope::Now, Scope::List]
        } else {
            vec![Scope::Now, Scope::List]
        }
    }

    fn slots(&self) -> &'static [Slot] {
        &[
            Slot::NowLedger,
            Slot::NowSeen,
            Slot::NowFuture,
            Slot::NowMarks,
            Slot::NowChart,
            Slot::NowUsual,
        ]
    }

    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        let Some(result) = self.chart.reply(cx, Slots::NOW, slot, (id, result)) else {
            return;
        };
        self.history.reply(cx, slot, id, result);
        self.rebuild(cx);
    }

    fn refresh(&mut self, cx: &mut Context) {
        self.history.refresh(cx, true);
        self.rebuild(cx);
        self.chart.rest(cx);
    }

    fn sets_known(&mut self, cx: &mut Context) {
        self.history.refresh(cx, false);
        self.rebuild(cx);
    }

    fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        self.rebuild(cx);
        if visible {
            self.history.refresh(cx, false);
            self.chart.rest(cx);
        }
    }

    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        if cmd == Cmd::Timeline {
            let of = self.current().map(|row| row.key.clone());
            self.timeline.turn(cx, of.as_ref());
            return true;
        }
        if self.timeline.is_open() && self.timeline.command(cx, &self.history, cmd) {
            return true;
        }
        let height = self.height(cx);
        self.moved = true;
        if self.list.command(cmd, &self.rows, height) {
            self.chart.rest(cx);
            return true;
        }
        match cmd {
            Cmd::Open => self.open(cx),
            Cmd::Fold => self.turn_fold(cx),
            Cmd::EditRange => {
                if let Some((set_id, objective_id)) = self.chosen() {
                    cx.jump = Some(Jump::Edit { set_id, objective_id });
                }
            }
            Cmd::Snooze | Cmd::Acknowledge => self.take_care(cx, cmd),
            Cmd::NextViolation => self.next_violated(cx, 1),
            Cmd::PreviousViolation => self.next_violated(cx, -1),
            Cmd::Export => readout::export(&self.rows).write(cx, argument),
            Cmd::Sort => cx.say(say::now::the_worst_stands_on()),
            _ => return false,
        }
        true
    }

    fn back(&mut self, cx: &mut Context) -> bool {
        if self.timeline.is_open() {
            self.timeline.turn(cx, None);
            return true;
        }
        false
    }

    fn set_filter(&mut self, cx: &Context, text: &str) {
        if self.timeline.is_open() {
            self.timeline.set_filter(cx, text);
        } else {
            self.list.set_filter(text);
            self.apply(cx);
        }
    }

    fn list(&self) -> &List {
        if self.timeline.is_open() {
            self.timeline.list()
        } else {
            &self.list
        }
    }

    fn resized(&mut self, cx: &mut Context) {
        self.apply(cx);
        self.timeline.rebuild(cx);
        self.chart.rest(cx);
    }

    fn why(&self, cx: &Context) -> (String, Vec<String>) {
        let mut lines = provenance::source_lines(cx);
        let Some(row) = self.current() else {
            return (say::now::what_is_wrong_now().to_owned(), lines);
        };
        lines.push(say::now::series(&wire::series_promql(&row.series)));
        if let Some((status, series)) = cx.status_of(&row.series.id) {
            if let Some(objective) = &status.objective {
                lines.extend(provenance::rule_lines(objective, Some(series.cap_ms)));
            }
            lines.extend(
                series
                    .windows
                    .iter()
                    .flat_map(|w| provenance::window_lines(w, row.unit)),
            );
        }
        if let Some(outlook) = &row.outlook {
            lines.extend(provenance::outlook_lines(cx, outlook));
        }
        lines.push(say::now::lane_from_the_ledger().to_owned());
        (row.title(), lines)
    }

    fn shown_query(&self, cx: &Context) -> Option<Shown> {
        let row = self.current().filter(|row| !row.series.id.is_empty())?;
        let now = cx.data_now_ms();
        Some(Shown::new(&wire::series_query(&row.series), now - past_ms(cx), now))
    }

    fn offers(&self, cmd: Cmd) -> bool {
        match cmd {
            Cmd::Fold => {
                let row = self.current().filter(|_| !self.timeline.is_open());
                row.is_some_and(|row| row.folded > 0 || row.is_nested())
            }
            Cmd::Sort => false,
            Cmd::PreviousViolation => self.timeline.is_open(),
            _ => true,
        }
    }

    fn has(&self, need: Need) -> bool {
        need == Need::Instance && self.chosen().is_some()
    }

    fn click(&mut self, cx: &mut Context, (_, row): (u16, u16)) -> bool {
        let height = self.height(cx);
        let line = row.checked_sub(1).map(usize::from);
        let Some(line) = line.filter(|line| *line < height && !self.timeline.is_open()) else {
            return false;
        };
        self.moved = true;
        self.list.choose(line, &self.rows, height);
        self.chart.rest(cx);
        true
    }

    fn moment(&self, _: &Context) -> Option<Jump> {
        let row = self.current().filter(|row| !row.series.id.is_empty())?;
        let open = row.open.as_deref();
        Some(Jump::Chart {
            query: wire::series_query(&row.series),
            series_id: row.series.id.clone(),
            title: row.title(),
            at_ms: open.and_then(|open| wire::ms(open.start.as_ref())).or(row.silent_ms),
        })
    }

    fn filter_fields(&self) -> &'static [&'static str] {
        NowRow::FIELDS
    }

    fn value(&self, _: &Context) -> Option<String> {
        self.current()?.now.map(sla_domain::quantity::bare)
    }

    fn row_text(&self, cx: &Context) -> Option<String> {
        let row = self.current()?;
        let told = readout::row(cx, &self.history, row);
        Some(told.replacen(": ", "  ", 1))
    }

    fn deadline_ms(&self) -> Option<i64> {
        self.chart.deadline_ms()
    }

    fn tick(&mut self, cx: &mut Context) {
        let series = self.current().map(|row| row.series.clone());
        self.chart.tick(cx, Slots::NOW, series.as_ref(), cx.window_ms());
    }

    fn columns_mut(&mut self) -> Option<&mut Columns> {
        (!self.timeline.is_open()).then_some(&mut self.columns)
    }

    fn remember(&self, out: &mut Remembered) {
        out.keep_columns("now", &self.columns);
    }
}

impl NowScreen {
    /// Set and objective of the chosen row or lane.
    fn chosen(&self) -> Option<(String, String)> {
        if self.timeline.is_open() {
            return self.timeline.chosen();
        }
        let row = self.current().filter(|row| row.folded == 0)?;
        Some((row.key.0.clone(), row.key.1.clone()))
    }
}
