//! Metrics: names with counts, the series table, and everything about one series.

mod answers;
mod columns;
mod companion;
mod detail;
mod detail_past;
mod detail_view;
mod export;
mod hands;
mod kept;
mod names;
mod pages;
mod range;
mod reach;
mod rows;
mod trial;
mod tried;
mod view;
mod why;

use std::collections::BTreeMap;

use sla_proto::series::v1::Query;

use crate::command::{Cmd, Need, Scope};
use crate::context::list::List;
use crate::context::remote::Remote;
use crate::context::request::{Answer, Effect, RequestId, Slot};
use crate::context::shown::Shown;
use crate::context::{Context, Jump, wire};
use crate::filter::Filterable as _;
use crate::remembered::{Remembered, View};
use crate::screens::Screen;
use crate::widget::canvas::Canvas;
use crate::widget::columns::Columns;
use companion::{Companion, Kept};
use detail::Detail;
use reach::{PAGE_ROWS, Reach};
use rows::{NameRow, SORTS, SeriesRow};

/// Queries of one request (limit of the contract).
const QUERIES_MAX: usize = 50;
/// The table is read again at most this often while figures change, milliseconds; long tables more rarely.
const REFRESH_MS: i64 = 5_000;
const REFRESH_LONG_MS: i64 = 60_000;
/// From this many columns on the preview stands beside the table, from this many rows on below it.
const SIDE_WIDTH_MIN: u16 = 120;
const BELOW_HEIGHT_MIN: u16 = 34;
const BELOW_ROWS: u16 = 13;
/// The preview follows the cursor once it has rested this long, milliseconds.
const PREVIEW_REST_MS: i64 = 200;

/// What the table was read with.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableRead {
    pub(crate) total: u32,
    /// Of `total`, those that pass the filter.
    passing: u32,
    pub(crate) as_of_ms: Option<i64>,
    pub(crate) bytes: u64,
    pub(crate) read_ms: f64,
    pub(crate) problems: Vec<String>,
}

/// Names, series, detail.
#[derive(Debug, Default)]
pub(crate) struct MetricsScreen {
    names: Remote<Vec<NameRow>>,
    total_series: u32,
    total_names: usize,
    /// The page of names that is on its way follows those that are here.
    names_go_on: bool,
    names_list: List,
    /// What the table shows; empty = the queries of the active sets.
    queries: Vec<Query>,
    rows: Remote<TableRead>,
    /// At most [`reach::ROWS_MAX`], of a longer table [`reach::WINDOW_ROWS`], and which of all they are.
    items: Vec<SeriesRow>,
    reach: Reach,
    /// Room that names and labels usually need, terminal columns.
    widths: (u16, u16),
    list: List,
    /// By id, for rows that are no longer here are still picked: what is added to a set.
    picked: BTreeMap<Vec<u8>, (Query, String)>,
    show_names: bool,
    /// The names are shown because nothing was agreed; they go when something is.
    names_for_want: bool,
    hide_preview: bool,
    preview: Option<Detail>,
    preview_at_ms: Option<i64>,
    detail: Option<Detail>,
    /// What the next chart shows beside its own series.
    kept: Option<Kept>,
    asked_ms: i64,
    columns: Columns,
}

impl MetricsScreen {
    pub(crate) fn new(remembered: &Remembered) -> Self {
        let mut list = List::sorted(remembered.metrics_sort.min(SORTS.len() - 1), remembered.metrics_down);
        list.set_filter(&remembered.metrics_filter);
        let queries = remembered
            .metrics_queries
            .iter()
            .map(|text| wire::query_from_text(text))
            .take(QUERIES_MAX)
            .collect();
        Self {
            columns: Columns::new(&columns::COLUMNS, remembered.columns_of("metrics")),
            queries,
            list,
            ..Self::default()
        }
    }

    fn current(&self) -> Option<&SeriesRow> {
        self.list.current().and_then(|at| self.items.get(at))
    }

    fn in_names(&self) -> bool {
        self.show_names
    }

    /// Queries of the table: those chosen, else those of the sets in use.
    fn queries(&self, cx: &Context) -> Vec<Query> {
        if !self.queries.is_empty() {
            return self.queries.clone();
        }
        let mut out: Vec<Query> = cx.agreed_queries.clone().unwrap_or_default();
        out.truncate(QUERIES_MAX);
        for status in cx.overview.get().map(|o| o.objectives.as_slice()).unwrap_or_default() {
            if let Some(query) = status.objective.as_ref().and_then(|o| o.query.clone())
                && !out.contains(&query)
                && out.len() < QUERIES_MAX
            {
                out.push(query);
            }
        }
        out
    }

