//! Drawing what is wrong now.

use super::NowScreen;
use super::columns::LANE;
use super::history::past_ms;
use super::readout;
use super::rows::{Kind, NowRow};
use crate::context::Context;
use crate::format::{maybe_in, number};
use crate::say;
use crate::screens::instance::Instance;
use crate::screens::phase::draw_phase;
use crate::screens::{Screen as _, trust};
use crate::theme::Role;
use crate::widget::apart::Shortened;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::lane::Axis;
use crate::widget::table::{self, Column, Placed};

impl NowScreen {
    pub(super) fn draw_all(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let columns = self.columns.shown();
        let all = || self.rows.iter().chain(&self.below);
        let widest = |text: fn(&NowRow) -> usize| all().map(text).max().unwrap_or(0) as u16;
        let contents = [
            ("WHAT", widest(|row| row.what.width())),
            ("WHERE", widest(|row| row.place.width())),
            ("LIMIT", widest(|row| row.limit().chars().count())),
            ("SINCE", widest(|row| row.since(u16::MAX).chars().count())),
        ];
        let placed = table::place_measured(&columns, width, &contents);
        table::draw_header(&mut canvas.rows(0, 1), &columns, &placed, None);
        let room = self.height(cx) as u16;
        let mut body = canvas.rows(1, room);
        if !draw_phase(cx, &cx.overview, &mut body, say::now::what_is_wrong_now()) {
            return;
        }
        if self.list.shown().is_empty() {
            let text = if self.rows.is_empty() {
                say::now::nothing_is_agreed_yet()
            } else {
                say::now::no_row_passes_the()
            };
            body.text(3, 0, text, Role::Dim);
        }
        let visible = self.list.visible(usize::from(room));
        let rows: Vec<(&NowRow, bool)> = visible.map(|(at, current)| (&self.rows[at], current)).collect();
        self.draw_rows(cx, &mut body, (&columns, &placed), &rows);
        let at = room + 1;
        let mut rest = canvas.rows(at, height.saturating_sub(at));
        match self.current().filter(|row| row.folded > 0 && !row.unfolded) {
            Some(line) => self.draw_below(cx, &mut rest, (&columns, &placed), line),
            None => self.draw_chosen(cx, &mut rest),
        }
    }

    /// Rows of the table, and which of them has the cursor.
    fn draw_rows(
        &self,
        cx: &Context,
        body: &mut Canvas<'_>,
        (columns, placed): (&[Column], &Placed),
        rows: &[(&NowRow, bool)],
    ) {
        let short: Vec<Shortened> = placed
            .iter()
            .map(|&(column, _, w)| match columns[column].title {
                "WHAT" => {
                    let names = rows.iter().filter(|(row, _)| row.folded == 0);
                    Shortened::new(names.map(|(row, _)| row.what.as_str()), w)
                }
                "WHERE" => Shortened::new(rows.iter().map(|(row, _)| row.place.as_str()), w),
                _ => Shortened::default(),
            })
            .collect();
        for (y, &(row, current)) in rows.iter().enumerate() {
            let y = y as u16;
            table::draw_gutter(body, y, current, false);
            for (&(column, x, w), short) in placed.iter().zip(&short) {
                if columns[column].title == LANE {
                    self.draw_lane(cx, body, row, (x, y, w));
                    continue;
                }
                let (text, role) = cell(row, columns[column].title, w);
                if row.folded > 0 && columns[column].title == "WHAT" {
                    // Nothing else stands in the cells beside it.
                    let beside = placed
                        .iter()
                        .filter(|(column, at, _)| *at > x && has_cell_in_folds(columns[*column].title));
                    let until = beside.map(|(_, at, _)| *at).min().unwrap_or(body.width());
                    body.field(x, y, until.saturating_sub(x + 1), &text, Align::Left, role);
                } else if row.folded == 0 || has_cell_in_folds(columns[column].title) {
                    table::draw_cell(body, y, (x, w), short.form(&text), &columns[column], role);
                }
            }
        }
    }

    /// What stands below the line of a fold, as far as there is room.
    fn draw_below(
        &self,
        cx: &Context,
        canvas: &mut Canvas<'_>,
        (columns, placed): (&[Column], &Placed),
        line: &NowRow,
    ) {
        let (width, height) = (canvas.width(), canvas.height());
        canvas.run(0, 0, width, '─', Role::Border);
        let room = usize::from(height.saturating_sub(1));
        let left_out = if line.folded > room {
            say::now::the_first_of_them(&room)
        } else {
            String::new()
        };
        let head = say::now::space_puts_them_among(&line.what, &left_out);
        canvas.field(1, 0, width.saturating_sub(2), &head, Align::Left, Role::Strong);
        let below = self.below.iter().filter(|row| row.kind == line.kind);
        let rows: Vec<(&NowRow, bool)> = below.take(room).map(|row| (row, false)).collect();
        self.draw_rows(
            cx,
            &mut canvas.rows(1, height.saturating_sub(1)),
            (columns, placed),
            &rows,
        );
    }

