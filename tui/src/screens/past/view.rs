//! Drawing the past screen.

use sla_proto::violation::v1::WindowResult;

use super::rows::{ObjectiveRow, SORTS, ViolationRow};
use super::{Pane, PastScreen};
use crate::context::{Context, wire};
use crate::format::{duration, maybe, number, percent};
use crate::say;
use crate::screens::instance;
use crate::screens::past_words::good_share;
use crate::screens::phase::draw_phase;
use crate::theme::Role;
use crate::widget::apart::Shortened;
use crate::widget::canvas::{Align, Canvas, cut};
use crate::widget::table;

/// Columns of one window: count, time violated; on wide terminals also the percent.
const WINDOW_WIDTH: u16 = 10;
const WINDOW_WIDE_WIDTH: u16 = 18;
const WORST_WIDTH: u16 = 9;
/// From this width on each window also shows its percent.
const WIDE_MIN: u16 = 118;

impl PastScreen {
    pub(super) fn draw_all(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (tables, beside) = instance::split(canvas.width());
        self.draw_tables(cx, &mut canvas.part(0, 0, tables, canvas.height()));
        if beside > 0 {
            self.draw_beside(cx, &mut canvas.part(tables, 0, beside, canvas.height()));
        }
    }

    fn draw_tables(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let (upper, lower) = Self::heights(cx);
        self.draw_objectives(cx, &mut canvas.rows(0, upper as u16 + 1));
        let at = upper as u16 + 1;
        self.draw_rule(cx, &mut canvas.rows(at, 1), width);
        let rest = height.saturating_sub(at + 1);
        self.draw_ledger(cx, &mut canvas.rows(at + 1, rest), lower);
    }

    fn draw_objectives(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        if !draw_phase(cx, &cx.overview, canvas, say::past::agreements()) {
            return;
        }
        let each = if width >= WIDE_MIN {
            WINDOW_WIDE_WIDTH
        } else {
            WINDOW_WIDTH
        };
        let windows: Vec<i64> = shown_windows(cx, width, each);
        let name_width = width.saturating_sub(3 + 2 + windows.len() as u16 * (each + 1) + WORST_WIDTH);
        let sort = SORTS.get(self.list.sort).copied().unwrap_or_default();
        canvas.field(
            5,
            0,
            name_width,
            &say::past::objective_by(&sort.to_lowercase()),
            Align::Left,
            Role::Dim,
        );
        for (at, window) in windows.iter().enumerate() {
            let x = 5 + name_width + at as u16 * (each + 1);
            canvas.field(x, 0, each, &duration(*window), Align::Right, Role::Dim);
        }
        canvas.field(
            width.saturating_sub(WORST_WIDTH),
            0,
            WORST_WIDTH,
            say::heads::worst(),
            Align::Right,
            Role::Dim,
        );
        if self.objectives.is_empty() {
            canvas.text(3, 1, say::past::no_objective_is_watched(), Role::Dim);
        } else if self.list.shown().is_empty() {
            canvas.text(3, 1, say::past::no_objective_passes_the(), Role::Dim);
        }
        let mut body = canvas.rows(1, height.saturating_sub(1));
        let room = usize::from(body.height());
        let visible = || self.list.visible(room).map(|(at, _)| &self.objectives[at]);
        let partly = visible().map(|row| partly_seen(row).chars().count()).max().unwrap_or(0) as u16;
        let short = Shortened::new(
            visible().map(|row| row.name.as_str()),
            name_width.saturating_sub(partly + 2),
        );
        for (y, (at, current)) in self.list.visible(room).enumerate() {
            let (row, y) = (&self.objectives[at], y as u16);
            if current {
                let role = if self.pane == Pane::Objectives {
                    Role::Accent
                } else {
                    Role::Dim
                };
                body.glyph(1, y, '▸', role);
            }
            body.glyph(3, y, row.mark.glyph(), row.mark.role());
            let partly = partly_seen(row);
            // The count stays, whatever the name's length; a series stands a little to the right of its objective.
            let (indent, align, role) = match (&row.series, row.unfolds()) {
                (Some(_), _) => (2, Align::Ends, Role::Dim),
                _ => (0, Align::Left, Role::Text),
            };
            let fold = match (row.unfolds(), row.unfolded) {
                (true, false) => '+',
                (true, true) => '-',
                _ => ' ',
            };
            body.glyph(4, y, fold, Role::Dim);
            let room = name_width.saturating_sub(indent + partly.chars().count() as u16);
            let name = short.form(row.name.as_str());
            body.field(5 + indent, y, room, name, align, role);
            let used = (name.chars().count() as u16).min(room);
            body.text(5 + indent + used, y, &partly, Role::NoData);
            for (at, window) in windows.iter().enumerate() {
                let x = 5 + name_width + at as u16 * (each + 1);
                draw_window(&mut body, (x, y, each), row, *window);
            }
            body.field(
                width.saturating_sub(WORST_WIDTH),
                y,
                WORST_WIDTH,
                &maybe(row.worst(), row.unit),
                Align::Right,
                Role::Text,
            );
        }
    }

