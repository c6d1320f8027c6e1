//! One filter language for every list.
//!
//! Terms are separated by spaces and all must hold: `text` (contains, any case) · `!not` · `~fuzzy` · `/regex/` ·
//! `field=value`, `field!=value` · `state>=at_risk` (states and numbers are ordered). Quotes keep spaces together.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use sla_domain::unit::Kind;
use sla_domain::{Unit, quantity};

use crate::say;

/// The longest filter, characters.
pub(crate) const FILTER_CHARS_MAX: usize = 500;

/// A compiled regular expression may take this much memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// What a row tells a filter.
pub(crate) trait Filterable {
    /// The text that plain terms look into.
    fn haystack(&self) -> &str;
    /// The names of its fields but for labels, for who asks for one that is not there.
    const FIELDS: &'static [&'static str];
    /// A field by name, if the row has it: labels, `state`, `name`, numbers.
    fn field(&self, name: &str) -> Option<Value<'_>>;
}

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    /// Read in its unit: `last>2.5G`, `duration>5m`.
    Number(f64, Unit),
    /// A word with a rank: `state>=at_risk`.
    Ranked(&'static str, u8),
}

impl Value<'_> {
    /// A count of something.
    pub(crate) fn count(number: u64) -> Self {
        Self::Number(number as f64, Unit::PLAIN)
    }

    /// A probability, which people write in percent.
    pub(crate) fn share(p: f64) -> Self {
        Self::Number(p * 100.0, Unit::of(Kind::Percent))
    }
}

/// States in rising order of trouble, as `state>=` understands them.
pub(crate) const STATE_RANKS: [(&str, u8); 5] = [
    ("excluded", 0),
    ("ok", 1),
    ("at_risk", 2),
    ("no_data", 3),
    ("violated", 4),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longest operators first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Compare); 6] = [
    ("!=", Compare::NotEqual),
    (">=", Compare::GreaterOrEqual),
    ("<=", Compare::LessOrEqual),
    ("=", Compare::Equal),
    (">", Compare::Greater),
    ("<", Compare::Less),
];

#[derive(Debug, Clone)]
enum Term {
    Contains(String),
    Fuzzy(Pattern),
    Regex(regex::Regex),
    Field(String, Compare, String),
    Not(Box<Term>),
}

/// A filter that was understood.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    terms: Vec<Term>,
    text: String,
}

impl Filter {
    /// Understands `text`, or says in words what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > FILTER_CHARS_MAX {
            return Err(say::filter::a_filter_has_at(&FILTER_CHARS_MAX));
        }
        let terms = words(text)?.iter().map(|word| term(word)).collect::<Result<_, _>>()?;
        Ok(Self {
            terms,
            text: text.to_owned(),
        })
    }

    /// Whether everything passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// As it was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// A field that is asked for and that no row has.
    pub(crate) fn unknown_field<T: Filterable>(&self, rows: &[T]) -> Option<&str> {
        let mut names = self.terms.iter().filter_map(Term::field_name);
        names.find(|name| {
            let known = T::FIELDS.contains(name);
            !known && !rows.is_empty() && rows.iter().all(|row| row.field(name).is_none())
        })
    }

    /// Indices of the rows that pass, in their order.
    pub(crate) fn select<T: Filterable>(&self, rows: &[T]) -> Vec<usize> {
        if self.is_empty() {
            return (0..rows.len()).collect();
        }
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut chars = Vec::new();
        let passes = |(at, row): (usize, &T)| {
            self.terms
                .iter()
                .all(|term| term.passes(row, &mut matcher, &mut chars))
                .then_some(at)
        };
        rows.iter().enumerate().filter_map(passes).collect()
    }
}

impl Term {
    fn field_name(&self) -> Option<&str> {
        match self {
            Self::Field(name, ..) => Some(name),
            Self::Not(term) => term.field_name(),
            _ => None,
        }
    }

    fn passes(&self, row: &impl Filterable, matcher: &mut Matcher, chars: &mut Vec<char>) -> bool {
        match self {
            Self::Contains(needle) => contains(row.haystack(), needle),
            Self::Fuzzy(pattern) => pattern.score(Utf32Str::new(row.haystack(), chars), matcher).is_some(),
            Self::Regex(regex) => regex.is_match(row.haystack()),
            Self::Not(term) => !term.passes(row, matcher, chars),
            Self::Field(name, compare, wanted) => row
                .field(name)
                .map_or(*compare == Compare::NotEqual, |value| holds(&value, *compare, wanted)),
        }
    }
}

fn contains(haystack: &str, needle_lower: &str) -> bool {
    haystack.to_lowercase().contains(needle_lower)
}