    fn draw_lane(&self, cx: &Context, body: &mut Canvas<'_>, row: &NowRow, (x, y, w): (u16, u16, u16)) {
        if row.folded > 0 {
            let hint = if row.unfolded {
                say::now::space_folds()
            } else {
                say::now::space_lists()
            };
            body.field(x, y, w, hint, Align::Left, Role::Dim);
        } else if row.kind != Kind::NotWatched && !row.series.id.is_empty() {
            let axis = Axis::new(cx.data_now_ms(), past_ms(cx), cx.horizon_ms(), w);
            let cells = self.history.cells(&axis, &row.key, &row.range, row.silent_ms);
            axis.draw(body, x, y, &cells, None);
        }
    }

    /// The chosen row in words and its chart.
    fn draw_chosen(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let Some(row) = self.current() else { return };
        let room = width.saturating_sub(2);
        canvas.run(0, 0, width, '─', Role::Border);
        let head = readout::row(cx, &self.history, row);
        if height < 3 {
            canvas.field(1, 0, room, &format!(" {head} "), Align::Left, Role::Strong);
            return;
        }
        let mut y = 1;
        for line in crate::widget::wrap::wrap(&head, usize::from(room)).iter().take(2) {
            canvas.text(1, y, line, Role::Strong);
            y += 1;
        }
        if let Some(address) = self.shown_query(cx).and_then(|shown| cx.graph(&shown)) {
            canvas.link(1, 1, row.what.width() as u16, &address);
        }
        let problem = self.history.problem().map(|why| (why, Role::Error));
        let stale = self.chart.stale(cx).map(|words| (words, Role::Error));
        let next = readout::next(cx, row).map(|words| (words, Role::Text));
        let usual = self.chart.usual_now(cx, &row.series);
        let usual = usual.map(|(low, high, days)| {
            let range = say::now::to_2(&number(low, row.unit), &number(high, row.unit));
            (
                say::now::usual_at_this_hour(&range, &say::counts::days(&days)),
                Role::Dim,
            )
        });
        let care = readout::care(cx, row).map(|words| (words, Role::Text));
        for (line, role) in [problem, stale, care, next, usual].into_iter().flatten() {
            canvas.field(1, y, room, &line, Align::Left, role);
            y += 1;
        }
        let rest = height.saturating_sub(y);
        if rest >= 4 && !row.series.id.is_empty() && row.folded == 0 {
            let instance = Instance {
                series: &row.series,
                range: &row.range,
                unit: row.unit,
                outlook: row.outlook.as_deref(),
                violated: self.history.violated(&row.key, cx.data_now_ms()),
            };
            self.chart.draw(cx, &mut canvas.rows(y, rest), &instance);
        }
    }
}

/// Whether the line of a fold has something there, too.
fn has_cell_in_folds(title: &str) -> bool {
    matches!(title, "S" | "WHAT" | "P") || title == LANE
}

fn cell(row: &NowRow, title: &str, width: u16) -> (String, Role) {
    let quiet = matches!(row.kind, Kind::Fine | Kind::NotWatched) || row.folded > 0;
    match title {
        "S" => (row.mark.glyph().to_string(), row.mark.role()),
        "WHAT" if row.is_nested() => (format!("  {}", row.what), Role::Dim),
        "WHAT" => (row.what.as_str().to_owned(), if quiet { Role::Dim } else { Role::Text }),
        "WHERE" => (row.place.as_str().to_owned(), Role::Dim),
        "NOW" if row.folded > 0 => (String::new(), Role::Text),
        "NOW" => (
            maybe_in(row.now, row.unit, width),
            if row.kind == Kind::Violated {
                row.mark.role()
            } else {
                Role::Text
            },
        ),
        "LIMIT" => (row.limit(), Role::Dim),
        "SINCE" => (row.since(width), if quiet { Role::Dim } else { Role::Text }),
        _ => {
            let p = row.outlook.as_deref().and_then(trust::probability);
            (p.unwrap_or_default(), if quiet { Role::Dim } else { Role::Text })
        }
    }
}
