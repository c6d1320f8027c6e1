//! Where the figures of the past come from.

use super::PastScreen;
use crate::context::Context;
use crate::say;
use crate::screens::provenance;

impl PastScreen {
    pub(super) fn provenance(&self, cx: &Context) -> (String, Vec<String>) {
        let mut lines = provenance::source_lines(cx);
        let Some(row) = self.current() else {
            return (say::past::past_violations().to_owned(), lines);
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
                lines.push(say::past::series_of_seen_counts(
                    &status.series_seen,
                    &status.series_known,
                ));
            }
        }
        lines.extend(row.windows.iter().flat_map(|w| provenance::window_lines(w, row.unit)));
        lines.push(say::past::each_window_counts_everything().to_owned());
        (row.name.as_str().to_owned(), lines)
    }
}
