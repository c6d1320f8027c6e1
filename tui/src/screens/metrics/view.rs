//! Drawing names and series.

use super::columns::NAME_COLUMNS;
use super::rows::{SORTS, SeriesRow};
use super::{BELOW_ROWS, MetricsScreen};
use crate::context::{Context, wire};
use crate::format::{bytes, duration, maybe_in, millis};
use crate::say;
use crate::screens::phase::{draw_phase, stale_words};
use crate::theme::Role;
use crate::widget::apart::Shortened;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::spark;
use crate::widget::table::{self, Column};

/// From so many columns on figures that a run stored say so in words beside their age.
const STORED_WIDTH_MIN: u16 = 14;

impl MetricsScreen {
    pub(super) fn draw_all(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        if let Some(detail) = &self.detail {
            detail.draw(cx, canvas);
            return;
        }
        let (width, height) = (canvas.width(), canvas.height());
        if self.in_names() {
            self.draw_names(cx, canvas);
            return;
        }
        if self.preview_beside(cx) {
            let side = width - self.table_width(cx);
            self.draw_rows(cx, &mut canvas.part(0, 0, width - side, height));
            if let Some(preview) = &self.preview {
                preview.draw_preview(cx, &mut canvas.part(width - side, 0, side, height));
            }
        } else if self.preview_below(cx) {
            self.draw_rows(cx, &mut canvas.rows(0, height.saturating_sub(BELOW_ROWS)));
            if let Some(preview) = &self.preview {
                preview.draw_preview(cx, &mut canvas.rows(height.saturating_sub(BELOW_ROWS), BELOW_ROWS));
            }
        } else {
            self.draw_rows(cx, canvas);
        }
    }

    /// Where the columns lie in a table of this width.
    pub(super) fn placed(&self, columns: &[Column], width: u16) -> table::Placed {
        let contents = [("SERIES", self.widths.0), ("LABELS", self.widths.1)];
        // Nothing to measure: the heads stand where rows will put them.
        let known = if self.items.is_empty() { &[][..] } else { &contents[..] };
        table::place_measured(columns, width, known)
    }

    fn draw_rows(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        self.draw_info(cx, &mut canvas.rows(0, 1));
        let columns = self.columns.shown();
        let placed = self.placed(&columns, width);
        let sort = SORTS.get(self.list.sort).map(|title| (*title, self.list.down));
        table::draw_header(&mut canvas.rows(1, 1), &columns, &placed, sort);
        let room = height.saturating_sub(3);
        let mut body = canvas.rows(2, room);
        if self.items.is_empty() && !draw_phase(cx, &self.rows, &mut body, say::metrics::noun()) {
            return;
        }
        if self.list.shown().is_empty() {
            let unread = self.rows.get().is_some_and(|read| !read.problems.is_empty());
            let text = if self.is_partial() && self.wish() != self.reach.held {
                // None of the rows here passes; whether others do only the server knows.
                say::metrics::the_server_is_asked()
            } else if self.items.is_empty() && unread {
                // The line below says why: silence of a source is no answer about its series.
                say::metrics::which_match_is_not_known()
            } else if self.items.is_empty() && self.reach.held.filters_nothing() {
                say::metrics::no_series_match_n()
            } else if let Some(problem) = self.list.problem() {
                problem
            } else {
                say::metrics::no_series_passes_the()
            };
            body.text(3, 0, text, Role::Dim);
        }
        let visible = || self.list.visible(usize::from(room)).map(|(at, _)| &self.items[at]);
        // Where labels have no column of their own they stand behind the name: rows that differ look different.
        let alone = placed.iter().all(|&(column, ..)| columns[column].title != "LABELS");
        let whole: Vec<String> = visible()
            .filter(|_| alone)
            .map(|row| format!("{} {}", row.name, row.labels))
            .collect();
        let names = || {
            visible()
                .zip(0..)
                .map(|(row, at): (_, usize)| whole.get(at).map_or(row.name.as_str(), String::as_str))
        };
        let short: Vec<Shortened> = placed
            .iter()
            .map(|&(column, _, w)| match columns[column].title {
                "SERIES" => Shortened::new(names(), w),
                "LABELS" => Shortened::new(visible().map(|row| row.labels.as_str()), w),
                _ => Shortened::default(),
            })
            .collect();
        for ((y, (at, current)), name) in self.list.visible(usize::from(room)).enumerate().zip(names()) {
            let row = &self.items[at];
            let y = y as u16;
            table::draw_gutter(&mut body, y, current, self.picked.contains_key(&row.series.id[..]));
            for (&(column, x, w), short) in placed.iter().zip(&short) {
                draw_cell(cx, &mut body, (row, name), (&columns[column], short), (x, y, w));
            }
        }
        self.draw_reading(cx, &mut canvas.rows(height.saturating_sub(1), 1));
    }

