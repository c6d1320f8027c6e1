//! What stands beside the tables on a wide terminal: the chosen objective in words, and the chart of the series the cursor is about.

use sla_proto::series::v1::Series;

use super::rows::ObjectiveRow;
use super::view::window_words;
use super::{Pane, PastScreen};
use crate::context::{Context, wire};
use crate::screens::instance::Instance;
use crate::theme::Role;
use crate::widget::canvas::Canvas;
use crate::widget::wrap::wrap;

/// Fewer rows show no chart worth looking at.
const CHART_ROWS_MIN: u16 = 5;

impl PastScreen {
    /// The series of the chosen interval, else of the chosen row, else the first that was violated or seen.
    pub(super) fn charted(&self, cx: &Context) -> Option<Series> {
        let row = self.current()?;
        let chosen = self.violation().filter(|_| self.pane == Pane::Ledger);
        let of_row = row.series.clone();
        let told = || self.violations().first().map(|v| v.series.clone());
        let seen = || {
            let objectives = &cx.overview.get()?.objectives;
            let same = |id: &str| id == row.objective_id;
            let status = objectives
                .iter()
                .find(|o| o.set_id == row.set_id && o.objective.as_ref().is_some_and(|o| same(&o.id)))?;
            status.series.iter().find_map(|s| s.series.clone())
        };
        chosen.map(|v| v.series.clone()).or(of_row).or_else(told).or_else(seen)
    }

    pub(super) fn draw_beside(&self, cx: &Context, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width(), canvas.height());
        let Some(row) = self.current() else { return };
        let series = self.charted(cx);
        let room = usize::from(width.saturating_sub(2));
        let mut y = 0;
        for (line, role) in words(row, series.as_ref()) {
            for part in wrap(&line, room) {
                canvas.text(1, y, &part, role);
                y += 1;
            }
        }
        let Some(series) = series.filter(|_| height >= y + 1 + CHART_ROWS_MIN) else {
            return;
        };
        let now = cx.data_now_ms();
        let of_series = self.violations().iter().filter(|v| v.series.id == series.id);
        let mut violated: Vec<(i64, i64)> = of_series.map(|v| (v.start_ms, v.end_ms.unwrap_or(now))).collect();
        violated.sort_unstable();
        let instance = Instance {
            series: &series,
            range: &row.limits,
            unit: row.unit,
            outlook: None,
            violated,
        };
        self.chart
            .draw(cx, &mut canvas.part(1, y + 1, width - 1, height - y - 1), &instance);
    }
}

fn words(row: &ObjectiveRow, series: Option<&Series>) -> Vec<(String, Role)> {
    let mut windows = row.windows.clone();
    windows.sort_by_key(|w| w.window_ms);
    let mut lines = vec![(format!("{} {}", row.name, row.range), Role::Strong)];
    lines.extend(windows.iter().map(|w| (window_words(w), Role::Text)));
    if windows.is_empty() {
        lines.push((row.why.as_str().to_owned(), Role::Dim));
    }
    if let Some(series) = series {
        let text = format!("{} {}", wire::series_name(series), wire::series_labels(series));
        lines.push((text, Role::Dim));
    }
    lines
}
