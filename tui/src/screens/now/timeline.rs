//! Drawing the timeline.

use sla_domain::quantity;

use super::history::History;
use super::lanes::{LEAD_WIDTH, LaneRow, NAME_WIDTH, TAIL_WIDTH, Timeline};
use super::readout;
use crate::context::{Context, wire};
use crate::format::duration;
use crate::say;
use crate::theme::Role;
use crate::widget::apart::Shortened;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::lane::{Axis, Cell};
use crate::widget::table;

/// Columns that a time of the axis needs.
const TICK_WIDTH: u16 = 7;
/// From this width on every mark is explained beside the time of the cursor.
const LEGEND_WIDTH_MIN: u16 = 76;
/// Ages that the axis names, milliseconds.
const AGES_MS: [i64; 6] = [43_200_000, 21_600_000, 10_800_000, 3_600_000, 1_800_000, 600_000];

impl Timeline {
    pub(super) fn draw(&self, cx: &Context, history: &History, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let axis = Self::axis(cx);
        let x = LEAD_WIDTH + NAME_WIDTH + 1;
        let tail = x + axis.width() + 1;
        canvas.text(LEAD_WIDTH, 0, say::now::objective(), Role::Dim);
        draw_ages(canvas, x, &axis);
        canvas.field(
            tail,
            0,
            TAIL_WIDTH.saturating_sub(1),
            say::now::good_bad(),
            Align::Right,
            Role::Dim,
        );
        let room = Self::height(cx);
        let mut body = canvas.rows(1, room as u16);
        if self.list().shown().is_empty() {
            body.text(3, 0, say::now::no_objective_is_watched(), Role::Dim);
        }
        let visible = || self.list().visible(room).map(|(at, _)| self.lane(at));
        let short = Shortened::new(visible().map(|row| row.name.as_str()), NAME_WIDTH);
        let column = self.column(&axis);
        let mut chosen: Option<(&LaneRow, Cell)> = None;
        for (y, (at, current)) in self.list().visible(room).enumerate() {
            let (row, y) = (self.lane(at), y as u16);
            table::draw_gutter(&mut body, y, current, false);
            body.glyph(3, y, row.mark.glyph(), row.mark.role());
            body.field(
                LEAD_WIDTH,
                y,
                NAME_WIDTH,
                short.form(row.name.as_str()),
                Align::Left,
                Role::Text,
            );
            let cells = row.cells(history, &axis);
            axis.draw(&mut body, x, y, &cells, current.then_some(column));
            if current {
                chosen = cells.get(usize::from(column)).map(|cell| (row, *cell));
            }
            let text = format!("{} {:>6}", row.good, row.bad);
            body.field(tail, y, TAIL_WIDTH.saturating_sub(1), &text, Align::Right, Role::Dim);
        }
        let at = height.saturating_sub(3);
        canvas.run(0, at, width, '─', Role::Border);
        let legend = if width < LEGEND_WIDTH_MIN {
            say::now::open_bad_unknown_likely()
        } else {
            say::now::open_bad_flaps_unknown()
        };
        let legend_width = legend.chars().count() as u16;
        canvas.text(width.saturating_sub(legend_width + 1), at, legend, Role::Dim);
        let span = axis.span(column);
        let when = format!(" {} ", cursor_words(cx, &axis, column));
        canvas.field(
            1,
            at,
            width.saturating_sub(legend_width + 3),
            &when,
            Align::Left,
            Role::Accent,
        );
        let Some(chosen) = chosen else { return };
        let lines = cell_words(cx, history, chosen, span, self.cursor_ms());
        for (y, line) in lines.iter().take(2).enumerate() {
            let role = if y == 0 { Role::Strong } else { Role::Dim };
            canvas.field(1, at + 1 + y as u16, width.saturating_sub(2), line, Align::Left, role);
        }
    }
}

/// Ages above the lanes, where there is room between them.
fn draw_ages(canvas: &mut Canvas<'_>, x: u16, axis: &Axis) {
    let mut free = x;
    for age in AGES_MS.iter().filter(|age| **age <= axis.past_ms) {
        let at = x + axis.column(axis.now_ms - age);
        let text = format!("-{}", duration(*age));
        let width = text.chars().count() as u16;
        if at >= free && at + width < x + axis.past.saturating_sub(4) {
            canvas.text(at, 0, &text, Role::Dim);
            free = at + TICK_WIDTH;
        }
    }
    let now = x + axis.past;
    canvas.text(now.saturating_sub(3), 0, say::now::now(), Role::Now);
    canvas.glyph(now, 0, '┊', Role::Now);
    let ahead = format!("+{}", duration(axis.horizon_ms));
    canvas.field(now + 1, 0, axis.future, &ahead, Align::Right, Role::Dim);
}

fn cursor_words(cx: &Context, axis: &Axis, column: u16) -> String {
    let (after, until) = axis.span(column);
    if column == axis.past {
        return say::now::now_at(&cx.zone.clock(axis.now_ms));
    }
    say::now::to(&cx.zone.moment(after, axis.now_ms), &cx.zone.clock(until))
}

/// What a cell of a lane stands for.
fn cell_words(
    cx: &Context,
    history: &History,
    (row, cell): (&LaneRow, Cell),
    span: (i64, i64),
    at_ms: Option<i64>,
) -> Vec<String> {
    let mut found = row.violations(history, span);
    if let Some(at) = at_ms {
        // Of several in a cell the one that the cursor was put on comes first.
        found.sort_by_key(|v| wire::ms(v.start.as_ref()) != Some(at));
    }
    if let Some(first) = found.first().filter(|_| span.0 <= cx.data_now_ms()) {
        let series = first.series.as_ref().map(wire::series_labels).unwrap_or_default();
        let more = match found.len() - 1 {
            0 => String::new(),
            more => say::now::and_more_in_this(&more),
        };
        return vec![
            format!("{}  {series}", readout::violation(cx, first)),
            say::now::enter_chart_violation_before(&more),
        ];
    }
    let words = match cell {
        Cell::Unknown => say::now::unknown_no_sample_and().to_owned(),
        Cell::Likely => say::now::more_likely_outside_its().to_owned(),
        Cell::Possible => say::now::outside_its_range_is().to_owned(),
        _ => match (row.limits(), span.0 > cx.data_now_ms()) {
            (limits, true) => say::now::expected_inside_its_range(&limits),
            (limits, false) => say::now::inside_its_range(&limits),
        },
    };
    vec![words, say::now::violation_before_and_after().to_owned()]
}

impl LaneRow {
    fn limits(&self) -> String {
        let bound = |value| quantity::exact(value, self.unit);
        match (self.range().min, self.range().max) {
            (Some(min), Some(max)) => format!("[{}, {}]", bound(min), bound(max)),
            (Some(min), None) => format!("≥ {}", bound(min)),
            (None, Some(max)) => format!("≤ {}", bound(max)),
            (None, None) => String::new(),
        }
    }
}
