//! Where a probability comes from.

use super::FutureScreen;
use crate::context::{Context, wire};
use crate::say;
use crate::screens::provenance;

impl FutureScreen {
    pub(super) fn provenance(&self, cx: &Context) -> (String, Vec<String>) {
        let Some(row) = self.current() else {
            return (
                say::future::future_violations().to_owned(),
                provenance::source_lines(cx),
            );
        };
        let mut lines = vec![
            say::future::series(&wire::series_promql(&row.series)),
            say::future::range(&row.range),
        ];
        lines.extend(provenance::outlook_lines(cx, &row.outlook));
        lines.extend(provenance::source_lines(cx));
        (row.title(), lines)
    }
}
