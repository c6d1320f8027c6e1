//! Future violations: what breaks first, how sure that is, and how often such words were right.

mod columns;
mod rows;
mod view;
mod why;

use sla_domain::SafeText;
use sla_proto::violation::v1::{self as violation, ListFutureViolationsRequest, ListFutureViolationsResponse};

use crate::command::{Cmd, Scope};
use crate::context::list::List;
use crate::context::remote::Remote;
use crate::context::request::{Answer, Reply, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::{Context, Jump, wire};
use crate::filter::Filterable as _;
use crate::remembered::Remembered;
use crate::say;
use crate::screens::Screen;
use crate::screens::instance::{self, InstanceChart, Slots};
use crate::widget::canvas::Canvas;
use crate::widget::columns::Columns;
use rows::{FutureRow, SORTS};

/// Rows of words below the table.
const WORDS_ROWS: u16 = 6;
/// How far back the chart beside the table reaches: enough to see where the forecast starts from, milliseconds.
const CHART_BACK_MS: i64 = 3_600_000;
/// Read again at most this often while figures change, milliseconds.
const REFRESH_MS: i64 = 5_000;

/// The list and what is said about the chosen row.
#[derive(Debug, Default)]
pub(crate) struct FutureScreen {
    columns: Columns,
    rows: Remote<Vec<FutureRow>>,
    list: List,
    chart: InstanceChart,
    asked_ms: i64,
}

impl FutureScreen {
    pub(crate) fn new(remembered: &Remembered) -> Self {
        Self {
            columns: Columns::new(&columns::COLUMNS, remembered.columns_of("future")),
            ..Self::default()
        }
    }

    fn items(&self) -> &[FutureRow] {
        self.rows.rows()
    }

    fn current(&self) -> Option<&FutureRow> {
        self.list.current().and_then(|at| self.items().get(at))
    }

    fn height(cx: &Context) -> usize {
        usize::from(cx.screen_height().saturating_sub(1 + Self::words_rows(cx)))
    }

    fn words_rows(cx: &Context) -> u16 {
        match cx.screen_height() {
            // The words stand above the chart beside the table.
            _ if instance::split(cx.size.0).1 > 0 => 0,
            14.. => WORDS_ROWS,
            _ => 1,
        }
    }

    fn apply(&mut self, cx: &Context) {
        let rows = self.rows.rows();
        self.list.apply(rows, Self::height(cx));
    }
}

impl Screen for FutureScreen {
    fn refresh(&mut self, cx: &mut Context) {
        self.asked_ms = cx.now.mono_ms;
        self.chart.rest(cx);
        let id = cx.call(Slot::Future, ListFutureViolationsRequest::default());
        self.rows.asked(id, cx.now.wall_ms);
    }

    fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        let due = self.rows.get().is_none() || cx.now.mono_ms - self.asked_ms >= REFRESH_MS;
        if visible && due && !self.rows.is_loading() {
            self.refresh(cx);
        }
    }

    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        let rows = self.rows.rows();
        if self.list.command(cmd, rows, Self::height(cx)) {
            self.chart.rest(cx);
            return true;
        }
        match cmd {
            Cmd::Open => {
                if let Some(row) = self.current() {
                    let series_id = row.series.id.clone();
                    let title = row.title();
                    cx.jump = Some(Jump::Chart {
                        query: wire::series_query(&row.series),
                        series_id,
                        title,
                        at_ms: None,
                    });
                }
            }
            Cmd::Sort => {
                if let Err(why) = self.list.sort_by(&SORTS, argument) {
                    cx.complain(why);
                }
                self.apply(cx);
            }
            Cmd::Export => rows::export(self.list.passing(self.rows.rows())).write(cx, argument),
            _ => return false,
        }
        true
    }

    fn set_filter(&mut self, cx: &Context, text: &str) {
        self.list.set_filter(text);
        self.apply(cx);
    }

    fn list(&self) -> &List {
        &self.list
    }

    fn resized(&mut self, cx: &mut Context) {
        self.apply(cx);
        self.chart.rest(cx);
    }

    /// The chosen series over the longest window.
    fn shown_query(&self, cx: &Context) -> Option<Shown> {
        let now = cx.data_now_ms();
        let longest_ms = cx.windows_ms().last().copied().unwrap_or_default();
        let query = wire::series_query(&self.current()?.series);
        Some(Shown::new(&query, now - longest_ms, now))
    }

    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        let Some(result) = self.chart.reply(cx, Slots::FUTURE, slot, (id, result)) else {
            return;
        };
        let rows = result
            .and_then(Reply::take::<ListFutureViolationsResponse>)
            .map(|mut future| {
                for series in future.rows.iter_mut().filter_map(|row| row.series.as_mut()) {
                    cx.wall().word_series(series);
                }
                rows_of(cx, future.rows)
            });
        self.rows.answer(id, rows, cx.now.wall_ms);
        self.apply(cx);
    }

    fn click(&mut self, cx: &mut Context, (x, row): (u16, u16)) -> bool {
        let columns = self.columns.shown();
        if row == 0 {
            let placed = self.placed(&columns, instance::split(cx.size.0).0);
            let title = crate::widget::table::title_at(&columns, &placed, x);
            let sort = title.map(|title| if title == "S" { "STATE" } else { title });
            if let Some(sort) = sort.filter(|sort| SORTS.contains(sort)) {
                self.command(cx, Cmd::Sort, Some(sort));
            }
            return false;
        }
        let (line, height) = (usize::from(row) - 1, Self::height(cx));
        if line >= height.min(self.list.shown().len()) {
            return false;
        }
        let rows = self.rows.rows();
        self.list.choose(line, rows, height);
        self.chart.rest(cx);
        true
    }

    fn filter_fields(&self) -> &'static [&'static str] {
        FutureRow::FIELDS
    }

    fn sorts(&self) -> &'static [&'static str] {
        &SORTS
    }

    fn value(&self, _: &Context) -> Option<String> {
        self.current()?.outlook.probability.map(sla_domain::quantity::bare)
    }

    fn row_text(&self, cx: &Context) -> Option<String> {
        let row = self.current()?;
        let p = crate::screens::trust::probability(&row.outlook).unwrap_or_else(|| "–".to_owned());
        let first = row
            .first_ms()
            .map_or_else(String::new, |t| say::future::first(&cx.zone.clock(t)));
        let trust = crate::screens::trust::words(&row.outlook);
        Some(format!("{}  {}  {p}{first}  {trust}", row.title(), row.range))
    }

    fn remember(&self, out: &mut Remembered) {
        out.keep_columns("future", &self.columns);
    }

    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        self.draw_all(cx, canvas);
    }

    fn why(&self, cx: &Context) -> (String, Vec<String>) {
        self.provenance(cx)
    }

    fn slots(&self) -> &'static [Slot] {
        &[Slot::Future, Slots::FUTURE.chart, Slots::FUTURE.usual]
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::Future, Scope::List]
    }

    fn deadline_ms(&self) -> Option<i64> {
        self.chart.deadline_ms()
    }

    fn tick(&mut self, cx: &mut Context) {
        let beside = instance::split(cx.size.0).1 > 0;
        let series = self.current().filter(|_| beside).map(|row| row.series.clone());
        self.chart.tick(cx, Slots::FUTURE, series.as_ref(), CHART_BACK_MS);
    }

    fn columns_mut(&mut self) -> Option<&mut Columns> {
        Some(&mut self.columns)
    }
}

/// The rows with what tells them apart: labels, and the set where there are several.
fn rows_of(cx: &Context, told: Vec<violation::FutureRow>) -> Vec<FutureRow> {
    let mut rows: Vec<FutureRow> = told.into_iter().enumerate().map(FutureRow::new).collect();
    if rows.iter().any(|row| row.set_id != rows[0].set_id) {
        let names = cx.set_names();
        for row in &mut rows {
            if let Some(set) = names.get(&row.set_id) {
                row.name = SafeText::new(&format!("{} ({set})", row.name));
            }
        }
    }
    let labels = wire::telling_labels(&rows.iter().map(|row| &row.series).collect::<Vec<_>>());
    for (row, labels) in rows.iter_mut().zip(labels) {
        row.labels = labels;
    }
    rows
}
