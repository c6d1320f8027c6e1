//! Drawing the runs screen.

use sla_proto::etl::v1 as etl;

use super::RunsScreen;
use super::rows::RunRow;
use super::timer;
use crate::context::{Context, wire};
use crate::format::{duration, millis};
use crate::say;
use crate::screens::phase::{draw_phase, stale_words};
use crate::theme::Role;
use crate::widget::canvas::{Align, Canvas};
use crate::widget::{progress, table};

/// Columns of the progress bar, on a narrow and on a wide terminal.
const BAR_WIDTH: u16 = 10;
const BAR_WIDE_WIDTH: u16 = 24;
/// Columns of the step table; the log has the rest.
const STEPS_WIDTH: u16 = 54;
/// From this width on the log stands beside the steps, else below them where there is room for so many rows.
const LOG_BESIDE_MIN: u16 = 120;
const LOG_ROWS_MIN: u16 = 2;

impl RunsScreen {
    pub(super) fn draw_all(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        self.draw_schedule(cx, &mut canvas.rows(0, 1));
        let upper = self.height(cx) as u16;
        let mut body = canvas.rows(1, upper);
        if draw_phase(cx, &self.runs, &mut body, say::runs::runs()) {
            if self.list.shown().is_empty() {
                body.text(3, 0, say::runs::no_run_yet_n(), Role::Dim);
            }
            for (y, (at, current)) in self.list.visible(usize::from(upper)).enumerate() {
                draw_run(cx, &mut body, &self.items()[at], y as u16, current);
            }
        }
        let at = upper + 1;
        canvas.run(0, at, width, '─', Role::Border);
        if let Some(row) = self.current() {
            canvas.field(
                3,
                at,
                width.saturating_sub(6),
                &format!(" #{} {} ", row.run.number, row.state_word()),
                Align::Left,
                Role::Strong,
            );
            let rest = height.saturating_sub(at + 1);
            let beside = width >= LOG_BESIDE_MIN;
            let steps = if beside { STEPS_WIDTH } else { width };
            let used = draw_steps(row, &mut canvas.part(0, at + 1, steps, rest));
            if beside {
                self.draw_log(cx, &mut canvas.part(steps + 1, at + 1, width - steps - 1, rest));
            } else if rest >= used + LOG_ROWS_MIN {
                self.draw_log(cx, &mut canvas.part(1, at + 1 + used, width - 2, rest - used));
            }
        }
        if let Some(launch) = &self.launch {
            launch.draw(canvas);
        }
    }

    fn draw_schedule(&self, cx: &Context, line: &mut Canvas<'_>) {
        let width = line.width().saturating_sub(2);
        if let Some(stale) = stale_words(cx, &self.runs) {
            line.field(1, 0, width, &stale, Align::Left, Role::Error);
            return;
        }
        let Some(schedule) = self.schedule.get() else { return };
        let role = if schedule.paused { Role::AtRisk } else { Role::Dim };
        line.field(1, 0, width, &timer::words(cx, schedule), Align::Left, role);
    }

    fn draw_log(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        canvas.text(0, 0, say::runs::log(), Role::Dim);
        // The figures of its steps stand in the table.
        let lines = self
            .log
            .rows()
            .iter()
            .filter(|line| !line.text.as_str().starts_with("step="));
        let lines: Vec<_> = lines.collect();
        let room = usize::from(height.saturating_sub(1));
        for (y, line) in lines.iter().skip(lines.len().saturating_sub(room)).enumerate() {
            let role = match line.level.as_str() {
                "error" => Role::Error,
                "warn" => Role::AtRisk,
                _ => Role::Text,
            };
            let text = format!("{} {}", cx.zone.clock(line.time_ms), line.text);
            canvas.field(0, y as u16 + 1, width, &text, Align::Left, role);
        }
    }
}

