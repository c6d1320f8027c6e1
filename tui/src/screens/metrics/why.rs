//! Where the numbers about a series come from.

use sla_domain::Unit;
use sla_domain::quantity::exact;

use super::MetricsScreen;
use super::rows::SeriesRow;
use crate::context::{Context, wire};
use crate::format::{duration, maybe};
use crate::say;
use crate::screens::provenance;

impl MetricsScreen {
    /// Title and lines about the chosen series, its chart or the names.
    pub(super) fn provenance(&self, cx: &Context) -> (String, Vec<String>) {
        let mut lines = Vec::new();
        let (title, series_id) = if let Some(detail) = &self.detail {
            lines.extend(detail.provenance(cx));
            (detail.title.clone(), detail.series_id.clone())
        } else if let Some(row) = self.current().filter(|_| !self.in_names()) {
            lines.extend(self.row_lines(cx, row));
            (format!("{} {}", row.name, row.labels), row.series.id.to_vec())
        } else {
            lines.push(say::metrics::names_and_counts_are().to_owned());
            (say::metrics::metric_names().to_owned(), Vec::new())
        };
        lines.extend(provenance::source_lines(cx));
        if let Some((status, series)) = cx.status_of(&series_id) {
            let judged = series.series.as_ref();
            let unit = judged.map_or(Unit::PLAIN, |of| wire::unit_of(of, series.rate));
            lines.push(say::metrics::agreement(&status.set_name));
            if let Some(objective) = &status.objective {
                lines.extend(provenance::rule_lines(objective, Some(series.cap_ms)));
            }
            if !series.why.is_empty() {
                lines.push(say::metrics::state(&series.why));
            }
            lines.extend(series.windows.iter().flat_map(|w| provenance::window_lines(w, unit)));
            if let Some(outlook) = &series.outlook {
                lines.extend(provenance::outlook_lines(cx, outlook));
            }
        }
        (title, lines)
    }

    fn row_lines(&self, cx: &Context, row: &SeriesRow) -> Vec<String> {
        let of = if row.rate {
            say::metrics::the_per_second_rate()
        } else {
            say::metrics::raw_values()
        };
        let last = row
            .last_ms
            .map_or_else(String::new, |t| say::metrics::at(&cx.zone.moment(t, cx.data_now_ms())));
        let window = duration(cx.window_ms());
        let as_of = self.rows.get().and_then(|r| r.as_of_ms).map_or_else(String::new, |t| {
            say::metrics::as_of_2(&cx.zone.moment(t, cx.data_now_ms()))
        });
        vec![
            say::metrics::selector(&row.series.promql()),
            say::metrics::last_of(
                &row.last.map_or_else(|| "–".to_owned(), |last| exact(last, row.unit)),
                &last,
                &of,
            ),
            say::metrics::window_min_mean_max(
                &window,
                &as_of,
                &maybe(row.min, row.unit),
                &maybe(row.mean, row.unit),
                &maybe(row.max, row.unit),
                &row.n,
                &row.n_nan,
                &duration(row.spanned_ms),
            ),
        ]
    }
}
