//! What an objective looks at: a plain selector (judged on raw samples) or an expression (judged at a step).

use std::fmt;

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, Expr};

use crate::safe_text::SafeText;
use crate::selector::Selector;
use crate::selector::grammar::{self, Stop};
use crate::unit::Unit;

mod error;
mod locate;
mod measure;
mod scan;

pub use error::{MAX_EXPRESSION_TOKENS, MAX_QUERY_BYTES, MAX_QUERY_DEPTH, QueryError};

/// A PromQL expression that is no plain selector. Evaluated by the server at the objective's step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expression {
    text: String,
    complaint: Option<SafeText>,
}

impl Expression {
    /// Normal form: comments gone, runs of blanks outside quotes one space.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What our own parser does not know about it (a function of a newer or another server). The server is the judge
    /// of expressions: ask it before the expression is saved.
    pub fn complaint(&self) -> Option<&SafeText> {
        self.complaint.as_ref()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A selector or an expression, always in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Metric name and matchers: judged on raw samples with their own times.
    Selector(Selector),
    /// Anything else of PromQL: judged at a step.
    Expression(Expression),
}

impl Query {
    /// Reads `text`; says whether it is a plain selector or an expression, and where it is wrong.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(QueryError::TooLong {
                what: "bytes",
                have: text.len(),
                limit: MAX_QUERY_BYTES,
            });
        }
        if text.trim().is_empty() {
            return Err(QueryError::Empty);
        }
        let position = |at: usize| Some(text[..at].chars().count());
        let mistake = match grammar::matchers(text) {
            Ok(matchers) => {
                return Selector::new(matchers)
                    .map(Self::Selector)
                    .ok_or_else(|| QueryError::Syntax {
                        position: position(text.find('{').unwrap_or(0)),
                        message:
                            "would select every series: at least one matcher must refuse the empty text; name a metric"
                                .into(),
                    });
            }
            Err(Stop::NotPlain { .. }) => None,
            Err(Stop::Mistake { at, message }) => Some(QueryError::Syntax {
                position: position(at),
                message: message.into(),
            }),
        };
        // A selector with a mistake may still be an expression our small grammar does not know; if it is none, the
        // selector's message is the better one.
        expression(text)
            .map(Self::Expression)
            .map_err(|error| mistake.unwrap_or(error))
    }

    /// Reads `text` as a plain selector; an expression is refused at the character where it leaves the selector.
    pub fn parse_selector(text: &str) -> Result<Selector, QueryError> {
        match Self::parse(text)? {
            Self::Selector(selector) => Ok(selector),
            Self::Expression(_) => Err(QueryError::Syntax {
                position: match grammar::matchers(text) {
                    Err(Stop::NotPlain { at } | Stop::Mistake { at, .. }) => Some(text[..at].chars().count()),
                    Ok(_) => None,
                },
                message: "a plain selector is wanted here (metric name and matchers), this is an expression".into(),
            }),
        }
    }

    /// Normal form: two queries with the same text read the same.
    pub fn text(&self) -> &str {
        match self {
            Self::Selector(selector) => selector.text(),
            Self::Expression(expression) => expression.text(),
        }
    }

    /// Whether it is judged on raw samples.
    pub fn is_selector(&self) -> bool {
        matches!(self, Self::Selector(_))
    }

    /// The selector, if it is one.
    pub fn selector(&self) -> Option<&Selector> {
        match self {
            Self::Selector(selector) => Some(selector),
            Self::Expression(_) => None,
        }
    }

    /// The metric name, where one is fixed: of a selector only.
    pub fn metric_name(&self) -> Option<&str> {
        self.selector().and_then(Selector::metric_name)
    }

    /// What its values are measured in, as far as the metric's name tells; `raw` says that a counter is judged by its own
    /// value. Of an expression nothing is known.
    pub fn unit(&self, raw: bool) -> Unit {
        self.metric_name().map_or(Unit::PLAIN, |name| Unit::judged(name, raw))
    }

    /// What a bound on its values is read in: also of an expression, where the names in it and what is done with them tell.
    pub fn bound_unit(&self, raw: bool) -> Unit {
        match self {
            Self::Selector(_) => self.unit(raw),
            Self::Expression(expression) => {
                parser::parse(expression.text()).map_or(Unit::PLAIN, |tree| measure::unit(&tree))
            }
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

fn expression(text: &str) -> Result<Expression, QueryError> {
    let scanned = scan::scan(text)?;
    if scanned.text.is_empty() {
        return Err(QueryError::Empty);
    }
    let position = |at: usize| Some(text[..at].chars().count());
    match parser::parse(&scanned.text) {
        Ok(tree) => {
            let outer = outermost(&tree);
            let message = match outer.value_type() {
                ValueType::Vector | ValueType::Scalar => {
                    return Ok(Expression {
                        text: scanned.text,
                        complaint: None,
                    });
                }
                ValueType::Matrix => {
                    "yields a range of samples, not one number per series; wrap it, for example in avg_over_time(…)"
                }
                ValueType::String => "yields a text, not a number",
            };
            Err(QueryError::NotASeries {
                position: position(scanned.first_range.unwrap_or(0)),
                message: message.into(),
            })
        }
        // A function of a newer server or of MetricsQL: the server shall say.
        Err(message) if message.contains("unknown function") => Ok(Expression {
            text: scanned.text,
            complaint: Some(message.into()),
        }),
        Err(message) => Err(QueryError::Syntax {
            position: locate::mistake(&scanned.text)
                .and_then(|at| scanned.origin(text, at))
                .and_then(position),
            message: message.into(),
        }),
    }
}

fn outermost(tree: &Expr) -> &Expr {
    let mut at = tree;
    while let Expr::Paren(paren) = at {
        at = &paren.expr;
    }
    at
}

#[cfg(test)]
mod tests;
