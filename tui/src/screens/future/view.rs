//! Drawing the future screen.

use sla_domain::{Unit, quantity};
use sla_proto::violation::v1::Trust;

use super::FutureScreen;
use super::rows::{FutureRow, SORTS};
use crate::context::Context;
use crate::context::wire::{self, Mark};
use crate::format::{duration, number};
use crate::say;
use crate::screens::instance::{self, Instance};
use crate::screens::phase::{draw_edge, draw_phase};
use crate::screens::trust;
use crate::theme::Role;
use crate::widget::apart::Shortened;
use crate::widget::canvas::Canvas;
use crate::widget::spark::{self, SparkCell};
use crate::widget::table::{self, Column};
use crate::widget::wrap::wrap;

impl FutureScreen {
    /// Where the columns lie in a table of this width.
    pub(super) fn placed(&self, columns: &[Column], width: u16) -> table::Placed {
        let widest = |text: fn(&FutureRow) -> usize| self.items().iter().map(text).max().unwrap_or(0) as u16;
        let ends = |row: &FutureRow| now_to_end(row).chars().count();
        let contents = [
            ("OBJECTIVE", widest(|row| row.name.width())),
            ("LABELS", widest(|row| row.labels.width())),
            ("NOW→END", widest(ends)),
            ("TRACK RECORD", widest(|row| trust::short(&row.outlook).chars().count())),
        ];
        table::place_measured(columns, width, &contents)
    }

    pub(super) fn draw_all(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (table, beside) = instance::split(canvas.width());
        self.draw_table(cx, &mut canvas.part(0, 0, table, canvas.height()));
        if beside > 0 {
            self.draw_beside(cx, &mut canvas.part(table, 0, beside, canvas.height()));
        }
    }

    /// The chosen row in words, and below them its last hour with what is expected.
    fn draw_beside(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let words = self.draw_words(cx, &mut canvas.part(1, 0, width.saturating_sub(1), height));
        let Some(row) = self.current().filter(|_| height > words + 4) else {
            return;
        };
        let instance = Instance {
            series: &row.series,
            range: &row.limits,
            unit: row.unit,
            outlook: Some(&row.outlook),
            violated: Vec::new(),
        };
        self.chart.draw(
            cx,
            &mut canvas.part(1, words + 1, width - 1, height - words - 1),
            &instance,
        );
    }

    fn draw_table(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let columns = self.columns.shown();
        let placed = self.placed(&columns, width);
        let sort = SORTS.get(self.list.sort).map(|title| (*title, self.list.down));
        table::draw_header(&mut canvas.rows(0, 1), &columns, &placed, sort);
        let words = Self::words_rows(cx);
        let room = height.saturating_sub(1 + words);
        let mut body = canvas.rows(1, room);
        if !draw_phase(cx, &self.rows, &mut body, say::future::what_is_to_come()) {
            return;
        }
        if self.list.shown().is_empty() {
            let text = if self.items().is_empty() {
                say::future::nothing_is_expected_yet()
            } else {
                say::future::no_row_passes_the()
            };
            body.text(3, 0, text, Role::Dim);
        }
        let visible = || self.list.visible(usize::from(room)).map(|(at, _)| &self.items()[at]);
        let short: Vec<Shortened> = placed
            .iter()
            .map(|&(column, _, w)| match columns[column].title {
                "OBJECTIVE" => Shortened::new(visible().map(|row| row.name.as_str()), w),
                "LABELS" => Shortened::new(visible().map(|row| row.labels.as_str()), w),
                _ => Shortened::default(),
            })
            .collect();
        for (y, (at, current)) in self.list.visible(usize::from(room)).enumerate() {
            let row = &self.items()[at];
            table::draw_gutter(&mut body, y as u16, current, false);
            for (&(column, x, w), short) in placed.iter().zip(&short) {
                draw_cell(cx, &mut body, row, (&columns[column], short), (x, y as u16, w));
            }
        }
        if words > 0 {
            self.draw_words(cx, &mut canvas.rows(height.saturating_sub(words), words));
        }
    }

