//! Drawing the form, and what it says of itself.

use sla_proto::objective::v1::MissingPolicy;

use super::{Focus, Form, MISSING, ORDER};
use crate::say;
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};

/// Rows of what is wrong.
const WORDS_ROWS_MAX: u16 = 3;
/// Columns of the horizon, beside the name.
const AHEAD: u16 = 12;
/// Below this width the labels of the choices are short.
const NARROW: u16 = 72;

impl Form {
    /// Draws the fields in five rows and the words in what is left; the query has a row of its own.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>) {
        let width = canvas.width();
        let focus = ORDER[self.focus];
        canvas.text(1, 0, say::form::query_label(), Role::Dim);
        self.query
            .draw(canvas, 7, 0, width.saturating_sub(8), focus == Focus::Query);
        canvas.text(1, 1, say::form::name(), Role::Dim);
        let name = width.saturating_sub(8 + AHEAD);
        self.name.draw(canvas, 7, 1, name, focus == Focus::Name);
        let x = canvas.text(8 + name, 1, say::form::ahead(), Role::Dim) + 1;
        self.horizon.draw(canvas, x, 1, 5, focus == Focus::Horizon);
        let fields = [
            ("min", &self.min, Focus::Min),
            ("max", &self.max, Focus::Max),
            (say::form::warn_below(), &self.warn_below, Focus::WarnBelow),
            (say::form::above(), &self.warn_above, Focus::WarnAbove),
        ];
        let labels: u16 = fields.iter().map(|f| f.0.chars().count() as u16 + 2).sum();
        let each = (width.saturating_sub(labels + 1) / 4).clamp(4, 16);
        let mut x = 1;
        for (label, field, at) in fields {
            x = canvas.text(x, 2, label, Role::Dim) + 1;
            field.draw(canvas, x, 2, each, focus == at);
            x += each + 1;
        }
        self.draw_choices(canvas, focus);
        let (good, words) = self.words();
        let (mark, role) = match good {
            Some(true) => ('✓', Role::Ok),
            Some(false) => ('✗', Role::Error),
            None => ('·', Role::Dim),
        };
        canvas.glyph(1, 4, mark, role);
        // What is wrong is read to its end where there is room for it.
        let room = usize::from(width.saturating_sub(4));
        let rows = usize::from(canvas.height().saturating_sub(4));
        let lines = crate::widget::wrap::wrap(&words, room.max(1));
        for (y, line) in lines.iter().take(rows).enumerate() {
            let rest = if y + 1 == rows && lines.len() > rows { "…" } else { "" };
            canvas.field(
                3,
                4 + y as u16,
                width.saturating_sub(4),
                &format!("{line}{rest}"),
                Align::Left,
                role,
            );
        }
    }

    /// Rows that fields and words take at a width.
    pub(crate) fn rows(&self, width: u16) -> u16 {
        let words = crate::widget::wrap::wrap(&self.words().1, usize::from(width.saturating_sub(4)).max(1));
        4 + (words.len() as u16).clamp(1, WORDS_ROWS_MAX)
    }

    fn draw_choices(&self, canvas: &mut Canvas<'_>, focus: Focus) {
        let narrow = canvas.width() < NARROW;
        let word = |long: &'static str, short: &'static str| if narrow { short } else { long };
        let mut x = canvas.text(1, 3, word(say::form::missing(), say::form::miss()), Role::Dim) + 1;
        self.missing.draw(canvas, x, 3, 6, focus == Focus::Missing);
        x += 7;
        if MISSING[self.missing.at].1 == MissingPolicy::Hold {
            x = canvas.text(x, 3, word(say::form::at_most(), say::form::max()), Role::Dim) + 1;
            self.hold.draw(canvas, x, 3, 6, focus == Focus::Hold);
            x += 7;
        }
        x = canvas.text(x, 3, word(say::form::target(), say::form::good()), Role::Dim) + 1;
        let target = if narrow { 5 } else { 8 };
        self.target.draw(canvas, x, 3, target, focus == Focus::Target);
        x = canvas.text(
            x + target + 1,
            3,
            word(say::form::counter(), say::form::counts_as()),
            Role::Dim,
        ) + 1;
        self.counter.draw(canvas, x, 3, 6, focus == Focus::Counter);
        x = canvas.text(x + 7, 3, word(say::form::forecast(), say::form::fcst()), Role::Dim) + 1;
        self.forecast.draw(canvas, x, 3, 5, focus == Focus::Forecast);
    }

    /// The first thing that is wrong, or that all is well; neither before the first key of a new objective.
    pub(super) fn words(&self) -> (Option<bool>, String) {
        if !self.touched && self.query.value().is_empty() {
            return (None, say::form::type_a_selector_or().to_owned());
        }
        let said = self.check.said.as_ref();
        if let Err(problems) = self.objective() {
            let problem = problems.first().map(ToString::to_string).unwrap_or_default();
            let matched = said
                .filter(|(good, _)| *good)
                .map_or_else(String::new, |(_, words)| format!("{words}; "));
            return (Some(false), matched + &problem);
        }
        match said {
            Some((good, words)) => (Some(*good), self.understood() + words),
            None => (Some(true), self.understood() + say::form::can_be_taken_enter()),
        }
    }
}
