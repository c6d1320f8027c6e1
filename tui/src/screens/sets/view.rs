//! Drawing the sets screen.

use sla_domain::{Unit, quantity};
use sla_proto::violation::v1::{ObjectiveStatus, WindowResult};
use unicode_width::UnicodeWidthStr as _;

use super::SetsScreen;
use super::draft::{Bound, Draft};
use super::rows::{ObjectiveRow, SORTS, WHAT_IF_WINDOW_MS};
use crate::context::Context;
use crate::context::wire::{self, Mark};
use crate::format::{duration, maybe, number, percent};
use crate::say;
use crate::screens::phase::{draw_phase, stale_words};
use crate::screens::{Screen as _, past_words, samples, trust};
use crate::theme::Role;
use crate::widget::apart::Shortened;
use crate::widget::canvas::{Align, Canvas, cut};
use crate::widget::chart::Chart;
use crate::widget::table;

/// What is said of a list that is old has so many columns at least: the word and the time.
const STALE_COLUMNS: u16 = 22;
/// From so many rows on the chosen objective has a frame while its form is open.
const FRAMED_MIN: u16 = 7;
/// Columns of a bound: `[4.25]`.
const BOUND_LEAST: u16 = 6;

/// How much is not saved, or nothing.
fn unsaved_words(draft: &Draft) -> String {
    let count = draft.changes();
    match count {
        _ if !draft.is_dirty() => String::new(),
        1 => say::sets::not_saved_s_saves(&count, &say::sets::change()),
        _ => say::sets::not_saved_s_saves(&count, &say::sets::changes()),
    }
}

impl SetsScreen {
    pub(super) fn draw_all(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        self.draw_info(cx, &mut canvas.rows(0, 1));
        if self.draft.is_none() {
            let mut body = canvas.rows(2, height.saturating_sub(2));
            if draw_phase(cx, &cx.sets, &mut body, say::sets::sla_sets()) {
                body.text(3, 0, say::sets::there_is_no_sla(), Role::Dim);
            }
            return;
        }
        let columns = self.columns.shown();
        let placed = self.placed(&columns, width);
        let sort = SORTS
            .get(self.list.sort)
            .filter(|_| self.list.sort == 1)
            .map(|_| ("OBJECTIVE", self.list.down));
        table::draw_header(&mut canvas.rows(1, 1), &columns, &placed, sort);
        let room = self.height(cx) as u16;
        let mut body = canvas.rows(2, room);
        if self.rows.is_empty() {
            body.text(3, 0, say::sets::this_set_has_no(), Role::Dim);
        }
        let visible = self
            .list
            .visible(usize::from(room))
            .map(|(at, _)| self.rows[at].name.as_str());
        let name = placed
            .iter()
            .find(|&&(column, ..)| columns[column].title == "OBJECTIVE");
        let short = Shortened::new(visible, name.map_or(0, |&(_, _, w)| w));
        for (y, (at, current)) in self.list.visible(usize::from(room)).enumerate() {
            let row = &self.rows[at];
            let picked = self.picked.contains(crate::context::list::Row::key(row));
            table::draw_gutter(&mut body, y as u16, current, picked);
            for &(column, x, w) in &placed {
                let (text, role) = cell(row, columns[column].title, self.bound, current);
                table::draw_cell(&mut body, y as u16, (x, w), short.form(&text), &columns[column], role);
            }
        }
        let at = room + 2;
        self.draw_pane(cx, &mut canvas.rows(at, height.saturating_sub(at)));
    }

    /// Where the columns lie: none is wider than what stands in it.
    pub(super) fn placed(&self, columns: &[table::Column], width: u16) -> table::Placed {
        let names = self.rows.iter().map(|row| row.name.width() as u16);
        // As on the chosen row, whose bound is marked: columns keep their place while the cursor goes.
        let widest = |title, least: u16| {
            let cells = self.rows.iter();
            let cells = cells.map(|row| cell(row, title, self.bound, true).0.as_str().width() as u16);
            (title, cells.max().unwrap_or(0).max(least))
        };
        let contents = [
            ("OBJECTIVE", names.max().unwrap_or(0)),
            // … and while a bound is moved.
            widest("MIN", BOUND_LEAST),
            widest("MAX", BOUND_LEAST),
            widest("NOW", 0),
            widest("LAST 12h WITH THIS", 0),
        ];
        table::place_measured(columns, width, &contents)
    }

