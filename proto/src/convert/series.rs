//! Series and queries.

use sla_domain::{Labels, SeriesId};

use crate::series::v1::{Label, Query, Series, SeriesKind, query};

/// The labels of a series message.
pub fn labels(series: &Series) -> Labels {
    Labels::from_pairs(
        series
            .labels
            .iter()
            .map(|label| (label.name.as_str(), label.value.as_str())),
    )
}

/// The fingerprint of a series message; `None` when it is not 16 bytes.
pub fn series_id(series: &Series) -> Option<SeriesId> {
    SeriesId::from_slice(&series.id)
}

/// A series as a message. `expression` is empty for a plain series.
pub fn series_message(id: SeriesId, source: &str, labels: &Labels, expression: &str, kind: SeriesKind) -> Series {
    Series {
        id: id.0.to_vec(),
        source: source.to_owned(),
        labels: labels
            .iter()
            .map(|(name, value)| Label {
                name: name.to_owned(),
                value: value.to_owned(),
            })
            .collect(),
        expression: expression.to_owned(),
        kind: kind.into(),
    }
}

/// The text of a query as PromQL; "" when it is empty.
pub fn query_text(query: &Query) -> &str {
    match &query.query {
        Some(query::Query::Selector(text) | query::Query::Expression(text)) => text,
        None => "",
    }
}
