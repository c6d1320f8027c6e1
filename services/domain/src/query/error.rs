//! Why a query is refused, and the limits it has to keep.

use thiserror::Error;

use crate::invalid::Invalid;
use crate::safe_text::SafeText;

/// The longest query text, in bytes.
pub const MAX_QUERY_BYTES: usize = 8_192;
/// How deep brackets may be nested: the parsers of both sides work by recursion.
pub const MAX_QUERY_DEPTH: usize = 64;
/// How many operators, names, numbers and brackets an expression may have, for the same reason: `1+1+1+…` nests too.
pub const MAX_EXPRESSION_TOKENS: usize = 1_000;

/// Why a query is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueryError {
    /// Nothing but blanks.
    #[error("the query is empty; give a metric name, a selector such as up{{job=\"node\"}}, or a PromQL expression")]
    Empty,
    /// Above [`MAX_QUERY_BYTES`], [`MAX_QUERY_DEPTH`] or [`MAX_EXPRESSION_TOKENS`].
    #[error("the query has {have} {what}, at most {limit} are allowed; shorten it")]
    TooLong {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        have: usize,
        /// How many may be.
        limit: usize,
    },
    /// It does not parse.
    #[error("{}{message}", at_character(*.position))]
    Syntax {
        /// Characters before the mistake, from 0; `None` where the parser does not tell.
        position: Option<usize>,
        /// The mistake, in words.
        message: SafeText,
    },
    /// It parses, but yields no series of numbers.
    #[error("{}{message}", at_character(*.position))]
    NotASeries {
        /// Characters before the part to blame, from 0.
        position: Option<usize>,
        /// Why, and what to write instead.
        message: SafeText,
    },
}

fn at_character(position: Option<usize>) -> String {
    position.map_or_else(String::new, |at| format!("at character {}: ", at + 1))
}

impl QueryError {
    /// Characters before the mistake, from 0, where it is known.
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::Syntax { position, .. } | Self::NotASeries { position, .. } => *position,
            Self::Empty | Self::TooLong { .. } => None,
        }
    }

    /// As a refused field.
    pub fn into_invalid(self, field: &str, text: &str) -> Invalid {
        let fix = match self {
            Self::Empty => {
                let fix = "give a metric name, a selector such as up{job=\"node\"}, or a PromQL expression";
                return Invalid::new(field, text, "is empty", fix);
            }
            Self::TooLong { .. } => "shorten it",
            Self::Syntax { .. } => "correct it there",
            Self::NotASeries { .. } => "one number per series is what can be judged",
        };
        Invalid::new(field, text, self.to_string(), fix)
    }
}
