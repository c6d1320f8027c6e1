//! What is wrong with a filter, in the language of its user; the filter itself is the domain's.

pub(crate) use sla_domain::filter::{FILTER_CHARS_MAX, Filter, FilterError, Filterable, STATE_RANKS, Value};

use crate::say;

/// Why a text is no filter.
pub(crate) fn words(error: &FilterError) -> String {
    match error {
        FilterError::TooLong => say::filter::a_filter_has_at(&FILTER_CHARS_MAX),
        FilterError::NothingAfterNot => say::filter::needs_a_term_after().to_owned(),
        FilterError::NoRegex(pattern) => say::filter::is_no_regular_expression(pattern),
        FilterError::NoState(wanted) => say::filter::state_is_one_of(wanted),
        FilterError::OpenQuote => say::filter::a_quote_is_not().to_owned(),
    }
}
