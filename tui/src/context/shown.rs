//! What is on screen as a query: PromQL to copy, and a curl line that asks the server the same.

use super::wire;
use crate::format::iso;
use sla_proto::series::v1::{Query, query};

/// Step of an expression that does not name one, milliseconds.
const STEP_MS: i64 = 60_000;

/// A query and the time it is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) promql: String,
    /// The name of the source that is asked; empty = the default one.
    pub(crate) source: String,
    /// A plain selector is asked for its raw samples, an expression at a step.
    pub(crate) selector: bool,
    /// (after, until], Unix milliseconds.
    pub(crate) after_ms: i64,
    pub(crate) until_ms: i64,
    pub(crate) step_ms: i64,
}

impl Shown {
    pub(crate) fn new(query: &Query, after_ms: i64, until_ms: i64) -> Self {
        Self {
            promql: wire::query_text(Some(query)).to_owned(),
            source: query.source.clone(),
            selector: !matches!(query.query, Some(query::Query::Expression(_))),
            after_ms,
            until_ms,
            step_ms: if query.step_ms > 0 { query.step_ms } else { STEP_MS },
        }
    }

    /// A line for a POSIX shell that asks the server at `address` for what is on screen. Credentials are not in it.
    pub(crate) fn curl(&self, address: &str) -> String {
        let base = address.trim_end_matches('/');
        let field = |name: &str, value: &str| format!(" --data-urlencode {}", quoted(&format!("{name}={value}")));
        let span_s = ((self.until_ms - self.after_ms) / 1000).max(1);
        if self.selector {
            // Raw samples, with their own times: an instant query of a range.
            let url = quoted(&format!("{base}/api/v1/query"));
            let query = field("query", &format!("{}[{span_s}s]", self.promql));
            return format!("curl -sS{query}{} {url}", field("time", &iso(self.until_ms)));
        }
        let url = quoted(&format!("{base}/api/v1/query_range"));
        format!(
            "curl -sS{}{}{}{} {url}",
            field("query", &self.promql),
            field("start", &iso(self.after_ms)),
            field("end", &iso(self.until_ms)),
            field("step", &format!("{}s", (self.step_ms / 1000).max(1)))
        )
    }
}

/// One word for a POSIX shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_asked_for_its_raw_samples() {
        let query = wire::query_from_text("node_load1{job=\"it's\"}");
        let shown = Shown::new(&query, 1_700_000_000_000, 1_700_003_600_000);
        assert_eq!(
            shown.curl("http://prom:9090/prefix/"),
            r#"curl -sS --data-urlencode 'query=node_load1{job="it'\''s"}[3600s]' --data-urlencode 'time=2023-11-14T23:13:20Z' 'http://prom:9090/prefix/api/v1/query'"#
        );
    }

    #[test]
    fn an_expression_is_asked_at_its_step() {
        let mut query = wire::query_from_text("sum(rate(a[5m]))");
        query.step_ms = 15_000;
        let line = Shown::new(&query, 1_700_000_000_000, 1_700_003_600_000).curl("http://p");
        assert!(
            line.contains("'step=15s'") && line.ends_with("'http://p/api/v1/query_range'"),
            "{line}"
        );
        assert!(line.contains("'start=2023-11-14T22:13:20Z'"), "{line}");
    }
}