    /// Rows of the table on this terminal.
    fn height(&self, cx: &Context) -> usize {
        let screen = cx.screen_height();
        let below = if self.preview_below(cx) { BELOW_ROWS } else { 0 };
        usize::from(screen.saturating_sub(3 + below))
    }

    fn preview_beside(&self, cx: &Context) -> bool {
        !self.hide_preview && !self.in_names() && cx.size.0 >= SIDE_WIDTH_MIN
    }

    fn preview_below(&self, cx: &Context) -> bool {
        !self.hide_preview && !self.in_names() && cx.size.0 < SIDE_WIDTH_MIN && cx.size.1 >= BELOW_HEIGHT_MIN
    }

    /// Nothing agreed and nothing chosen: the names are the way in.
    fn show_names_for_want(&mut self, cx: &mut Context) {
        if cx.agreed_queries.as_ref().is_some_and(Vec::is_empty) {
            self.show_names = true;
            self.names_for_want = true;
            self.read_names(cx);
        }
    }

    pub(crate) fn show_query(&mut self, cx: &mut Context, text: &str) {
        self.queries = vec![wire::query_from_text(text)];
        self.show_names = false;
        self.detail = None;
        self.forget_rows();
        self.list.set_filter("");
        self.read_rows(cx);
    }

    pub(crate) fn open_chart(
        &mut self,
        cx: &mut Context,
        query: Query,
        series_id: Vec<u8>,
        title: String,
        at_ms: Option<i64>,
    ) {
        let other = self.kept.clone().filter(|kept| kept.series_id != series_id);
        let mut detail = Detail::new(query, series_id, title, cx.window_ms());
        detail.companion = other.map(Companion::new);
        detail.go_to(at_ms);
        detail.refresh(cx);
        self.detail = Some(detail);
    }

    /// The chosen row changed: the preview follows when the cursor rests.
    fn cursor_moved(&mut self, cx: &Context) {
        if self.preview_beside(cx) || self.preview_below(cx) {
            self.preview_at_ms = Some(cx.now.mono_ms + PREVIEW_REST_MS);
        }
    }
}

impl Screen for MetricsScreen {
    fn scopes(&self) -> Vec<Scope> {
        if self.detail.is_some() {
            vec![Scope::Detail, Scope::List]
        } else {
            vec![Scope::Metrics, Scope::List]
        }
    }

    fn refresh(&mut self, cx: &mut Context) {
        if let Some(detail) = &mut self.detail {
            detail.refresh(cx);
            return;
        }
        if self.in_names() {
            self.read_names(cx);
        } else {
            self.read_rows(cx);
        }
    }

    fn figures_changed(&mut self, cx: &mut Context, visible: bool) {
        for row in &mut self.items {
            row.state = cx.agreed.get(&row.series.id[..]).map(|a| a.state);
        }
        let height = self.height(cx);
        self.list.apply(&self.items, height);
        if self.names_for_want && !self.queries(cx).is_empty() {
            self.names_for_want = false;
            self.show_names = false;
        }
        if !visible {
            return;
        }
        if let Some(detail) = &mut self.detail {
            detail.figures_changed(cx);
            return;
        }
        if let Some(preview) = self.preview.as_mut().filter(|_| !self.show_names) {
            preview.figures_changed(cx);
        }
        let every = if self.items.len() > PAGE_ROWS as usize {
            REFRESH_LONG_MS
        } else {
            REFRESH_MS
        };
        let due = self.rows.get().is_none() || cx.now.mono_ms - self.asked_ms >= every;
        if !self.in_names() && !self.rows.is_loading() && due {
            self.read_rows(cx);
        } else if self.in_names() && self.names.get().is_none() && !self.names.is_loading() {
            self.read_names(cx);
        }
    }

