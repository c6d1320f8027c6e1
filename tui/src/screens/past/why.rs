//! Where the figures of the past come from.

use super::PastScreen;
use crate::context::Context;
use crate::screens::provenance;

impl PastScreen {
    pub(super) fn provenance(&self, cx: &Context) -> (String, Vec<String>) {
        let mut lines = provenance::source_lines(cx);
        let Some(row) = self.current() else {
            return ("past violations".to_owned(), lines);
        };
        let stored = cx.overview.get().and_then(|overview| {
            let same = |o: &&sla_proto::violation::v1::ObjectiveStatus| {
                o.set_id == row.set_id && o.objective.as_ref().is_some_and(|o| o.id == row.objective_id)
            };
            overview.objectives.iter().find(same)
        });
        if let Some(status) = stored {
            let cap_ms = status.series.first().map(|s| s.cap_ms);
            if let Some(objective) = &status.objective {
                lines.extend(provenance::rule_lines(objective, cap_ms));
            }
            if row.series.is_none() && status.series_known > 1 {
                lines.push(format!(
                    "series     {} of {} seen; counts are sums, times the union, percent the union over the union",
                    status.series_seen, status.series_known
                ));
            }
        }
        lines.extend(row.windows.iter().flat_map(|w| provenance::window_lines(w, row.unit)));
        lines.push("           each window counts everything inside it: never add counts of windows".to_owned());
        (row.name.as_str().to_owned(), lines)
    }
}
