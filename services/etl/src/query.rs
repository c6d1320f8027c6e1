//! Queries of the contract, parsed once at the edge.

use sla_domain::{Objective, Query as DomainQuery, Selector};
use sla_proto::convert;
use sla_proto::series::v1::{Query, query};

use crate::error::EtlError;

/// A query in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadQuery {
    /// Read as raw samples.
    Selector(Selector),
    /// Evaluated by the server.
    Expression {
        /// Normal form.
        text: String,
        /// Distance of the instants, milliseconds.
        step_ms: i64,
    },
}

impl ReadQuery {
    /// Parses a query message; `field` names it in errors. What is sent as an expression but is a plain selector is read as
    /// one: raw samples are the better truth.
    pub fn parse(field: &str, message: &Query) -> Result<Self, EtlError> {
        let text = convert::query_text(message);
        let bad = |error: sla_domain::QueryError| EtlError::BadQuery(error.into_invalid(field, text));
        match &message.query {
            Some(query::Query::Selector(_)) => Ok(Self::Selector(DomainQuery::parse_selector(text).map_err(bad)?)),
            Some(query::Query::Expression(_)) => match DomainQuery::parse(text).map_err(bad)? {
                DomainQuery::Selector(selector) => Ok(Self::Selector(selector)),
                DomainQuery::Expression(expression) => {
                    let step_ms = if message.step_ms == 0 {
                        Objective::DEFAULT_STEP_MS
                    } else {
                        message.step_ms
                    };
                    if !(Objective::MIN_STEP_MS..=Objective::MAX_STEP_MS).contains(&step_ms) {
                        return Err(EtlError::invalid(
                            format!("{field}.step_ms"),
                            &step_ms.to_string(),
                            format!(
                                "must lie between {} and {}",
                                Objective::MIN_STEP_MS,
                                Objective::MAX_STEP_MS
                            ),
                            "leave it at 0 for 60000, a minute",
                        ));
                    }
                    Ok(Self::Expression {
                        text: expression.text().to_owned(),
                        step_ms,
                    })
                }
            },
            None => Err(bad(sla_domain::QueryError::Empty)),
        }
    }

    /// Normal form as PromQL.
    pub fn text(&self) -> &str {
        match self {
            Self::Selector(selector) => selector.text(),
            Self::Expression { text, .. } => text,
        }
    }

    /// As a message.
    pub fn to_message(&self) -> Query {
        match self {
            Self::Selector(selector) => Query {
                query: Some(query::Query::Selector(selector.text().to_owned())),
                ..Query::default()
            },
            Self::Expression { text, step_ms } => Query {
                query: Some(query::Query::Expression(text.clone())),
                step_ms: *step_ms,
                ..Query::default()
            },
        }
    }
}

/// A query and the source it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcedQuery {
    /// Name of the source; empty = the default one.
    pub source: String,
    /// What to read.
    pub query: ReadQuery,
}

impl SourcedQuery {
    /// Parses a query message; `field` names it in errors.
    pub fn parse(field: &str, message: &Query) -> Result<Self, EtlError> {
        Ok(Self {
            source: message.source.clone(),
            query: ReadQuery::parse(field, message)?,
        })
    }
}

/// The selector of exactly the series with these labels, as PromQL.
pub fn selector_of(labels: &sla_domain::Labels) -> Option<String> {
    Selector::of_labels(labels).map(|selector| selector.text().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> Query {
        Query {
            query: Some(query::Query::Selector(text.into())),
            ..Query::default()
        }
    }

    fn expression(text: &str, step_ms: i64) -> Query {
        Query {
            query: Some(query::Query::Expression(text.into())),
            step_ms,
            ..Query::default()
        }
    }

    #[test]
    fn queries_come_out_in_normal_form() {
        let parsed = ReadQuery::parse("q", &selector(" up{job='node' } ")).unwrap();
        assert_eq!(parsed.text(), "up{job=\"node\"}");
        assert_eq!(ReadQuery::parse("q", &parsed.to_message()).unwrap(), parsed);
        assert!(matches!(
            ReadQuery::parse("q", &expression("up", 0)).unwrap(),
            ReadQuery::Selector(_)
        ));
        let parsed = ReadQuery::parse("q", &expression("rate(x_total[5m])", 0)).unwrap();
        assert_eq!(
            parsed,
            ReadQuery::Expression {
                text: "rate(x_total[5m])".into(),
                step_ms: Objective::DEFAULT_STEP_MS
            }
        );
    }

    #[test]
    fn mistakes_name_field_and_place() {
        let error = ReadQuery::parse("queries[3]", &selector("up{job=node}")).unwrap_err();
        let EtlError::BadQuery(invalid) = error else {
            panic!("{error}")
        };
        assert_eq!(invalid.field, "queries[3]");
        assert!(invalid.rule.contains("character 8"), "{invalid}");
        assert!(ReadQuery::parse("q", &selector("sum(up)")).is_err());
        assert!(ReadQuery::parse("q", &Query::default()).is_err());
        assert!(ReadQuery::parse("q", &expression("sum(up)", 5)).is_err());
    }
}