    fn command(&mut self, cx: &mut Context, cmd: Cmd, argument: Option<&str>) -> bool {
        if let Some(detail) = &mut self.detail {
            if cmd == Cmd::AddToSet {
                cx.jump = Some(Jump::AddObjectives(vec![(detail.query.clone(), detail.title.clone())]));
                return true;
            }
            if cmd == Cmd::Compare {
                self.turn_companion(cx);
                return true;
            }
            return detail.command(cx, cmd, argument);
        }
        let height = self.height(cx);
        if self.in_names() {
            return self.names_command(cx, cmd, height);
        }
        if self.list.command(cmd, &self.items, height) {
            if cmd == Cmd::SortReverse {
                self.order_changed(cx);
            } else {
                self.cursor_went(cx, cmd);
            }
            self.cursor_moved(cx);
            return true;
        }
        match cmd {
            Cmd::Open => {
                if let Some(row) = self.current() {
                    let (query, id) = (row.series.query(), row.series.id.to_vec());
                    let title = format!("{} {}", row.name, row.labels);
                    self.open_chart(cx, query, id, title, None);
                }
            }
            Cmd::Select => {
                if let Some(row) = self.current() {
                    let (id, pick) = row.pick();
                    if self.picked.remove(&id).is_none() {
                        self.pick(cx, [(id, pick)]);
                    }
                    self.list.command(Cmd::Down, &self.items, height);
                    self.cursor_went(cx, Cmd::Down);
                }
            }
            Cmd::SelectAll => {
                let shown: Vec<_> = self.list.passing(&self.items).map(SeriesRow::pick).collect();
                if shown.iter().all(|(id, _)| self.picked.contains_key(id)) {
                    self.picked.clear();
                } else {
                    self.picked.clear();
                    self.pick(cx, shown);
                }
            }
            Cmd::AddToSet => self.add_to_set(cx),
            Cmd::Names => {
                self.show_names = true;
                self.read_names(cx);
            }
            Cmd::Preview => {
                self.hide_preview = !self.hide_preview;
                self.cursor_moved(cx);
            }
            Cmd::Sort => self.sort(cx, argument),
            Cmd::Export => self.table_file(cx.window_ms()).write(cx, argument),
            _ => return false,
        }
        true
    }

    fn back(&mut self, cx: &mut Context) -> bool {
        if self.detail.take().is_some() {
            cx.effect(Effect::Cancel(Slot::Detail));
            // Its requests may have been overtaken by those of the detail.
            self.preview = None;
            self.cursor_moved(cx);
            self.refresh(cx);
            return true;
        }
        // A filter is cleared before its list is left.
        let filtered = !self.filter_text().is_empty();
        if self.in_names() && !filtered && (!self.items.is_empty() || !self.queries(cx).is_empty()) {
            self.show_names = false;
            self.refresh(cx);
            return true;
        }
        if !self.picked.is_empty() {
            self.picked.clear();
            return true;
        }
        if self.list.filter().is_empty() && !self.queries.is_empty() {
            self.queries.clear();
            self.forget_rows();
            self.read_rows(cx);
            return true;
        }
        false
    }

    fn set_filter(&mut self, cx: &Context, text: &str) {
        let height = self.height(cx);
        if self.in_names() {
            self.names_list.set_filter(text);
            self.names_list.apply(self.names.rows(), height);
        } else {
            self.list.set_filter(text);
            self.take_order();
            self.list.apply(&self.items, height);
            self.filter_changed(cx);
        }
    }

    fn filter_text(&self) -> &str {
        if self.detail.is_some() {
            ""
        } else {
            self.list().filter().text()
        }
    }

    fn list(&self) -> &List {
        if self.in_names() { &self.names_list } else { &self.list }
    }

    fn resized(&mut self, cx: &mut Context) {
        let height = self.height(cx);
        self.list.apply(&self.items, height);
        self.names_list.apply(self.names.rows(), height);
        if let Some(detail) = &mut self.detail {
            detail.resized(cx);
        }
        self.cursor_moved(cx);
    }

    /// The chosen name, the chosen series over the window, or the chart with its range.
    fn shown_query(&self, cx: &Context) -> Option<Shown> {
        if let Some(detail) = &self.detail {
            return Some(detail.shown_query(cx));
        }
        let until = self
            .rows
            .get()
            .and_then(|r| r.as_of_ms)
            .unwrap_or_else(|| cx.data_now_ms());
        let query = if self.in_names() {
            let rows = self.names.get()?;
            wire::query_from_text(&rows.get(self.names_list.current()?)?.raw)
        } else {
            self.current()?.series.query()
        };
        Some(Shown::new(&query, until - cx.window_ms(), until))
    }

    /// The sets are listed: their series can be read, or there are none and the names are the way in.
    fn sets_known(&mut self, cx: &mut Context) {
        if self.rows.get().is_none() && !self.rows.is_loading() && !self.show_names && self.detail.is_none() {
            self.read_rows(cx);
        }
    }

    fn window_changed(&mut self, cx: &mut Context) {
        if let Some(detail) = &mut self.detail {
            detail.window_changed(cx);
        }
        if !self.in_names() && self.rows.get().is_some() {
            self.read_rows(cx);
        }
    }

    fn click(&mut self, cx: &mut Context, (x, line): (u16, u16)) -> bool {
        self.clicked(cx, x, line)
    }