fn draw_run(cx: &Context, body: &mut Canvas<'_>, row: &RunRow, y: u16, current: bool) {
    let run = &row.run;
    let width = body.width();
    table::draw_gutter(body, y, current, false);
    let (mark, role) = row.mark();
    body.glyph(3, y, mark, role);
    body.field(5, y, 6, &format!("#{}", run.number), Align::Left, Role::Strong);
    let started = wire::ms(run.started.as_ref()).map_or_else(String::new, |t| cx.zone.minute(t));
    body.field(12, y, 5, &started, Align::Left, Role::Text);
    body.field(18, y, 8, row.by.as_str(), Align::Left, Role::Dim);
    body.field(27, y, 9, row.state_word(), Align::Left, role);
    let mut x = 37;
    if row.is_running() {
        if width > 70 {
            let bar = if width >= 100 { BAR_WIDE_WIDTH } else { BAR_WIDTH };
            let (done, total) = (u64::from(run.series_done), u64::from(run.series_total));
            progress::draw(body, x, y, bar, done, total);
            x += bar + 1;
        }
        let left = progress::left(wire::span_ms(run.remaining.as_ref()));
        let failed = if run.series_failed > 0 {
            say::runs::so_many_failed(&run.series_failed)
        } else {
            String::new()
        };
        let text = format!(
            "{}/{}{failed} {} {left}",
            run.series_done, run.series_total, run.current_step
        );
        body.field(x, y, width.saturating_sub(x), &text, Align::Left, Role::Text);
    } else {
        let took = row
            .duration_ms(cx.data_now_ms())
            .map(|ms| millis(ms as f64))
            .unwrap_or_default();
        let counts = format!("{}/{}", run.series_done, run.series_total);
        body.field(x, y, 9, &counts, Align::Right, Role::Text);
        body.field(x + 10, y, 8, &took, Align::Right, Role::Text);
        body.field(
            x + 20,
            y,
            width.saturating_sub(x + 20),
            row.message.as_str(),
            Align::Left,
            Role::Dim,
        );
    }
}

/// Steps, what was read and what failed; how many rows that took.
fn draw_steps(row: &RunRow, canvas: &mut Canvas<'_>) -> u16 {
    canvas.text(1, 0, say::runs::step_window_p50_p95(), Role::Dim);
    let height = canvas.height();
    let mut y = 1;
    for step in row
        .run
        .step_summaries
        .iter()
        .take(usize::from(height.saturating_sub(3)))
    {
        draw_step(step, y, canvas);
        y += 1;
    }
    if row.run.step_summaries.is_empty() {
        canvas.text(1, y, say::runs::no_timings_yet(), Role::Dim);
        y += 1;
    }
    let width = canvas.width().saturating_sub(2);
    let read = super::rows::read_words(&row.run);
    canvas.field(1, y, width, &read, Align::Left, Role::Dim);
    for failure in &row.run.failures {
        y += 1;
        let name = failure.series.as_ref().map(wire::series_promql).unwrap_or_default();
        let why = failure
            .failure
            .as_ref()
            .map(|f| format!("{}: {}", f.step, f.message))
            .unwrap_or_default();
        canvas.field(1, y, width, &format!("✗ {name} {why}"), Align::Left, Role::Violated);
    }
    y + 1
}

fn draw_step(step: &etl::StepSummary, y: u16, canvas: &mut Canvas<'_>) {
    canvas.field(1, y, 11, &step.step, Align::Left, Role::Text);
    let window = if step.window_ms == 0 {
        "–".to_owned()
    } else {
        duration(step.window_ms)
    };
    canvas.field(13, y, 6, &window, Align::Left, Role::Text);
    for (at, ms) in [step.p50_ms, step.p95_ms, step.max_ms].into_iter().enumerate() {
        canvas.field(18 + at as u16 * 9, y, 9, &millis(ms), Align::Right, Role::Text);
    }
    canvas.field(45, y, 7, &step.series.to_string(), Align::Right, Role::Dim);
}
