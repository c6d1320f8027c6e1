//! What is to be read: queries, and which series answer them.

use sla_domain::query::Query;
use sla_proto::series::v1 as pb;

use crate::samples::series::SeriesHead;

/// What makes two queries read the same: source, normal text, and the step of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryKey {
    source: String,
    text: String,
    step_ms: i64,
}

impl QueryKey {
    /// The key of a query on `source`; the step counts for expressions only.
    pub fn new(source: &str, query: &Query, step_ms: i64) -> Self {
        Self {
            source: source.to_owned(),
            text: query.text().to_owned(),
            step_ms: if query.is_selector() { 0 } else { step_ms },
        }
    }

    /// The name of its source; empty for the default one.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// A query to be kept in memory.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Identity.
    pub key: QueryKey,
    /// Parsed, to tell which series answer it.
    pub query: Query,
    /// As it is sent.
    pub message: pb::Query,
}

impl Wanted {
    /// Whether a plain series that came for `found` answers it too, by its labels: of queries that share a series the source
    /// names one only.
    pub fn is_answered_by(&self, head: &SeriesHead, found: &Self) -> bool {
        if self.key.source != found.key.source {
            return false;
        }
        let selector = self.query.selector();
        selector.is_some_and(|selector| head.expression.is_empty() && selector.matches(&head.labels))
    }
}
