//! Where the numbers about a series come from.

use sla_domain::Unit;
use sla_domain::quantity::exact;

use super::MetricsScreen;
use super::rows::SeriesRow;
use crate::context::{Context, wire};
use crate::format::{duration, maybe};
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
            lines.push("names and counts are those the source tells now".to_owned());
            ("metric names".to_owned(), Vec::new())
        };
        lines.extend(provenance::source_lines(cx));
        if let Some((status, series)) = cx.status_of(&series_id) {
            let judged = series.series.as_ref();
            let unit = judged.map_or(Unit::PLAIN, |of| wire::unit_of(of, series.rate));
            lines.push(format!("agreement  {}", status.set_name));
            if let Some(objective) = &status.objective {
                lines.extend(provenance::rule_lines(objective, Some(series.cap_ms)));
            }
            if !series.why.is_empty() {
                lines.push(format!("state      {}", series.why));
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
            "the per-second rate, resets corrected, nothing extrapolated"
        } else {
            "raw values"
        };
        let last = row
            .last_ms
            .map_or_else(String::new, |t| format!(" at {}", cx.zone.moment(t, cx.data_now_ms())));
        let window = duration(cx.window_ms());
        let as_of = self.rows.get().and_then(|r| r.as_of_ms).map_or_else(String::new, |t| {
            format!(", as of {}", cx.zone.moment(t, cx.data_now_ms()))
        });
        vec![
            format!("series     {}", row.series.promql()),
            format!(
                "last       {}{last}, of {of}",
                row.last.map_or_else(|| "–".to_owned(), |last| exact(last, row.unit))
            ),
            format!(
                "window     {window}{as_of}: min {} mean {} max {} of {} samples, {} NaN left out, {} of history in it",
                maybe(row.min, row.unit),
                maybe(row.mean, row.unit),
                maybe(row.max, row.unit),
                row.n,
                row.n_nan,
                duration(row.spanned_ms)
            ),
        ]
    }
}