    /// Returns how many rows the words took.
    fn draw_words(&self, cx: &Context, canvas: &mut Canvas<'_>) -> u16 {
        let (width, height) = (canvas.width(), canvas.height());
        let (first, is_stale) = draw_edge(cx, &self.rows, canvas);
        let Some(row) = self.current() else {
            return u16::from(is_stale);
        };
        let outlook = &row.outlook;
        let mut lines = Vec::new();
        let horizon = trust::horizon_ms(cx, outlook);
        let head = match trust::with_arima(outlook) {
            Some(p) => say::future::leaves_within(&row.title(), &row.range, &duration(horizon), &p),
            None => say::future::no_probability_is_given(&row.title()),
        };
        let low = if outlook.low_confidence {
            say::future::low_confidence_history_short()
        } else {
            ""
        };
        lines.push(head);
        lines.push(say::future::track_record(&trust::words(&row.outlook), &low));
        if !outlook.method.is_empty() {
            let made =
                wire::ms(outlook.made.as_ref()).map_or_else(String::new, |t| say::future::made(&cx.zone.clock(t)));
            lines.push(say::future::method_bands_50_80(&outlook.method, &made));
        }
        if let Some(last) = outlook.fan.last() {
            lines.push(say::future::at_the_end_by(
                &number(last.median, row.unit),
                &number(last.low_50, row.unit),
                &number(last.high_50, row.unit),
                &number(last.low_95, row.unit),
                &number(last.high_95, row.unit),
            ));
        }
        if !outlook.predicted_outside.is_empty() {
            let points: Vec<String> = outlook
                .predicted_outside
                .iter()
                .map(|p| {
                    let when = wire::ms(p.time.as_ref()).map_or_else(String::new, |t| cx.zone.clock(t));
                    format!("{when} {} ({})", number(p.value, row.unit), wire::side_word(p.side()))
                })
                .collect();
            // Another method than the probability's: named, so that the two are not read as one.
            lines.push(say::future::the_classic_forecast_holt(&points.join(", ")));
        } else if !row.why.is_empty() {
            lines.push(row.why.as_str().to_owned());
        }
        let wrapped: Vec<String> = lines
            .iter()
            .flat_map(|l| wrap(l, usize::from(width.saturating_sub(2))))
            .collect();
        let lines = wrapped.iter().take(usize::from(height - first));
        let taken = first + lines.len() as u16;
        for (y, line) in lines.enumerate() {
            canvas.text(
                1,
                first + y as u16,
                line,
                if y == 0 { Role::Strong } else { Role::Text },
            );
        }
        taken
    }
}

/// `6.02→5.10`.
fn now_to_end(row: &FutureRow) -> String {
    format!(
        "{}→{}",
        tight(row.now, row.unit),
        tight(row.outlook.value_at_end, row.unit)
    )
}

fn draw_cell(
    cx: &Context,
    body: &mut Canvas<'_>,
    row: &FutureRow,
    (column, short): (&Column, &Shortened),
    (x, y, w): (u16, u16, u16),
) {
    let outlook = &row.outlook;
    let likely = outlook.probability.is_some_and(|p| p >= 0.5);
    let (text, role) = match column.title {
        "S" => {
            let mark = Mark::of(row.state, Some(outlook));
            (mark.glyph().to_string(), mark.role())
        }
        "OBJECTIVE" => (short.form(row.name.as_str()).to_owned(), Role::Text),
        "LABELS" => (short.form(row.labels.as_str()).to_owned(), Role::Dim),
        "P" => match trust::probability(outlook) {
            Some(p) => (p, if likely { Role::Violated } else { Role::Text }),
            None => ("–".to_owned(), Role::Dim),
        },
        "FIRST" => match row.first_ms() {
            Some(first) if first <= cx.data_now_ms() => (say::future::now().to_owned(), Role::Violated),
            Some(first) => (cx.zone.clock(first), if likely { Role::AtRisk } else { Role::Text }),
            None => ("–".to_owned(), Role::Dim),
        },
        "NOW→END" => (
            format!("{}→{}", tight(row.now, row.unit), tight(outlook.value_at_end, row.unit)),
            Role::Text,
        ),
        "MEDIAN" => {
            let cells: Vec<_> = outlook
                .fan
                .iter()
                .map(|p| SparkCell::new(Some((p.median, p.median))))
                .collect();
            spark::draw(body, x, y, w, &cells, (None, None));
            return;
        }
        _ => (
            trust::short(&row.outlook),
            if trust::of(&row.outlook) == Trust::Proven {
                Role::Text
            } else {
                Role::Dim
            },
        ),
    };
    table::draw_cell(body, y, (x, w), &text, column, role);
}

/// As narrow as it can be told.
fn tight(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "–".to_owned(), |value| quantity::tight(value, unit))
}