    fn filter_fields(&self) -> &'static [&'static str] {
        if self.in_names() {
            NameRow::FIELDS
        } else {
            SeriesRow::FIELDS
        }
    }

    fn sorts(&self) -> &'static [&'static str] {
        &SORTS
    }

    fn value(&self, cx: &Context) -> Option<String> {
        self.value_of_row(cx)
    }

    fn row_text(&self, cx: &Context) -> Option<String> {
        self.text_of_row(cx)
    }

    fn series(&self) -> Vec<(String, Jump)> {
        self.items.iter().map(SeriesRow::found).collect()
    }

    fn show_view(&mut self, cx: &mut Context, view: &View) {
        self.take_view(cx, view);
    }

    fn deadline_ms(&self) -> Option<i64> {
        let tried = self.detail.as_ref().and_then(Detail::deadline_ms);
        [self.preview_at_ms, self.reach.ask_at_ms, tried]
            .into_iter()
            .flatten()
            .min()
    }

    fn trial_changed(&mut self, cx: &mut Context) {
        if let Some(detail) = &mut self.detail {
            detail.trial_changed(cx);
        }
    }

    fn tick(&mut self, cx: &mut Context) {
        if let Some(detail) = &mut self.detail {
            detail.try_when_due(cx);
        }
        self.filter_when_due(cx);
        if self.preview_at_ms.is_none_or(|at| at > cx.now.mono_ms) {
            return;
        }
        self.preview_at_ms = None;
        if self.detail.is_some() || self.in_names() {
            return;
        }
        let Some(row) = self.current() else { return };
        if self.preview.as_ref().is_some_and(|p| *p.series_id == *row.series.id) {
            return;
        }
        let title = format!("{} {}", row.name, row.labels);
        let mut preview = Detail::new(row.series.query(), row.series.id.to_vec(), title, cx.window_ms());
        preview.refresh(cx);
        self.preview = Some(preview);
    }

    fn columns_mut(&mut self) -> Option<&mut Columns> {
        (self.detail.is_none() && !self.in_names()).then_some(&mut self.columns)
    }

    fn remember(&self, out: &mut Remembered) {
        self.list.filter().text().clone_into(&mut out.metrics_filter);
        out.keep_columns("metrics", &self.columns);
        out.metrics_sort = self.list.sort;
        out.metrics_down = self.list.down;
        out.metrics_queries = self
            .queries
            .iter()
            .map(|q| wire::query_text(Some(q)).to_owned())
            .collect();
    }

    fn draw(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        self.draw_all(cx, canvas);
    }

    fn why(&self, cx: &Context) -> (String, Vec<String>) {
        self.provenance(cx)
    }

    fn slots(&self) -> &'static [Slot] {
        &[
            Slot::Names,
            Slot::Rows,
            Slot::RowsMore,
            Slot::Detail,
            Slot::DetailChart,
            Slot::DetailUsual,
            Slot::DetailCompanion,
            Slot::DetailLedger,
            Slot::DetailTried,
            Slot::DetailTriedAll,
            Slot::Export,
        ]
    }

    fn reply(&mut self, cx: &mut Context, slot: Slot, id: RequestId, result: Answer) {
        self.answered(cx, slot, id, result);
    }

    fn offers(&self, cmd: Cmd) -> bool {
        let of_a_chart = matches!(
            cmd,
            Cmd::ZoomIn
                | Cmd::ZoomOut
                | Cmd::PanLeft
                | Cmd::PanRight
                | Cmd::CursorLeft
                | Cmd::CursorRight
                | Cmd::EarlierViolation
                | Cmd::LaterViolation
                | Cmd::Range
                | Cmd::LogScale
                | Cmd::Compare
                | Cmd::RaiseBound
                | Cmd::LowerBound
                | Cmd::TurnBound
        );
        !of_a_chart || self.detail.as_ref().is_none_or(Detail::shows_chart)
    }

    fn place(&self) -> Option<Jump> {
        let detail = self.detail.as_ref()?;
        Some(Jump::Chart {
            query: detail.query.clone(),
            series_id: detail.series_id.clone(),
            title: detail.title.clone(),
            at_ms: detail.cursor_ms,
        })
    }

    fn moment(&self, cx: &Context) -> Option<Jump> {
        let row = self.current().filter(|_| !self.in_names());
        let chart = self.detail.as_ref().map(|detail| detail.moment(cx));
        chart.or_else(|| row.map(|row| row.found().1))
    }

    fn at_arrival(&self) -> bool {
        self.detail.is_some()
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Series => self.detail.is_some() || (!self.in_names() && self.current().is_some()),
            // Bounds are moved on its chart, too.
            Need::Objective => self.detail.is_some(),
            _ => false,
        }
    }

    fn arrive(&mut self, cx: &mut Context, jump: Jump) {
        match jump {
            Jump::Series(text) => self.show_query(cx, &text),
            Jump::Chart {
                query,
                series_id,
                title,
                at_ms,
            } => self.open_chart(cx, query, series_id, title, at_ms),
            _ => {}
        }
    }
}
