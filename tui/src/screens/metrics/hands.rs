//! Clicks, order, what is copied and what is kept of the table of metrics.

use sla_proto::series::v1::Query;

use super::reach::ROWS_MAX;
use super::rows::{SORTS, SeriesRow};
use super::{MetricsScreen, SIDE_WIDTH_MIN, export};
use crate::command::Cmd;
use crate::context::{Context, Jump, wire};
use crate::format::maybe;
use crate::remembered::View;
use crate::say;
use crate::screens::Screen as _;
use crate::screens::table_file::TableFile;
use crate::widget::table;

impl MetricsScreen {
    /// A header sorts, a row is chosen.
    pub(super) fn clicked(&mut self, cx: &mut Context, x: u16, line: u16) -> bool {
        if self.detail.is_some() {
            return false;
        }
        let table_width = self.table_width(cx);
        if x >= table_width {
            return false;
        }
        let height = self.height(cx);
        if line == 1 && !self.in_names() {
            let columns = self.columns.shown();
            let placed = self.placed(&columns, table_width);
            let title = table::title_at(&columns, &placed, x);
            let sort = title.map(|title| if title == "STATE" { "S" } else { title });
            if let Some(sort) = sort.filter(|sort| SORTS.contains(sort)) {
                self.sort(cx, Some(sort));
            }
            return false;
        }
        let Some(line) = line.checked_sub(2).map(usize::from).filter(|line| *line < height) else {
            return false;
        };
        if self.in_names() {
            let rows = self.names.rows();
            self.names_list.choose(line, rows, height);
        } else {
            self.list.choose(line, &self.items, height);
            self.cursor_moved(cx);
        }
        true
    }

    /// Columns of the table beside its preview.
    pub(super) fn table_width(&self, cx: &Context) -> u16 {
        let width = cx.size.0;
        if self.preview_beside(cx) && width >= SIDE_WIDTH_MIN {
            width - width * 2 / 5
        } else {
            width
        }
    }

    /// By the next column, or by the one named; the same once more turns the order round.
    pub(super) fn sort(&mut self, cx: &mut Context, by: Option<&str>) {
        let named = by.map(|word| match word.to_lowercase().as_str() {
            "name" => "SERIES".to_owned(),
            "state" => "S".to_owned(),
            _ => word.to_owned(),
        });
        let before = self.list.sort;
        if let Err(why) = self.list.sort_by(&SORTS, named.as_deref()) {
            cx.complain(why);
            return;
        }
        if self.list.sort != before || by.is_none() {
            // Trouble and size are read from the top.
            self.list.down = self.list.sort != 0;
        }
        let height = self.height(cx);
        self.list.keep_order(false);
        self.list.apply(&self.items, height);
        self.order_changed(cx);
        // Whoever sorts wants to see what is first.
        self.list.command(Cmd::Top, &self.items, height);
        self.cursor_moved(cx);
    }

    pub(super) fn value_of_row(&self, cx: &Context) -> Option<String> {
        if let Some(detail) = &self.detail {
            let chart = detail.build_chart(cx);
            return Some(chart.reading(detail.cursor_ms.unwrap_or_else(|| cx.data_now_ms()), cx.data_now_ms()));
        }
        self.current()
            .filter(|_| !self.in_names())?
            .last
            .map(sla_domain::quantity::bare)
    }

    pub(super) fn text_of_row(&self, cx: &Context) -> Option<String> {
        if let Some(detail) = &self.detail {
            return Some(detail.title.clone());
        }
        if self.in_names() {
            let row = self.names_list.current().and_then(|at| self.names.get()?.get(at))?;
            return Some(say::metrics::series(&row.name, &row.series, &row.kind, &row.help));
        }
        let row = self.current()?;
        Some(say::metrics::last_min_mean_max(
            &row.series.promql(),
            &maybe(row.last, row.unit),
            &crate::format::duration(cx.window_ms()),
            &maybe(row.min, row.unit),
            &maybe(row.mean, row.unit),
            &maybe(row.max, row.unit),
        ))
    }

    /// Keeps the series of the open chart for the next one, or ends the comparison.
    pub(super) fn turn_companion(&mut self, cx: &mut Context) {
        let Some(detail) = &mut self.detail else { return };
        if self.kept.take().is_some() {
            detail.companion = None;
            cx.say(say::metrics::each_chart_shows_its());
        } else {
            self.kept = Some(detail.kept());
            cx.say(say::metrics::kept_the_next_chart(&detail.title));
        }
    }

    pub(super) fn add_to_set(&mut self, cx: &mut Context) {
        let mut objectives: Vec<(Query, String)> = std::mem::take(&mut self.picked).into_values().collect();
        if objectives.is_empty() {
            objectives.extend(self.current().map(|row| row.pick().1));
        }
        cx.jump = Some(Jump::AddObjectives(objectives));
    }

    /// Picks as many of these as may be picked.
    pub(super) fn pick(&mut self, cx: &mut Context, rows: impl IntoIterator<Item = (Vec<u8>, (Query, String))>) {
        for (id, pick) in rows {
            if self.picked.len() >= ROWS_MAX {
                cx.complain(say::metrics::so_many_can_be_picked(&ROWS_MAX));
                return;
            }
            self.picked.insert(id, pick);
        }
    }

    /// The rows that are here as a file, which says of how many they are.
    pub(super) fn table_file(&self, window_ms: i64) -> TableFile {
        let read = self.rows.get();
        let of = read.map_or(0, |read| read.total as usize).max(self.items.len());
        export::table(
            self.list.passing(&self.items),
            window_ms,
            read.and_then(|r| r.as_of_ms),
            of,
        )
    }

    pub(super) fn take_view(&mut self, cx: &mut Context, view: &View) {
        self.queries = view.queries.iter().map(|text| wire::query_from_text(text)).collect();
        self.queries.truncate(super::QUERIES_MAX);
        self.show_names = false;
        self.detail = None;
        self.forget_rows();
        self.list.sort = view.sort.min(SORTS.len() - 1);
        self.list.down = view.down;
        self.set_filter(cx, &view.filter);
        self.read_rows(cx);
    }
}

impl SeriesRow {
    /// Its id, and what it is as an objective.
    pub(super) fn pick(&self) -> (Vec<u8>, (Query, String)) {
        let title = format!("{} {}", self.name, self.labels).trim().to_owned();
        (self.series.id.to_vec(), (self.series.query(), title))
    }

    /// Its text in the list of everything, and its chart.
    pub(super) fn found(&self) -> (String, Jump) {
        let jump = Jump::Chart {
            query: self.series.query(),
            series_id: self.series.id.to_vec(),
            title: format!("{} {}", self.name, self.labels).trim().to_owned(),
            at_ms: None,
        };
        (self.series.promql(), jump)
    }
}