    fn draw_info(&self, cx: &Context, line: &mut Canvas<'_>) {
        let width = line.width();
        let stale = stale_words(cx, &cx.sets);
        let kept = stale.as_ref().map_or(0, |_| STALE_COLUMNS.min(width / 2));
        let mut x = 1;
        if let Some(draft) = &self.draft {
            let star = if draft.is_dirty() { "*" } else { "" };
            let name = cut(&draft.set.name, usize::from(width.saturating_sub(x + kept + 3))).into_owned();
            x = line.text(x, 0, &format!("{name}{star}"), Role::Strong) + 2;
            let unsaved = unsaved_words(draft);
            if x + unsaved.chars().count() as u16 + kept < width {
                x = line.text(x, 0, &unsaved, Role::AtRisk) + 2 * u16::from(!unsaved.is_empty());
            }
        }
        if let Some(stale) = stale {
            line.field(x, 0, width.saturating_sub(x + 1), &stale, Align::Left, Role::Error);
            return;
        }
        let Some(draft) = &self.draft else { return };
        if !draft.set.active {
            x = line.text(x, 0, say::sets::not_watched_a_watches(), Role::NoData) + 2;
        }
        let filter = self.list.filter().text();
        if !filter.is_empty() {
            x = line.text(
                x,
                0,
                &format!(
                    "/{filter}  {}",
                    self.list.count(self.rows.len(), say::sets::objectives())
                ),
                Role::Text,
            ) + 2;
        }
        let sets = cx.sets.get().map_or(0, Vec::len);
        let others = if sets > 1 {
            say::sets::sets_next(&sets)
        } else {
            String::new()
        };
        let right = say::sets::version(&draft.set.version, &others);
        let right_width = right.chars().count() as u16;
        if x + right_width < width {
            line.text(width - right_width - 1, 0, &right, Role::Dim);
        }
    }

    /// The chosen objective: words, form and chart.
    fn draw_pane(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let row = self.current();
        let title = match (&self.form, row) {
            (Some(form), _) if self.rows.len() <= form.at => say::sets::new_objective().to_owned(),
            (_, Some(row)) if row.objective.suggested => say::sets::range_suggested_not_agreed(&row.name),
            (_, Some(row)) => row.name.as_str().to_owned(),
            _ => return,
        };
        if canvas.height() < 4 {
            return;
        }
        // On a small terminal the fields need the frame's rows.
        let (w, h) = (canvas.width(), canvas.height());
        let mut inside = if self.form.is_some() && h < FRAMED_MIN {
            canvas.part(0, 0, w, h)
        } else {
            if let Some(address) = self.shown_query(cx).and_then(|shown| cx.graph(&shown)) {
                let width = title.as_str().width() as u16;
                canvas.link(3, 0, width.min(w.saturating_sub(6)), &address);
            }
            canvas.frame(&title, Role::Title)
        };
        let (width, height) = (inside.width(), inside.height());
        let mut y = 0;
        if let Some(form) = &self.form {
            let rows = form.rows(width).min(height);
            form.draw(&mut inside.rows(0, rows));
            y = rows;
        }
        let Some(row) = row.filter(|row| self.form.as_ref().is_none_or(|f| f.at == row.at)) else {
            self.draw_offer(&mut inside);
            return;
        };
        for (text, role) in self.pane_words(cx, row) {
            inside.field(1, y, width.saturating_sub(2), &text, Align::Left, role);
            y += 1;
        }
        let rest = height.saturating_sub(y);
        if rest >= 3 {
            self.draw_chart(cx, row, &mut inside.rows(y, rest));
        }
        self.draw_offer(&mut inside);
    }

    fn draw_offer(&self, inside: &mut Canvas<'_>) {
        if let Some(form) = &self.form {
            form.draw_offer(inside);
        }
    }

    /// What is known of the chosen objective: past, now and to come; with a form open only what its range would have meant.
    fn pane_words(&self, cx: &Context, row: &ObjectiveRow) -> Vec<(String, Role)> {
        let what_if = match (row.window(), self.what_if.problem()) {
            (_, Some(problem)) => (problem.sentence(), Role::Error),
            (Some(w), None) => what_if_words(w, row.unit),
            (None, None) if row.objective.range.is_none() => (say::sets::no_range_yet_e().to_owned(), Role::AtRisk),
            (None, None) => (say::sets::what_this_range_would().to_owned(), Role::Dim),
        };
        let mut lines = vec![what_if];
        if let Some((series, least, greatest)) = row.apart() {
            let (least, greatest) = (number(least, row.unit), number(greatest, row.unit));
            lines.push((say::sets::one_range_for(&series, &least, &greatest), Role::AtRisk));
        }
        let Some(status) = row.now.as_ref().filter(|_| self.form.is_none()) else {
            return lines;
        };
        lines.push((say::sets::past(&past_words::windows(&status.windows)), Role::Text));
        let state = wire::State::of(status.state());
        lines.push((now_words(status), state.role()));
        lines.push((next_words(cx, status), Role::Text));
        lines
    }