    fn draw_info(&self, cx: &Context, line: &mut Canvas<'_>) {
        let width = line.width();
        let filter = self.list.filter().text();
        let what = if let Some(problem) = self.list.problem() {
            format!("/{filter}  {problem}")
        } else if !filter.is_empty() {
            format!("/{filter}")
        } else if let Some(query) = self.queries.first() {
            wire::query_text(Some(query)).to_owned()
        } else {
            say::metrics::series_of_the_sets().to_owned()
        };
        let role = if self.list.problem().is_some() {
            Role::Error
        } else {
            Role::Text
        };
        let total = self
            .rows
            .get()
            .map_or(self.items.len(), |r| (r.total as usize).max(self.items.len()));
        let right = say::metrics::window(&self.counted(total), &duration(cx.window_ms()));
        let right_width = (right.chars().count() as u16).min(width);
        line.field(1, 0, width.saturating_sub(right_width + 3), &what, Align::Left, role);
        line.text(width.saturating_sub(right_width + 1), 0, &right, Role::Dim);
    }

    fn draw_reading(&self, cx: &Context, line: &mut Canvas<'_>) {
        let width = line.width().saturating_sub(2);
        let picked = if self.picked.is_empty() {
            String::new()
        } else {
            say::metrics::selected(&self.picked.len())
        };
        if let Some(stale) = stale_words(cx, &self.rows) {
            let picked = picked.trim_start_matches([' ', '·']);
            let x = line.text(1, 0, picked, Role::Strong) + u16::from(!picked.is_empty());
            line.field(x, 0, (width + 1).saturating_sub(x), &stale, Align::Left, Role::Error);
            return;
        }
        let Some(reading) = self.rows.get() else { return };
        let as_of = reading
            .as_of_ms
            .map_or_else(String::new, |t| say::metrics::as_of(&cx.zone.clock(t)));
        if let Some(problem) = reading.problems.first() {
            let more = reading.problems.len() - 1;
            let more = if more > 0 {
                say::metrics::and_more(&more)
            } else {
                String::new()
            };
            let text = say::metrics::stale(&as_of, &more, &problem);
            line.field(1, 0, width, &text, Align::Left, Role::Error);
            return;
        }
        let short = self
            .short_history(cx)
            .map_or_else(String::new, |ms| say::metrics::only_of_history(&duration(ms)));
        let from = if reading.bytes == 0 {
            say::metrics::from_memory().to_owned()
        } else {
            say::metrics::read(&bytes(reading.bytes), &millis(reading.read_ms))
        };
        let text = format!("{from}{as_of}{picked}{short}");
        line.field(1, 0, width, &text, Align::Left, Role::Dim);
    }

    /// The longest history among the rows, when it does not fill the window.
    fn short_history(&self, cx: &Context) -> Option<i64> {
        let longest = self.items.iter().map(|row| row.spanned_ms).max()?;
        (longest > 0 && longest < cx.window_ms() / 10 * 9).then_some(longest)
    }