    fn draw_rule(&self, _: &Context, line: &mut Canvas<'_>, width: u16) {
        line.run(0, 0, width, '─', Role::Border);
        let Some(row) = self.current() else { return };
        let note = if width >= 100 {
            say::past::each_window_counts_all()
        } else {
            say::past::never_add_counts_of()
        };
        let room = width.saturating_sub(note.chars().count() as u16 + 8);
        line.field(
            3,
            0,
            room,
            &say::past::ledger(&row.name, &row.range),
            Align::Left,
            Role::Strong,
        );
        line.text(
            width.saturating_sub(note.chars().count() as u16 + 1),
            0,
            note,
            Role::Dim,
        );
    }

    fn draw_ledger(&self, cx: &Context, canvas: &mut Canvas<'_>, room: usize) {
        let width = canvas.width();
        let columns = self.columns.shown();
        let placed = table::place(&columns, width);
        table::draw_header(&mut canvas.rows(0, 1), &columns, &placed, None);
        let mut body = canvas.rows(1, room as u16);
        if self.current().is_none() || !draw_phase(cx, &self.ledger, &mut body, say::past::ledger_2()) {
            return;
        }
        if self.violations().is_empty() {
            body.text(3, 0, say::past::no_violation_is_in(), Role::Dim);
        }
        let visible = self
            .ledger_list
            .visible(room)
            .map(|(at, _)| self.violations()[at].labels.as_str());
        let series = placed.iter().find(|&&(column, ..)| columns[column].title == "SERIES");
        let short = Shortened::new(visible, series.map_or(0, |&(_, _, w)| w));
        let notes = placed.iter().any(|&(column, ..)| columns[column].title == "NOTE");
        for (y, (at, current)) in self.ledger_list.visible(room).enumerate() {
            let (row, y) = (&self.violations()[at], y as u16);
            table::draw_gutter(&mut body, y, current && self.pane == Pane::Ledger, false);
            for &(column, x, w) in &placed {
                let (text, role) = ledger_cell(cx, row, columns[column].title, (notes, &short));
                // Where a gap is comes first, and is never the part that is cut.
                let gap = columns[column].title == "SERIES" && !row.gaps.is_empty() && !notes;
                let text = if gap {
                    cut(&text, usize::from(w)).into_owned()
                } else {
                    text
                };
                table::draw_cell(&mut body, y, (x, w), &text, &columns[column], role);
            }
        }
        let words = self
            .violation()
            .filter(|_| self.pane == Pane::Ledger)
            .and_then(|v| gap_words(cx, v));
        let words = words.unwrap_or_else(|| self.current().map(longest_words).unwrap_or_default());
        let last = canvas.height().saturating_sub(1);
        canvas.field(1, last, width.saturating_sub(2), &words, Align::Left, Role::Dim);
    }
}

/// ` 1/6 seen`, or nothing when all are.
fn partly_seen(row: &ObjectiveRow) -> String {
    match row.seen {
        (seen, known) if seen < known => say::past::of_seen(&seen, &known),
        _ => String::new(),
    }
}

/// As many windows as fit beside a readable name, the longest always.
fn shown_windows(cx: &Context, width: u16, each: u16) -> Vec<i64> {
    let all = cx.windows_ms();
    let fit = usize::from(width.saturating_sub(5 + 20 + WORST_WIDTH) / (each + 1)).clamp(1, all.len().max(1));
    all[all.len().saturating_sub(fit)..].to_vec()
}