    fn draw_chart(&self, cx: &Context, row: &ObjectiveRow, canvas: &mut Canvas<'_>) {
        if !draw_phase(cx, &self.chart, canvas, say::sets::the_last_12_h()) {
            return;
        }
        let Some(chart) = self.chart.get() else { return };
        let until = wire::ms(chart.until.as_ref()).unwrap_or_else(|| cx.data_now_ms());
        let after = wire::ms(chart.after.as_ref()).unwrap_or(until - WHAT_IF_WINDOW_MS);
        let typed = self
            .form
            .as_ref()
            .and_then(super::form::Form::preview)
            .and_then(|o| o.range);
        let range = typed.or(row.objective.range).unwrap_or_default();
        let mut layers = samples::bounds(&range, row.unit);
        layers.push(samples::layer(chart, after, until));
        Chart {
            layers,
            stale_ms: samples::stale_from(cx, &self.chart, after, until),
            unit: row.unit,
            ..Chart::empty(after, until, cx.zone)
        }
        .draw(canvas);
    }
}

fn what_if_words(w: &WindowResult, unit: Unit) -> (String, Role) {
    let good = past_words::good_share(w).map_or_else(
        || say::sets::too_little_known().to_owned(),
        |share| say::sets::share_good(&percent(share)),
    );
    let worst = w.worst.map_or_else(String::new, |v| say::sets::worst(&number(v, unit)));
    let text = say::sets::this_range_in_good(
        &duration(w.window_ms),
        &say::counts::violations(&w.violations),
        &duration(w.violated_ms),
        &worst,
        &good,
        &percent(w.coverage),
    );
    (text, if w.violations > 0 { Role::Violated } else { Role::Ok })
}

fn now_words(status: &ObjectiveStatus) -> String {
    let seen = if status.series_known > 1 {
        say::sets::of_series_seen(&status.series_seen, &status.series_known)
    } else {
        String::new()
    };
    let why = if status.problem.is_empty() {
        &status.why
    } else {
        &status.problem
    };
    let mark = Mark::of_objective(status);
    say::sets::now(&mark.glyph(), &wire::with_reason(mark.word(), why), &seen)
}

/// The outlook of the series that breaks first, with how far it can be trusted.
fn next_words(cx: &Context, status: &ObjectiveStatus) -> String {
    let Some(outlook) = &status.outlook else {
        return say::sets::next_nothing_is_forecast().to_owned();
    };
    let horizon = trust::horizon_ms(cx, outlook);
    let Some(p) = trust::with_arima(outlook) else {
        return say::sets::next_no_probability_is(&trust::words(outlook));
    };
    let first = wire::ms(outlook.first_crossing.as_ref()).map_or_else(String::new, |t| {
        if t <= cx.data_now_ms() {
            say::sets::first_now().to_owned()
        } else {
            say::sets::first(&cx.zone.clock(t))
        }
    });
    say::sets::next_to_leave_it(&p, &duration(horizon), &first, &trust::words(outlook))
}

fn cell(row: &ObjectiveRow, title: &str, bound: Bound, current: bool) -> (String, Role) {
    let range = row.objective.range.unwrap_or_default();
    // The bound that + and - move is marked on the chosen row.
    let marked = |value: Option<f64>, is: Bound| {
        let text = value.map_or_else(|| "–".to_owned(), |value| quantity::tight(value, row.unit));
        if current && bound.of(&range) == is && value.is_some() {
            (format!("[{text}]"), Role::Accent)
        } else {
            (text, Role::Text)
        }
    };
    match title {
        "OBJECTIVE" => (row.name.as_str().to_owned(), Role::Text),
        "MIN" => marked(range.min, Bound::Min),
        "MAX" => marked(range.max, Bound::Max),
        "NOW" => match row.mark() {
            Some(mark) => (format!("{} {}", mark.glyph(), maybe(row.last(), row.unit)), mark.role()),
            None => ("…".to_owned(), Role::Dim),
        },
        "P" => (
            row.outlook()
                .and_then(trust::probability)
                .unwrap_or_else(|| "–".to_owned()),
            Role::Text,
        ),
        "TARGET" => (row.objective.target_percent.clone(), Role::Dim),
        _ => match row.window() {
            Some(w) if w.covered_ms == 0 => (say::sets::no_data().to_owned(), Role::NoData),
            Some(w) => {
                let word = if w.violations == 1 {
                    say::sets::violation()
                } else {
                    say::sets::violations()
                };
                let role = if w.violations > 0 { Role::Violated } else { Role::Dim };
                (format!("{:>3} {word} {}", w.violations, duration(w.violated_ms)), role)
            }
            None => ("…".to_owned(), Role::Dim),
        },
    }
}