    fn draw_names(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let rows = self.names.rows();
        let filter = self.names_list.filter().text();
        let what = if filter.is_empty() {
            say::metrics::metric_names_of_the().to_owned()
        } else {
            format!("/{filter}")
        };
        canvas.field(1, 0, width.saturating_sub(40), &what, Align::Left, Role::Text);
        let right = say::metrics::counted(&self.names_counted(), &self.total_series);
        canvas.field(1, 0, width.saturating_sub(2), &right, Align::Right, Role::Dim);
        let placed = table::place(&NAME_COLUMNS, width);
        let sort = NAME_COLUMNS
            .get(self.names_list.sort)
            .map(|c| (c.title, self.names_list.down));
        table::draw_header(&mut canvas.rows(1, 1), &NAME_COLUMNS, &placed, sort);
        let room = height.saturating_sub(3);
        let mut body = canvas.rows(2, room);
        if !draw_phase(cx, &self.names, &mut body, say::metrics::metric_names()) {
            return;
        }
        for (y, (at, current)) in self.names_list.visible(usize::from(room)).enumerate() {
            let (row, y) = (&rows[at], y as u16);
            table::draw_gutter(&mut body, y, current, false);
            for &(column, x, w) in &placed {
                let text = match column {
                    0 => row.name.as_str().to_owned(),
                    1 => row.series.to_string(),
                    2 => row.kind.as_str().to_owned(),
                    _ => row.help.as_str().to_owned(),
                };
                let role = if column == 3 { Role::Dim } else { Role::Text };
                table::draw_cell(&mut body, y, (x, w), &text, &NAME_COLUMNS[column], role);
            }
        }
        let hint = say::metrics::enter_shows_the_series();
        canvas.field(
            1,
            height.saturating_sub(1),
            width.saturating_sub(2),
            hint,
            Align::Left,
            Role::Dim,
        );
    }
}

fn draw_cell(
    cx: &Context,
    body: &mut Canvas<'_>,
    (row, name): (&SeriesRow, &str),
    (column, short): (&Column, &Shortened),
    (x, y, w): (u16, u16, u16),
) {
    let agreed = cx.agreed.get(&row.series.id[..]);
    let is_old = cx.source().is_some_and(|source| !source.problem.is_empty());
    let number_role = if row.problem.is_empty() && !is_old && row.stored_ms.is_none() {
        Role::Text
    } else {
        Role::Dim
    };
    let (text, role) = match column.title {
        "SERIES" => {
            let role = if row.stored_ms.is_some() { Role::Dim } else { Role::Text };
            (short.form(name).to_owned(), role)
        }
        "LABELS" => (short.form(row.labels.as_str()).to_owned(), Role::Dim),
        "LAST" if row.stored_ms.is_some() => (maybe_in(row.last, row.unit, w), Role::Dim),
        "LAST" => (
            maybe_in(row.last, row.unit, w),
            agreed.map_or(number_role, |a| a.state.role()),
        ),
        "MIN" => (maybe_in(row.min, row.unit, w), number_role),
        "MEAN" => (maybe_in(row.mean, row.unit, w), number_role),
        "MAX" => (maybe_in(row.max, row.unit, w), number_role),
        "STD" => (maybe_in(row.std, row.unit, w), number_role),
        // The time of the newest sample: it stands still while nothing new comes.
        "SEEN" => (
            row.last_ms.map_or_else(|| "–".to_owned(), |t| cx.zone.clock(t)),
            Role::Dim,
        ),
        "MRK" => (row.marks(), Role::Dim),
        "S" => match agreed {
            Some(agreed) => (agreed.mark.glyph().to_string(), agreed.mark.role()),
            None => (String::new(), Role::Text),
        },
        "STATE" => match agreed {
            Some(agreed) => (agreed.mark.word().to_owned(), agreed.mark.role()),
            None => (String::new(), Role::Text),
        },
        _ => {
            if let Some(at) = row.stored_ms {
                let ago = say::metrics::ago(&duration(cx.data_now_ms() - at));
                let text = if w < STORED_WIDTH_MIN {
                    ago
                } else {
                    say::metrics::stored(&ago)
                };
                body.field(x, y, w, &text, Align::Left, Role::NoData);
            } else if row.problem.is_empty() {
                let bounds = agreed.map_or((None, None), |a| (a.range.min, a.range.max));
                spark::draw(body, x, y, w, &row.spark, bounds);
            } else {
                body.field(x, y, w, row.problem.as_str(), Align::Left, Role::Error);
            }
            return;
        }
    };
    table::draw_cell(body, y, (x, w), &text, column, role);
}
