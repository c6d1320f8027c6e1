//! Where the figures about an objective come from.

use super::SetsScreen;
use crate::context::Context;
use crate::say;
use crate::screens::provenance;

impl SetsScreen {
    pub(super) fn provenance(&self, cx: &Context) -> (String, Vec<String>) {
        let mut lines = provenance::source_lines(cx);
        let Some(row) = self.current() else {
            return (say::sets::sla_sets().to_owned(), lines);
        };
        let cap_ms = row.now.as_ref().and_then(|s| s.series.first()).map(|s| s.cap_ms);
        lines.extend(provenance::rule_lines(&row.objective, cap_ms));
        if let Some(w) = row.window() {
            let of = if row.what_if.is_some() {
                say::sets::the_range_on_screen()
            } else {
                say::sets::the_range_that_is()
            };
            lines.push(say::sets::what_if_judged_with(&of));
            lines.extend(provenance::window_lines(w, row.unit));
        }
        if let Some(outlook) = row.now.as_ref().and_then(|s| s.outlook.as_ref()) {
            lines.extend(provenance::outlook_lines(cx, outlook));
        }
        (row.name.as_str().to_owned(), lines)
    }
}