fn holds(value: &Value<'_>, compare: Compare, wanted: &str) -> bool {
    use std::cmp::Ordering;
    let order = match value {
        Value::Text(text) => {
            let same = text.eq_ignore_ascii_case(wanted);
            return match compare {
                Compare::Equal => same,
                Compare::NotEqual => !same,
                Compare::Less => *text < wanted,
                Compare::LessOrEqual => *text <= wanted,
                Compare::Greater => *text > wanted,
                Compare::GreaterOrEqual => *text >= wanted,
            };
        }
        Value::Number(number, unit) => quantity::parse(wanted, *unit).ok().and_then(|w| number.partial_cmp(&w)),
        Value::Ranked(_, rank) => STATE_RANKS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(wanted))
            .map(|(_, w)| rank.cmp(w)),
    };
    let Some(order) = order else {
        return compare == Compare::NotEqual;
    };
    match compare {
        Compare::Equal => order == Ordering::Equal,
        Compare::NotEqual => order != Ordering::Equal,
        Compare::Less => order == Ordering::Less,
        Compare::LessOrEqual => order != Ordering::Greater,
        Compare::Greater => order == Ordering::Greater,
        Compare::GreaterOrEqual => order != Ordering::Less,
    }
}

fn term(word: &str) -> Result<Term, String> {
    if let Some(rest) = word.strip_prefix('!') {
        if rest.is_empty() {
            return Err(say::filter::needs_a_term_after().to_owned());
        }
        return Ok(Term::Not(Box::new(term(rest)?)));
    }
    if let Some(rest) = word.strip_prefix('~') {
        return Ok(Term::Fuzzy(Pattern::parse(
            rest,
            CaseMatching::Ignore,
            Normalization::Smart,
        )));
    }
    if let Some(rest) = word.strip_prefix('/') {
        let pattern = rest.strip_suffix('/').unwrap_or(rest);
        return regex::RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map(Term::Regex)
            .map_err(|_| say::filter::is_no_regular_expression(&pattern));
    }
    for (at, _) in word.char_indices().skip(1) {
        for (operator, compare) in OPERATORS {
            if word[at..].starts_with(operator) && is_name(&word[..at]) {
                let wanted = word[at + operator.len()..].trim_matches('"').to_owned();
                let name = word[..at].to_lowercase();
                if name == "state" && !STATE_RANKS.iter().any(|(state, _)| state.eq_ignore_ascii_case(&wanted)) {
                    return Err(say::filter::state_is_one_of(&wanted));
                }
                return Ok(Term::Field(name, compare, wanted));
            }
        }
    }
    Ok(Term::Contains(word.trim_matches('"').to_lowercase()))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':'))
}

/// Splits at spaces outside quotes and outside `/…/`.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut regex) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if regex => {
                word.push(c);
                word.extend(chars.next());
            }
            '"' if !regex => {
                quoted = !quoted;
                word.push(c);
            }
            '/' if !quoted && (word.is_empty() || word == "!") => {
                regex = true;
                word.push(c);
            }
            '/' if regex => {
                regex = false;
                word.push(c);
            }
            c if c.is_whitespace() && !quoted && !regex => {
                if !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if quoted {
        return Err(say::filter::a_quote_is_not().to_owned());
    }
    if !word.is_empty() {
        out.push(word);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Row(&'static str, &'static str, f64);

    impl Filterable for Row {
        const FIELDS: &'static [&'static str] = &["job", "last", "state"];
        fn haystack(&self) -> &str {
            self.0
        }
        fn field(&self, name: &str) -> Option<Value<'_>> {
            match name {
                "job" => Some(Value::Text("node")),
                "last" => Some(Value::Number(self.2, Unit::PLAIN)),
                "state" => STATE_RANKS
                    .iter()
                    .find(|s| s.0 == self.1)
                    .map(|s| Value::Ranked(s.0, s.1)),
                _ => None,
            }
        }
    }

    const ROWS: [Row; 4] = [
        Row("node_load1 host-1", "ok", 1.82),
        Row("node_load1 host-3", "violated", 6.02),
        Row("node_memory_MemAvailable", "at_risk", 3.9e9),
        Row("up host-4", "no_data", 1.0),
    ];

    fn check(filter: &str, expect: &[usize]) {
        assert_eq!(Filter::parse(filter).unwrap().select(&ROWS), expect, "{filter}");
    }

    #[test]
    fn every_form() {
        check("", &[0, 1, 2, 3]);
        check("LOAD", &[0, 1]);
        check("load !host-3", &[0]);
        check("~memavl", &[2]);
        check("/load1 host-[23]/", &[1]);
        check("!/load/", &[2, 3]);
        check("state>=at_risk", &[1, 2, 3]);
        check("state=violated", &[1]);
        check("state<at_risk", &[0]);
        check("last>2", &[1, 2]);
        check("last>=3.9G", &[2]);
        check("job=node load1", &[0, 1]);
        check("job!=node", &[]);
        check("nothere=1", &[]);
        check("\"load1 host-1\"", &[0]);
    }

    #[test]
    fn a_field_that_no_row_has_is_named() {
        let unknown = |text: &str| Filter::parse(text).unwrap().unknown_field(&ROWS).map(str::to_owned);
        assert_eq!(unknown("last>2 value>3"), Some("value".to_owned()));
        assert_eq!(unknown("!foo=1"), Some("foo".to_owned()));
        assert_eq!(unknown("state=ok job=node load"), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (filter, word) in [
            ("state=fine", "violated"),
            ("\"open", "quote"),
            ("!", "term"),
            ("/(/", "regular"),
        ] {
            let error = Filter::parse(filter).unwrap_err();
            assert!(error.contains(word), "{filter}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_filter_panics(text in ".{0,60}") {
            if let Ok(filter) = Filter::parse(&text) {
                filter.select(&ROWS);
            }
        }
    }
}