fn draw_window(body: &mut Canvas<'_>, (x, y, width): (u16, u16, u16), row: &ObjectiveRow, window_ms: i64) {
    let Some(w) = row
        .windows
        .iter()
        .chain(&row.kept.windows)
        .find(|w| w.window_ms == window_ms)
    else {
        body.field(x, y, width, "–", Align::Right, Role::Dim);
        return;
    };
    let kept = row.windows.is_empty();
    if w.covered_ms == 0 && !kept {
        body.field(x, y, width, say::past::no_data(), Align::Right, Role::NoData);
        return;
    }
    let role = if w.violations > 0 { Role::Violated } else { Role::Dim };
    let count = if row.kept.at_least {
        format!("≥{}", w.violations)
    } else {
        w.violations.to_string()
    };
    let mut text = format!("{count:>3} {:>6}", duration(w.violated_ms));
    if width >= WINDOW_WIDE_WIDTH {
        // Of what the ledger alone tells nobody knows how long it was watched.
        let unknown = if kept { "–" } else { say::past::no_data() };
        let good = good_share(w).map_or_else(|| unknown.to_owned(), |share| percent(share).replace(' ', ""));
        text = format!("{text} {good:>7}");
    }
    body.field(x, y, width, &text, Align::Right, role);
}

fn longest_words(row: &ObjectiveRow) -> String {
    let longest = row.windows.iter().max_by_key(|w| w.window_ms);
    longest.map_or_else(|| row.why.as_str().to_owned(), window_words)
}

/// Percent, coverage and samples of a window, in words.
pub(super) fn window_words(w: &WindowResult) -> String {
    let good = good_share(w).map_or_else(
        || say::past::no_data_coverage_too().to_owned(),
        |share| say::past::good(&percent(share)),
    );
    let nan = if w.samples_nan > 0 {
        say::past::nan_skipped(&w.samples_nan)
    } else {
        String::new()
    };
    say::past::known_of_the_time(
        &duration(w.window_ms),
        &good,
        &percent(w.coverage),
        &w.samples_violating,
        &w.samples,
        &nan,
    )
}

/// `gap at 03:44`.
fn gap_note(cx: &Context, row: &ViolationRow) -> String {
    let at = row.gaps.first().map_or_else(String::new, |gap| cx.zone.minute(gap.0));
    say::past::gap_at(&at)
}

/// Where an interval that is shown as one was not seen.
fn gap_words(cx: &Context, row: &ViolationRow) -> Option<String> {
    let gaps: Vec<String> = row
        .gaps
        .iter()
        .map(|(from, to)| say::past::to(&cx.zone.clock(*from), &cx.zone.clock(*to)))
        .collect();
    (!gaps.is_empty()).then(|| say::past::spans_a_gap_nothing(&gaps.join(", ")))
}

fn ledger_cell(cx: &Context, row: &ViolationRow, title: &str, (notes, short): (bool, &Shortened)) -> (String, Role) {
    let now = cx.data_now_ms();
    match title {
        "START" => (cx.zone.moment(row.start_ms, now), Role::Text),
        "END" => match row.end_ms {
            // The start tells the day, the duration the rest.
            Some(end) => (cx.zone.clock(end), Role::Text),
            None => (say::past::open().to_owned(), Role::Violated),
        },
        "DURATION" => (duration(row.duration_ms), Role::Text),
        "SIDE" => (wire::side_word(row.side).to_owned(), Role::Text),
        "WORST" => (number(row.worst, row.unit), Role::Strong),
        "EXCESS" => (number(row.excess, row.unit), Role::Text),
        "SAMPLES" => (row.samples.to_string(), Role::Text),
        // A joined interval says so where the note is hidden, too.
        "NOTE" if !row.gaps.is_empty() => (gap_note(cx, row), Role::NoData),
        "SERIES" if !row.gaps.is_empty() && !notes => (format!("{} {}", gap_note(cx, row), row.labels), Role::NoData),
        "SERIES" => (short.form(row.labels.as_str()).to_owned(), Role::Dim),
        _ if row.retired => (say::past::retired().to_owned(), Role::Dim),
        _ => (say::past::generation(&row.generation), Role::Dim),
    }
}
